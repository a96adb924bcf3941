/** A JSON dataset as JSON Lines: each row on a line of its own. Pure. */
import { findJsonRows, type JsonRows } from '../../engine/datasets/json_rows.ts';

export interface JsonLines {
  readonly lines: Iterable<string>;
  /** Where the document itself is broken, if it is: rows behind that place are not among the lines. */
  readonly broken: JsonRows['broken'];
}

/** A row that is not valid JSON is kept as it is, on one line: the row check then says what is wrong with it. */
export function jsonLines(text: string): JsonLines {
  const { rows, broken } = findJsonRows(text.replace(/^\ufeff/, ' '));
  return { lines: compacted(), broken };

  function* compacted(): Generator<string> {
    for (const { start, end } of rows) yield compact(text.slice(start, end));
  }
}

function compact(row: string): string {
  try {
    return JSON.stringify(JSON.parse(row));
  } catch {
    return row.replaceAll(/\s*[\r\n]\s*/g, ' ');
  }
}
