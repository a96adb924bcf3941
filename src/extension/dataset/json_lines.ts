/** A JSON dataset as JSON Lines: each row on a line of its own. Pure. */
import { findJsonRows } from '../../engine/datasets/json_rows.ts';

/** A row that is not valid JSON is kept as it is, on one line: the row check then says what is wrong with it. */
export function* jsonLines(text: string): Generator<string> {
  for (const { start, end } of findJsonRows(text.replace(/^\ufeff/, ' ')).rows) {
    const row = text.slice(start, end);
    yield compact(row);
  }
}

function compact(row: string): string {
  try {
    return JSON.stringify(JSON.parse(row));
  } catch {
    return row.replaceAll(/\s*[\r\n]\s*/g, ' ');
  }
}
