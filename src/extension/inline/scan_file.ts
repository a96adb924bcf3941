/** Checks the rows of a JSONL file on disk, however large: VS Code hands documents of more than 50 MB to no extension. */
import type { FileSystem } from '../../engine/common/file_system.ts';
import { TimeSlice } from '../../engine/common/time_slice.ts';
import { readLines } from '../../engine/datasets/file_bytes.ts';
import type { DatasetFormat } from '../../engine/datasets/format.ts';
import { type CheckedRow, checkRow, LONGEST_ROW_BYTES, rowTooLong } from '../../engine/datasets/row_check.ts';
import { formatOf } from '../dataset/dataset_rows.ts';

/** So many lines are held back until they have shown the file's format. */
const LINES_OF_DETECTION = 40;

/**
 * Calls `onRow` for every line (0-based) in order, without holding the event loop for longer than a row takes.
 * @returns false when the file is no dataset, or `signal` ended it
 */
export async function scanFile(
  files: Pick<FileSystem, 'readChunks'>,
  path: string,
  onRow: (line: number, checked: CheckedRow) => void,
  signal?: AbortSignal,
): Promise<boolean> {
  const head: string[] = [];
  let format: DatasetFormat | undefined;
  let lines = 0;
  const check = (text: string, line: number) => {
    if (format !== undefined) onRow(line, checkRow(text, line + 1, format));
  };
  const detect = () => {
    format = formatOf(textOf(path, head));
    head.forEach(check);
    head.length = 0;
    return format !== undefined;
  };
  const slice = new TimeSlice();
  for await (const bytes of readLines(files.readChunks(path), LONGEST_ROW_BYTES)) {
    if (format === undefined && lines === LINES_OF_DETECTION && !detect()) return false;
    const line = lines++;
    if (line < LINES_OF_DETECTION) head.push(bytes?.toString('utf8') ?? '');
    else if (bytes === null) onRow(line, { problems: [rowTooLong({ text: '', line: line + 1, column: 1 })] });
    else check(bytes.toString('utf8'), line);
    if (slice.isOver) await slice.next();
    if (signal?.aborted) return false;
  }
  return format !== undefined || detect();
}

function textOf(fileName: string, lines: readonly string[]) {
  return {
    fileName,
    version: 0,
    lineCount: lines.length,
    lineAt: (line: number) => ({ text: lines[line] ?? '' }),
    getText: () => lines.join('\n'),
  };
}
