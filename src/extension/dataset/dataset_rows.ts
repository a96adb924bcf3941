/** Rows of a dataset as it stands in the editor, saved or not: which row a line belongs to, and where a row has gone. */
import { setImmediate } from 'node:timers/promises';
import { isRecord, type JsonRecord } from '../../engine/datasets/fields.ts';
import type { DatasetFormat } from '../../engine/datasets/format.ts';
import { type JsonRowSource, type JsonRowSources, jsonRowSources } from '../../engine/datasets/json_row_sources.ts';
import { detectFormat, formatById } from '../../engine/datasets/registry.ts';
import type { DatasetRow } from '../../engine/datasets/row.ts';
import { checkRowSource, type RowSource } from '../../engine/datasets/row_check.ts';
import { comparePlaces, type Place } from './place.ts';

/** The part of a `TextDocument` that is needed: 0-based lines, as the editor counts. */
export interface DatasetText {
  readonly fileName: string;
  readonly lineCount: number;
  readonly version: number;
  lineAt(line: number): { readonly text: string };
  getText(): string;
}

export type RowAtLine =
  | { readonly kind: 'row'; readonly row: DatasetRow; readonly text: string }
  /** The line holds a row that cannot be used; the Problems view says why. */
  | { readonly kind: 'bad-row' }
  | { readonly kind: 'no-row' }
  /** Not a file of questions and answers. */
  | { readonly kind: 'no-dataset' }
  /** A dataset whose rows are not looked for: see `isTooLarge`. */
  | { readonly kind: 'too-large' };

/** So many rows at the beginning decide the format, none of them longer than this (to stay within a few milliseconds). */
const ROWS_FOR_DETECTION = 20;
const LONGEST_SAMPLE = 50_000;
/** In characters. A larger .json file is not searched: finding its rows means reading all of it on every edit. */
export const LARGEST_JSON = 4_000_000;

/** Rows looked at between two turns of the event loop, when a row is searched for. */
const ROWS_PER_TURN = 200;

/** The row that `line` (0-based) belongs to; of several the first. */
export const rowAtLine = (text: DatasetText, line: number): RowAtLine => rowAt(text, { line, character: 0 });

/** The row that the line of a place belongs to; where it belongs to several, the one at the place or nearest to it. */
export function rowAt(text: DatasetText, place: Place): RowAtLine {
  const format = formatOf(text);
  if (format === undefined) return { kind: 'no-dataset' };
  if (isTooLarge(text)) return { kind: 'too-large' };
  const source = isJsonLines(text) ? lineSource(text, place.line) : jsonSource(text, place);
  if (source === undefined) return { kind: 'no-row' };
  const { row } = checkRowSource(source, format);
  return row === undefined ? { kind: 'bad-row' } : { kind: 'row', row, text: source.text };
}

/** Where the row with this key begins now, looking near the 0-based line `hint` first; undefined when it is gone. */
export async function findRow(text: DatasetText, rowKey: string, hint: number): Promise<Place | undefined> {
  const found = await nearest(text, { line: hint, character: 0 }, (key) => key === rowKey);
  return found && { line: found.source.line - 1, character: found.source.column - 1 };
}

/** Of the rows whose key is sought, the one nearest to a place as they stand now. */
export async function nearestRow(
  text: DatasetText,
  hint: Place,
  isSought: (rowKey: string) => boolean,
): Promise<DatasetRow | undefined> {
  return (await nearest(text, hint, isSought))?.row;
}

async function nearest(
  text: DatasetText,
  hint: Place,
  isSought: (rowKey: string) => boolean,
): Promise<{ readonly row: DatasetRow; readonly source: RowSource } | undefined> {
  const format = formatOf(text);
  if (format === undefined) return undefined;
  let looked = 0;
  for (const source of isJsonLines(text) ? linesAround(text, hint.line) : nearestFirst(jsonRows(text).sources, hint)) {
    const { row } = checkRowSource(source, format);
    if (row !== undefined && isSought(row.rowKey)) return { row, source };
    if (++looked % ROWS_PER_TURN === 0) await setImmediate();
  }
  return undefined;
}

/** The format the file's first rows suggest; undefined when it is no dataset. */
export function formatOf(text: DatasetText): DatasetFormat | undefined {
  const samples = isJsonLines(text) ? firstLines(text) : firstRows(text);
  const records = samples.flatMap((sample): JsonRecord[] => {
    try {
      const value: unknown = JSON.parse(sample.text);
      return isRecord(value) ? [value] : [];
    } catch {
      return [];
    }
  });
  if (records.length === 0) return isJsonLines(text) ? formatById('starter') : undefined;
  return detectFormat(records) ?? undefined;
}

/** True for one row a line; otherwise the file is a JSON document. */
export const isJsonLines = ({ fileName }: DatasetText): boolean => /\.(jsonl|ndjson)$/i.test(fileName);

