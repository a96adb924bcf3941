/** The rows of a JSON document as sources to check one by one, each with its place and with what to delete to be rid of it. */

import { findJsonRows } from './json_rows.ts';
import type { RowProblem, TextRange } from './row.ts';
import { LONGEST_ROW, type RowSource } from './row_check.ts';
import { PositionTracker } from './text_position.ts';

export interface JsonRowSource extends RowSource {
  /** 1-based line on which the row ends. */
  readonly endLine: number;
  /** 1-based column behind its last character. */
  readonly endColumn: number;
}

export interface JsonRowSources {
  readonly sources: readonly JsonRowSource[];
  /** Where the document itself is broken, if it is; rows before that place are kept. */
  readonly broken?: RowProblem;
}

export function jsonRowSources(text: string): JsonRowSources {
  const { rows, broken } = findJsonRows(text);
  const starts = new PositionTracker(text);
  const ends = new PositionTracker(text);
  const removalEnds = new PositionTracker(text);
  let previousEnd: { line: number; column: number } | undefined;
  const sources = rows.map(({ start, end }, index): JsonRowSource => {
    const begin = starts.at(start);
    const next = rows[index + 1];
    // A row goes with the comma after it; the last one with the comma before it.
    const from = next || !previousEnd ? begin : previousEnd;
    const to = removalEnds.at(next?.start ?? end);
    const removal: TextRange = { ...from, endLine: to.line, endColumn: to.column };
    previousEnd = ends.at(end);
    const { line: endLine, column: endColumn } = previousEnd;
    return { text: text.slice(start, Math.min(end, start + LONGEST_ROW + 1)), ...begin, endLine, endColumn, removal };
  });
  if (!broken) return { sources };
  const { line, column } = new PositionTracker(text).at(broken.offset);
  const { message } = broken;
  return {
    sources,
    broken: { severity: 'error', code: 'invalid-json', line, column, endColumn: column + 1, message },
  };
}
