/** One question a client asks about: the text of its row, which the editor may not have saved yet, read as its file is read. */
import { resolve } from 'node:path';
import type { RowReference } from '../../protocol/engine_rpc.ts';
import type { RunConfig } from '../../protocol/run_config.ts';
import { LatroError } from '../common/errors.ts';
import type { FileSystem } from '../common/file_system.ts';
import type { Dataset } from '../datasets/dataset.ts';
import type { DatasetFormat } from '../datasets/format.ts';
import type { AnswerKind, DatasetRow } from '../datasets/row.ts';
import { checkRow } from '../datasets/row_check.ts';
import { RowCollector } from '../datasets/row_collector.ts';
import { type DatasetSettings, readRows } from '../training/run_setup.ts';

export interface QuestionRow {
  readonly row: DatasetRow;
  readonly format: DatasetFormat;
  readonly answerKind: AnswerKind;
}

/** How to read a file: as the run does when it is one of the run's, else as the client says. */
export function datasetSettings(
  path: string,
  format: RowReference['format'],
  runConfig: RunConfig | null,
): DatasetSettings {
  const own = runConfig === null ? [] : [runConfig.dataset.train, runConfig.dataset.validation, runConfig.dataset.test];
  const isOwn = own.some((file) => file !== undefined && resolve(file) === resolve(path));
  if (runConfig !== null && isOwn) return runConfig.dataset;
  // Without a mapping, columns are guessed by their names, which is what 'auto' comes to.
  return { format: format === 'columns' ? 'auto' : format, answers: 'auto' };
}

/** @throws LatroError `dataset-row` naming the place, `dataset-format` when nothing tells question from answer */
export async function readQuestionRow(
  files: FileSystem,
  reference: RowReference,
  runConfig: RunConfig | null,
): Promise<QuestionRow> {
  const { dataset: path, line, row: text } = reference;
  const settings = datasetSettings(path, reference.format, runConfig);
  const { format, answerKind } = await readAsFile(files, reference, settings);
  const { row, problems } = checkRow(text, line, format);
  if (row !== undefined) return { row, format, answerKind };
  const [problem] = problems;
  throw new LatroError(
    'dataset-row',
    problem === undefined
      ? `Line ${line} of ${path} is empty.`
      : `${path}:${problem.line}:${problem.column}: ${problem.message}`,
    problem?.fix === undefined ? 'Correct the row.' : `${problem.fix.title}, or correct the row.`,
  );
}

/** The file as it is on disk decides format and kind of answers; a row of a file that was never saved speaks for itself. */
async function readAsFile(files: FileSystem, reference: RowReference, settings: DatasetSettings): Promise<Dataset> {
  const { dataset: path, line, row: text } = reference;
  if ((await files.status(path)) !== null) return readRows(path, { dataset: settings }, files);
  const collector = new RowCollector(path, { format: settings.format });
  collector.add(
    (format) => checkRow(text, line, format),
    () => parseOrUndefined(text),
  );
  return collector.finish();
}

function parseOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
