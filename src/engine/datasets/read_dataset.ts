/** Reads a dataset file: JSONL, JSON or Parquet, in a known format, under a column mapping, or as its first rows suggest. */
import { isUtf8 } from 'node:buffer';
import { LatroError } from '../common/errors.ts';
import { type FileSystem, NodeFileSystem } from '../common/file_system.ts';
import type { Dataset } from './dataset.ts';
import { isRecord } from './fields.ts';
import { readLines, readWhole } from './file_bytes.ts';
import { jsonRowSources } from './json_row_sources.ts';
import { readParquet } from './parquet.ts';
import type { DatasetRow, RowProblem } from './row.ts';
import { checkRecord, checkRow, checkRowSource, LONGEST_ROW, LONGEST_ROW_BYTES, rowTooLong } from './row_check.ts';
import { RowCollector, type RowCollectorOptions } from './row_collector.ts';
import { PositionTracker } from './text_position.ts';

export interface ReadDatasetOptions extends RowCollectorOptions {
  readonly fileSystem?: Pick<FileSystem, 'readChunks'>;
}

/**
 * Rows that are not sound are left out and named in `problems`; whether to go on without them is the caller's decision
 * (`requireSoundRows`). Throws `dataset-not-found` or `dataset-format` when there is nothing to read at all.
 */
export async function readDataset(path: string, options: ReadDatasetOptions = {}): Promise<Dataset> {
  const chunks = (options.fileSystem ?? new NodeFileSystem()).readChunks(path);
  const collector = new RowCollector(path, options);
  try {
    if (/\.(jsonl|ndjson)$/i.test(path)) await collectLines(path, chunks, collector);
    else await collectWhole(path, await readWhole(path, chunks), collector);
  } catch (cause) {
    throw asDatasetError(path, cause);
  }
  return collector.finish();
}

/** The sound rows, or `dataset-row` with the place of the first error, or `dataset-format` when there is no row at all. */
export function requireSoundRows(dataset: Dataset): readonly DatasetRow[] {
  const errors = dataset.problems.filter((problem) => problem.severity === 'error');
  const [first] = errors;
  if (first) {
    const others = new Set(errors.map((error) => error.line)).size - 1;
    const rest = others === 0 ? '' : ` (${others} other ${others === 1 ? 'row has' : 'rows have'} errors too)`;
    const reason = `${dataset.path}:${first.line}:${first.column}: ${first.message.replace(/\.$/, '')}${rest}.`;
    throw new LatroError(
      'dataset-row',
      reason,
      first.fix ? `${first.fix.title}, or correct the row.` : 'Correct or delete the row.',
    );
  }
  if (dataset.rows.length === 0) {
    throw new LatroError(
      'dataset-format',
      `${dataset.path} holds no rows.`,
      'Choose a file with questions and answers.',
    );
  }
  return dataset.rows;
}

async function collectLines(path: string, chunks: AsyncIterable<Uint8Array>, collector: RowCollector): Promise<void> {
  let line = 0;
  for await (const bytes of readLines(chunks, LONGEST_ROW_BYTES)) {
    line++;
    if (line === 1 && bytes) refuseUtf16(path, bytes);
    if (!bytes) {
      collector.addProblem(rowTooLong({ text: '', line, column: 1 }));
      continue;
    }
    const number = line;
    const text = bytes.toString('utf8');
    if (text.trim() === '') continue;
    if (!isUtf8(bytes)) collector.addProblem(invalidUtf8(text, number));
    else
      collector.add(
        (format) => checkRow(text, number, format),
        () => parseOrUndefined(text.replace(/^\ufeff/, '')),
      );
  }
}

async function collectWhole(path: string, bytes: Buffer, collector: RowCollector): Promise<void> {
  if (bytes.subarray(0, 4).toString('latin1') === 'PAR1' || /\.parquet$/i.test(path)) {
    for (const [index, record] of (await readParquet(path, bytes)).entries()) {
      collector.add(
        (format) => checkRecord(record, index + 1, format),
        () => record,
      );
    }
    return;
  }
  refuseUtf16(path, bytes);
  const text = bytes.toString('utf8').replace(/^\ufeff/, ' ');
  if (looksLikeJsonLines(text)) await collectLines(path, toChunks(bytes), collector);
  else if (isUtf8(bytes)) collectJson(text, collector);
  else collector.addProblem(invalidUtf8(text, 1));
}

function collectJson(text: string, collector: RowCollector): void {
  const { sources, broken } = jsonRowSources(text);
  for (const source of sources) {
    collector.add(
      (format) => checkRowSource(source, format),
      () => parseOrUndefined(source.text),
    );
  }
  if (broken) collector.addProblem(broken);
}

/** A file whose first line is a whole object and that goes on with more, or holds no list, is JSONL under another name. */
function looksLikeJsonLines(text: string): boolean {
  const [first = '', second = ''] = text.trimStart().split('\n', 2);
  const record = first.length <= LONGEST_ROW ? parseOrUndefined(first) : undefined;
  return isRecord(record) && (second.trim() !== '' || !Object.values(record).some(Array.isArray));
}

async function* toChunks(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function parseOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** `text` begins on `line` and holds a replacement character where its bytes were not UTF-8. */
function invalidUtf8(text: string, line: number): RowProblem {
  const place = new PositionTracker(text).at(text.indexOf('\ufffd'));
  const message = 'The text is not UTF-8 here.';
  return {
    severity: 'error',
    code: 'invalid-utf8',
    line: line + place.line - 1,
    column: place.column,
    endColumn: place.column + 1,
    message,
  };
}

function refuseUtf16(path: string, bytes: Buffer): void {
  const mark = bytes.subarray(0, 2).toString('latin1');
  if (mark !== '\xff\xfe' && mark !== '\xfe\xff') return;
  throw new LatroError('dataset-format', `${path} is UTF-16 text.`, 'Save it as UTF-8.');
}

function asDatasetError(path: string, cause: unknown): unknown {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (cause instanceof LatroError || typeof code !== 'string') return cause;
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: `There is no dataset file ${path}.`,
    EISDIR: `${path} is a folder, not a dataset file.`,
    EACCES: `The dataset file ${path} may not be read.`,
  };
  return new LatroError(
    'dataset-not-found',
    reasons[code] ?? `The dataset file ${path} cannot be read (${code}).`,
    'Check the path.',
    { cause },
  );
}
