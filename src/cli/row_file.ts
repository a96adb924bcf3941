/** JSON Lines given to `sample` and `score`: read whole and checked before anything is computed. */
import { LatroError } from '../engine/common/errors.ts';
import { type FileSystem, isMissing } from '../engine/common/file_system.ts';
import { isRecord } from '../engine/datasets/fields.ts';
import { readLines } from '../engine/datasets/file_bytes.ts';

export interface JsonRow {
  readonly line: number;
  readonly value: unknown;
}

/** Longest line in bytes: above every context in use. */
const LONGEST_LINE = 16 * 2 ** 20;

/** Every line that is not blank. @throws LatroError `dataset-not-found`, `dataset-row`, `dataset-format` */
export async function readJsonRows(files: Pick<FileSystem, 'readChunks'>, path: string): Promise<JsonRow[]> {
  const rows: JsonRow[] = [];
  let line = 0;
  try {
    for await (const bytes of readLines(files.readChunks(path), LONGEST_LINE)) {
      line++;
      if (bytes === null) throw badRow(path, line, `it is longer than ${LONGEST_LINE / 2 ** 20} MiB`);
      const text = bytes.toString('utf8').replace(/^\ufeff/, '');
      if (text.trim() !== '') rows.push({ line, value: parse(path, line, text) });
    }
  } catch (error) {
    if (isMissing(error))
      throw new LatroError('dataset-not-found', `There is no file ${path}.`, 'Check the path.', { cause: error });
    throw error;
  }
  if (rows.length === 0)
    throw new LatroError('dataset-format', `${path} holds no rows.`, 'Give it one JSON object per line.');
  return rows;
}

/** Whether the first row is an object with this field; no file, or no such row: false. */
export async function firstRowHas(
  files: Pick<FileSystem, 'readChunks'>,
  path: string,
  field: string,
): Promise<boolean> {
  try {
    for await (const bytes of readLines(files.readChunks(path), LONGEST_LINE)) {
      const text = bytes?.toString('utf8').trim() ?? '';
      if (text === '') continue;
      const value: unknown = JSON.parse(text);
      return isRecord(value) && Object.hasOwn(value, field);
    }
  } catch (error) {
    // Not ours to report: whoever reads the file as a dataset says what is wrong with it.
    if (!(error instanceof SyntaxError || isMissing(error))) throw error;
  }
  return false;
}

function parse(path: string, line: number, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw badRow(path, line, 'it is not valid JSON');
  }
}

export function badRow(path: string, line: number, why: string, nextStep = 'Correct or delete the row.'): LatroError {
  return new LatroError('dataset-row', `${path}, line ${line}: ${why}.`, nextStep);
}
