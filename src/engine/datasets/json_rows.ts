/**
 * Finds the rows of a JSON document: the elements of its top-level array, or of the first array of objects that a top-level
 * object holds ({"examples": […]}). It only matches brackets and quotes, so one malformed row does not hide the others.
 */
import type { JsonSpan } from './json_text.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LINE_FEED = 0x0a;
const OPENERS = new Set([0x7b, 0x5b]);
const CLOSERS = new Set([0x7d, 0x5d]);
const SPACES = new Set([0x20, 0x09, 0x0a, 0x0d]);

export interface JsonRows {
  readonly rows: readonly JsonSpan[];
  /** Where the document itself is broken, if it is; rows before that place are kept. */
  readonly broken?: { readonly offset: number; readonly message: string };
}

export function findJsonRows(text: string): JsonRows {
  const start = skipSpace(text, 0);
  if (text[start] === '[') return arrayElements(text, start);
  if (text[start] !== '{')
    return {
      rows: [],
      broken: { offset: start, message: 'A JSON dataset must be an array of rows or an object that holds one.' },
    };
  for (let at = skipSpace(text, start + 1); at < text.length && text[at] === '"'; ) {
    const colon = skipSpace(text, skipString(text, at));
    const value = skipSpace(text, colon + 1);
    if (text[value] === '[' && '{]'.includes(text[skipSpace(text, value + 1)] ?? '?'))
      return arrayElements(text, value);
    const after = skipSpace(text, skipValue(text, value));
    at = text[after] === ',' ? skipSpace(text, after + 1) : text.length;
  }
  return { rows: [], broken: { offset: start, message: 'The JSON object holds no array of rows.' } };
}

function arrayElements(text: string, open: number): JsonRows {
  const rows: JsonSpan[] = [];
  let at = skipSpace(text, open + 1);
  while (at < text.length && text[at] !== ']') {
    const end = skipValue(text, at);
    if (end === at) return { rows, broken: { offset: at, message: 'A row is missing between two commas.' } };
    rows.push({ start: at, end });
    at = skipSpace(text, end);
    if (text[at] === ',') {
      at = skipSpace(text, at + 1);
      if (text[at] === ']') return { rows, broken: { offset: at, message: 'A comma stands after the last row.' } };
    } else if (text[at] !== ']' && at < text.length) {
      return { rows, broken: { offset: at, message: 'A comma is missing between two rows.' } };
    }
  }
  if (at >= text.length)
    return { rows, broken: { offset: text.length, message: 'The file ends before the closing "]" of its rows.' } };
  return { rows };
}

/**
 * End of the value that starts at `start`: of its bracketed block, its string, or its bare word. A block also ends with a line whose
 * unclosed string has swallowed the closing brace.
 */
function skipValue(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      const end = skipString(text, at);
      if (depth === 0) return end;
      const swallowed = text[end - 1] === '"' ? null : /\}\s*,?\s*$/.exec(text.slice(at, end));
      if (swallowed) return at + swallowed.index + 1;
      at = end - 1;
    } else if (OPENERS.has(code)) depth++;
    else if (CLOSERS.has(code)) {
      if (depth === 0) return at;
      if (--depth === 0) return at + 1;
    } else if (depth === 0 && (code === 0x2c || SPACES.has(code))) return at;
  }
  return text.length;
}

/** JSON strings hold no line break, so an unclosed one ends with its line and spoils only its own row. */
function skipString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === BACKSLASH) at++;
    else if (code === QUOTE) return at + 1;
    else if (code === LINE_FEED) return at;
  }
  return text.length;
}

function skipSpace(text: string, start: number): number {
  let at = start;
  while (SPACES.has(text.charCodeAt(at))) at++;
  return at;
}
