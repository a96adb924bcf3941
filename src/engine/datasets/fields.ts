/** Reads typed fields out of one untrusted record. A field that is not there or not right throws a `FieldProblem`. */

import { quoteExcerpt } from './quote.ts';
import type { RowProblemCode, SourcedRationale } from './row.ts';

/** A parsed JSON object or Parquet row. Only own members are ever read, so "__proto__" and "constructor" are plain names. */
export type JsonRecord = { readonly [column: string]: unknown };

export type FieldPath = readonly (string | number)[];

/** What is wrong with one field of one row; row_check.ts turns it into a `RowProblem` with its place and fix. */
export class FieldProblem extends Error {
  readonly code: RowProblemCode;
  readonly path: FieldPath;

  constructor(code: RowProblemCode, path: FieldPath, message: string) {
    super(message);
    this.code = code;
    this.path = path;
  }
}

export function isRecord(value: unknown): value is JsonRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function hasColumns(record: JsonRecord, ...columns: readonly string[]): boolean {
  return columns.every((column) => Object.hasOwn(record, column));
}

/** The value at `path`, undefined where any part of it is missing. */
export function valueAt(record: JsonRecord, path: FieldPath): unknown {
  let value: unknown = record;
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string | number, unknown>)[step];
  }
  return value;
}

/** A text that says something; surrounding white space is trimmed. */
export function textAt(record: JsonRecord, path: FieldPath): string {
  const value = presentAt(record, path);
  if (typeof value !== 'string')
    throw new FieldProblem('wrong-type', path, `${name(path)} must be a text, not ${typeName(value)}.`);
  return nonEmpty(value, path);
}

/** A text, or a number or boolean as the text a person would write for it. */
export function answerTextAt(record: JsonRecord, path: FieldPath): string {
  const value = presentAt(record, path);
  if (typeof value === 'string') return nonEmpty(value, path);
  if (typeof value === 'boolean') return value ? 'true' : 'false';
  if (typeof value === 'number' || typeof value === 'bigint') return plainNumber(value, path);
  throw new FieldProblem('wrong-type', path, `${name(path)} must be a text or a number, not ${typeName(value)}.`);
}

/** A finite number as plain digits: 51.0 → "51". */
export function numberTextAt(record: JsonRecord, path: FieldPath): string {
  const value = presentAt(record, path);
  if (typeof value === 'number' || typeof value === 'bigint') return plainNumber(value, path);
  throw new FieldProblem('wrong-type', path, `${name(path)} must be a number, not ${typeName(value)}.`);
}

/** At least two texts, none of them empty: the options of a choice question. */
export function choicesAt(record: JsonRecord, path: FieldPath): string[] {
  const value = presentAt(record, path);
  if (!Array.isArray(value))
    throw new FieldProblem('wrong-type', path, `${name(path)} must be a list of options, not ${typeName(value)}.`);
  if (value.length < 2) throw new FieldProblem('empty-field', path, `${name(path)} must hold at least two options.`);
  return value.map((_, index) => answerTextAt(record, [...path, index]));
}

/**
 * Rationales of one row: a list of texts, or an object with a text per source. At least one; white space around a text stays, because
 * it is learned as it is written.
 */
export function rationalesAt(record: JsonRecord, path: FieldPath): SourcedRationale[] {
  const value = presentAt(record, path);
  if (!Array.isArray(value) && !isRecord(value)) {
    const expected = 'a list of rationales, or an object with one per source';
    throw new FieldProblem('wrong-type', path, `${name(path)} must be ${expected}, not ${typeName(value)}.`);
  }
  const keys: readonly (string | number)[] = Array.isArray(value) ? [...value.keys()] : Object.keys(value);
  if (keys.length === 0) throw new FieldProblem('empty-field', path, `${name(path)} must hold at least one rationale.`);
  return keys.map((key) => {
    textAt(record, [...path, key]);
    const source = typeof key === 'number' ? String(key + 1) : key;
    return { source, text: valueAt(record, [...path, key]) as string };
  });
}

function presentAt(record: JsonRecord, path: FieldPath): unknown {
  const value = valueAt(record, path);
  if (value === undefined) throw new FieldProblem('missing-field', path, `The row has no ${name(path)}.`);
  return value;
}

function nonEmpty(value: string, path: FieldPath): string {
  const trimmed = value.trim();
  if (trimmed === '') throw new FieldProblem('empty-field', path, `${name(path)} is empty.`);
  return trimmed;
}

function plainNumber(value: number | bigint, path: FieldPath): string {
  if (!Number.isFinite(Number(value)))
    throw new FieldProblem('bad-answer', path, `${name(path)} is not a finite number.`);
  const text = String(value === 0 ? 0 : value);
  return text.includes('e') ? value.toLocaleString('en-US', { useGrouping: false, maximumFractionDigits: 20 }) : text;
}

/** A path as a person reads it: "choices.text", or "lSolutions[0]". */
export function name(path: FieldPath): string {
  const text = path.reduce<string>(
    (joined, step) => (typeof step === 'number' ? `${joined}[${step}]` : joined === '' ? step : `${joined}.${step}`),
    '',
  );
  return quoteExcerpt(text);
}

function typeName(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  if (typeof value === 'string') return 'a text';
  return typeof value === 'boolean' ? 'true or false' : 'a number';
}
