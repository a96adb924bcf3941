/**
 * One row of a dataset: read it, or say what is wrong with it, where, and which edit mends it. Pure and line by line, so that the
 * editor can check the visible lines of a file of any size.
 */

import { type FieldPath, FieldProblem, isRecord, type JsonRecord, name } from './fields.ts';
import type { DatasetFormat } from './format.ts';
import { type JsonNode, type JsonSpan, locateJson, locatePath } from './json_text.ts';
import type { DatasetRow, RowContent, RowFix, RowProblem, RowProblemCode, TextRange } from './row.ts';
import { rowKey } from './row_key.ts';

/** No real question comes near this; a longer line is refused unread, whatever it holds. In UTF-16 code units. */
export const LONGEST_ROW = 1_000_000;
/** The same in UTF-8, where a UTF-16 code unit takes at most three bytes. */
export const LONGEST_ROW_BYTES = 3 * LONGEST_ROW;

/** The text of one row and where it begins in its file. `removal` is what to delete to be rid of it (by default its lines). */
export interface RowSource {
  readonly text: string;
  readonly line: number;
  /** 1-based. */
  readonly column: number;
  readonly removal?: TextRange;
}

export interface CheckedRow {
  /** Absent when a problem is an error. */
  readonly row?: DatasetRow;
  readonly problems: readonly RowProblem[];
}

/** Checks one line of a JSONL file. A blank line is no row and no problem. */
export function checkRow(text: string, line: number, format: DatasetFormat): CheckedRow {
  // A byte order mark becomes a blank, so that columns stay where they are.
  const trimmed = text.replace(/^\ufeff/, ' ').trimEnd();
  return trimmed === '' ? { problems: [] } : checkRowSource({ text: trimmed, line, column: 1 }, format);
}

export function checkRowSource(source: RowSource, format: DatasetFormat): CheckedRow {
  const { text } = source;
  if (text.length > LONGEST_ROW) return { problems: [rowTooLong(source)] };
  let record: unknown;
  try {
    record = JSON.parse(text);
  } catch {
    return { problems: [invalidJson(source)] };
  }
  return checkRecord(record, source.line, format, source);
}

/** The problem of a row over `LONGEST_ROW`; its text need not be at hand. */
export function rowTooLong(source: RowSource): RowProblem {
  const message = `The row is longer than ${LONGEST_ROW.toLocaleString('en-US')} characters and was not read.`;
  return problem(source, 'row-too-long', { start: 0, end: 0 }, message, removeRow(source));
}

/** Checks a parsed row. Without `source` (Parquet) problems have no column and no fix. */
export function checkRecord(record: unknown, line: number, format: DatasetFormat, source?: RowSource): CheckedRow {
  const where: RowSource = source ?? { text: '', line, column: 1 };
  if (!isRecord(record)) {
    const message = 'A row must be a JSON object, such as {"question": "…", "answer": "…"}.';
    return {
      problems: [
        problem(where, 'not-an-object', { start: 0, end: where.text.length }, message, source && removeRow(source)),
      ],
    };
  }
  const found = new Map<string, FieldProblem>();
  const read = <T>(field: ((record: JsonRecord) => T) | undefined): T | undefined => {
    try {
      return field?.(record);
    } catch (thrown) {
      if (!(thrown instanceof FieldProblem)) throw thrown;
      found.set(`${thrown.code} ${thrown.path.join('.')}`, thrown);
      return undefined;
    }
  };
  const { fields } = format;
  const content = { question: read(fields.question), answer: read(fields.answer) };
  const optional = {
    choices: read(fields.choices),
    goldRationale: read(fields.goldRationale),
    goldRationales: read(fields.goldRationales),
    context: read(fields.context),
  };
  if (found.size === 0 && content.question !== undefined && content.answer !== undefined) {
    const row: RowContent = { question: content.question, answer: content.answer, ...definedOnly(optional) };
    return { row: { line, rowKey: rowKey(row), ...row }, problems: hiddenCharacters(row, where, source) };
  }
  const located = source && locateJson(source.text);
  const root = located && 'node' in located ? located.node : undefined;
  return { problems: [...found.values()].map((fieldProblem) => describe(fieldProblem, where, root, record)) };
}

function describe(found: FieldProblem, source: RowSource, root: JsonNode | undefined, record: JsonRecord): RowProblem {
  if (!root) return problem(source, found.code, { start: 0, end: source.text.length }, found.message);
  if (found.code === 'missing-field') {
    const owner = locatePath(root, found.path.slice(0, -1)).value;
    return problem(
      source,
      found.code,
      { start: owner.start, end: owner.start + 1 },
      found.message,
      addColumn(found.path, source, root, record),
    );
  }
  const span = locatePath(root, found.path).value;
  return problem(source, found.code, span, found.message, found.code === 'empty-field' ? removeRow(source) : undefined);
}