/** A JSON document of more than 4 MB: it is known to be a dataset by its beginning, and that is all. One row a line has no such limit. */
export function isTooLarge(text: DatasetText): boolean {
  return !isJsonLines(text) && jsonRows(text).isTooLarge;
}

function lineSource(text: DatasetText, line: number): RowSource | undefined {
  const source = text.lineAt(line).text.trimEnd();
  return source === '' ? undefined : { text: source, line: line + 1, column: 1 };
}

function* linesAround(text: DatasetText, hint: number): Generator<RowSource> {
  for (let distance = 0; distance < text.lineCount; distance++) {
    for (const line of new Set([hint - distance, hint + distance])) {
      const source = line < 0 || line >= text.lineCount ? undefined : lineSource(text, line);
      if (source !== undefined) yield source;
    }
  }
}

function jsonSource(text: DatasetText, place: Place): RowSource | undefined {
  const [first] = nearestFirst(jsonRows(text).sources, place);
  return first !== undefined && linesFrom(first, place) === 0 ? first : undefined;
}

/**
 * Rows, which stand in a document's order, outwards from a place: by their lines from it, on its own line by their characters from it.
 * Of equally near ones the earlier first. A search mostly ends at the first of them, so that they are not all sorted.
 */
export function* nearestFirst(rows: readonly JsonRowSource[], place: Place): Generator<JsonRowSource> {
  const compare = (a: JsonRowSource, b: JsonRowSource): number =>
    linesFrom(a, place) - linesFrom(b, place) || charactersFrom(a, place) - charactersFrom(b, place);
  let after = endingBefore(rows, place);
  let before = after - 1;
  while (before >= 0 || after < rows.length) {
    if (before < 0 || (after < rows.length && compare(rows[after]!, rows[before]!) < 0)) {
      yield rows[after++]!;
      continue;
    }
    // Several that end on one line are equally far from another one.
    let first = before;
    while (first > 0 && compare(rows[first - 1]!, rows[before]!) === 0) first--;
    yield* rows.slice(first, before + 1);
    before = first - 1;
  }
}

/** How many of the rows end before a place. */
function endingBefore(rows: readonly JsonRowSource[], place: Place): number {
  let [from, to] = [0, rows.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    const { endLine, endColumn } = rows[middle]!;
    if (comparePlaces({ line: endLine - 1, character: endColumn - 1 }, place) < 0) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** 0: some of the row is on the line. */
const linesFrom = (row: JsonRowSource, { line }: Place): number =>
  Math.max(0, row.line - (line + 1), line + 1 - row.endLine);

/** Of a row that is on the line. */
function charactersFrom(row: JsonRowSource, { line, character }: Place): number {
  const before = row.line === line + 1 ? row.column - 1 - character : 0;
  const after = row.endLine === line + 1 ? character - (row.endColumn - 1) : 0;
  return Math.max(0, before, after);
}

interface JsonRows extends JsonRowSources {
  readonly version: number;
  readonly isTooLarge: boolean;
}

/** Rows of a .json file, found once per version of it. */
const jsonRowsCache = new WeakMap<DatasetText, JsonRows>();

/** The rows of a JSON document as it stands; none when it is too large to be searched. */
export function jsonRows(text: DatasetText): JsonRows {
  const cached = jsonRowsCache.get(text);
  const { version } = text;
  if (cached?.version === version) return cached;
  const isTooLarge = isLongerThan(text, LARGEST_JSON);
  const rows = { version, isTooLarge, ...(isTooLarge ? { sources: [] } : jsonRowSources(text.getText())) };
  jsonRowsCache.set(text, rows);
  return rows;
}

function firstRows(text: DatasetText): readonly { readonly text: string }[] {
  // The last row of a beginning is cut off, and is left out for it when it is parsed.
  const rows = jsonRows(text);
  const { sources } = rows.isTooLarge ? jsonRowSources(beginning(text, LONGEST_SAMPLE)) : rows;
  return sources.slice(0, ROWS_FOR_DETECTION);
}

/** Found out without putting the document together, which takes as long as searching it. */
function isLongerThan(text: DatasetText, characters: number): boolean {
  let length = 0;
  for (let line = 0; line < text.lineCount && length <= characters; line++) length += text.lineAt(line).text.length + 1;
  return length - 1 > characters;
}

/** So many characters at the most. */
function beginning(text: DatasetText, longest: number): string {
  const lines: string[] = [];
  for (let line = 0, length = 0; line < text.lineCount && length < longest; line++) {
    lines.push(text.lineAt(line).text.slice(0, longest - length));
    length += lines[line]!.length + 1;
  }
  return lines.join('\n');
}

function firstLines(text: DatasetText): { readonly text: string }[] {
  const lines = [];
  for (let line = 0; line < Math.min(text.lineCount, 2 * ROWS_FOR_DETECTION); line++) {
    const sample = text.lineAt(line);
    if (sample.text.trim() !== '' && sample.text.length <= LONGEST_SAMPLE) lines.push(sample);
    if (lines.length === ROWS_FOR_DETECTION) break;
  }
  return lines;
}