/** A column under nearly the right name is renamed; otherwise an empty one is put at the row's end for its author to fill in. */
function addColumn(path: FieldPath, source: RowSource, root: JsonNode, record: JsonRecord): RowFix | undefined {
  const [column] = path;
  if (path.length !== 1 || typeof column !== 'string' || !root.members) return undefined;
  const similar = Object.keys(record).find((candidate) => areSimilar(candidate, column));
  const key = root.members.find((member) => member.name === similar)?.key;
  if (key) {
    return {
      kind: 'rename-column',
      title: `Rename the column to ${name(path)}`,
      range: rangeOf(source, key),
      newText: JSON.stringify(column),
    };
  }
  const last = root.members.at(-1)?.value.end ?? root.start + 1;
  const newText = `${root.members.length > 0 ? ', ' : ''}${JSON.stringify(column)}: ""`;
  return {
    kind: 'add-column',
    title: `Add ${name(path)}`,
    range: rangeOf(source, { start: last, end: last }),
    newText,
  };
}

/** Equal but for case, blanks and punctuation, or one letter added, dropped, changed, or two neighbours swapped. */
function areSimilar(a: string, b: string): boolean {
  const [x, y] = [a, b].map((text) => text.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '')) as [string, string];
  if (x === y) return true;
  if (Math.abs(x.length - y.length) > 1 || Math.min(x.length, y.length) < 4) return false;
  let start = 0;
  while (start < x.length && x[start] === y[start]) start++;
  let end = 0;
  while (end < Math.min(x.length, y.length) - start && x.at(-1 - end) === y.at(-1 - end)) end++;
  const [xMiddle, yMiddle] = [x.slice(start, x.length - end), y.slice(start, y.length - end)];
  const swapped =
    xMiddle.length === 2 && yMiddle.length === 2 && xMiddle[0] === yMiddle[1] && xMiddle[1] === yMiddle[0];
  return swapped || (xMiddle.length <= 1 && yMiddle.length <= 1);
}

function invalidJson(source: RowSource): RowProblem {
  const located = locateJson(source.text);
  if (!('error' in located))
    return problem(source, 'invalid-json', { start: 0, end: source.text.length }, 'The row is not valid JSON.');
  const { error } = located;
  const { repair } = error;
  const fix: RowFix = repair
    ? { kind: 'repair-json', title: repair.title, range: rangeOf(source, repair), newText: repair.newText }
    : removeRow(source);
  return problem(source, 'invalid-json', error, error.message, fix);
}

/** Controls that reorder or hide text: what a person reads is then not what the model is trained on. */
const HIDDEN = /[\p{Cc}\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]/gu;
const ALLOWED = new Set(['\n', '\t', '\r']);

function hiddenCharacters(row: RowContent, where: RowSource, source: RowSource | undefined): RowProblem[] {
  const text = [row.question, row.answer, ...(row.choices ?? []), row.context ?? ''].join('\n');
  const hidden = [...new Set(text.match(HIDDEN) ?? [])].filter((character) => !ALLOWED.has(character));
  if (hidden.length === 0) return [];
  const codes = hidden
    .map((character) => `U+${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`)
    .join(', ');
  const message = `The row holds invisible characters (${codes}) that can make it read otherwise than it is.`;
  return [
    {
      ...problem(
        where,
        'hidden-characters',
        { start: 0, end: where.text.length },
        message,
        source && removeHidden(source),
      ),
      severity: 'warning',
    },
  ];
}

function removeHidden(source: RowSource): RowFix {
  const isHidden = (character: string): boolean => !ALLOWED.has(character) && character.replace(HIDDEN, '') === '';
  const newText = source.text
    .replace(HIDDEN, (character) => (isHidden(character) ? '' : character))
    .replace(/\\(?:u[\da-f]{4}|[^u])/gi, (escaped) => (isHidden(JSON.parse(`"${escaped}"`) as string) ? '' : escaped));
  return {
    kind: 'replace-value',
    title: 'Remove the invisible characters',
    range: rangeOf(source, { start: 0, end: source.text.length }),
    newText,
  };
}

function removeRow(source: RowSource): RowFix {
  const lines = source.text.split('\n').length;
  const range = source.removal ?? { line: source.line, column: 1, endLine: source.line + lines, endColumn: 1 };
  return { kind: 'delete-row', title: 'Delete the row', range, newText: '' };
}

function problem(source: RowSource, code: RowProblemCode, span: JsonSpan, message: string, fix?: RowFix): RowProblem {
  const { line, column, endLine, endColumn } = rangeOf(source, span);
  const lineEnd = endLine === line ? endColumn : column + 1;
  return { severity: 'error', code, line, column, endColumn: Math.max(lineEnd, column), message, ...(fix && { fix }) };
}

function rangeOf(source: RowSource, span: JsonSpan): TextRange {
  const start = positionAt(source, span.start);
  const end = positionAt(source, span.end);
  return { line: start.line, column: start.column, endLine: end.line, endColumn: end.column };
}

function positionAt(source: RowSource, offset: number): { line: number; column: number } {
  const before = source.text.slice(0, offset);
  const lastBreak = before.lastIndexOf('\n');
  if (lastBreak === -1) return { line: source.line, column: source.column + offset };
  return { line: source.line + before.split('\n').length - 1, column: offset - lastBreak };
}

function definedOnly<T extends object>(object: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
