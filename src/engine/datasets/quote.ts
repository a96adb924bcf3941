/** Texts of a dataset inside messages and prompts, made safe or made equal to what Python prints. */

const LONGEST_EXCERPT = 40;

/** A hostile or long text as a short quoted excerpt: control, bidirectional and other invisible characters are escaped. */
export function quoteExcerpt(text: string): string {
  const short = text.length > LONGEST_EXCERPT ? `${text.slice(0, LONGEST_EXCERPT)}…` : text;
  return JSON.stringify(short).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) => escapeCodePoint(character, 'json'));
}

/**
 * Python's `repr` of a list of strings, `['a', "it's c"]`: the ARC prompts of the reference code hold one, so equal prompts need
 * equal quoting.
 */
export function pythonListRepr(texts: readonly string[]): string {
  return `[${texts.map(pythonRepr).join(', ')}]`;
}

/** Python's `repr(str)`: single quotes unless the text holds one and no double quote; unprintable characters are escaped. */
export function pythonRepr(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  let body = '';
  for (const character of text) {
    if (character === quote || character === '\\') body += `\\${character}`;
    else if (character === '\n') body += '\\n';
    else if (character === '\r') body += '\\r';
    else if (character === '\t') body += '\\t';
    else if (character !== ' ' && UNPRINTABLE.test(character)) body += escapeCodePoint(character, 'python');
    else body += character;
  }
  return quote + body + quote;
}

/** Unicode categories Other and Separator, as in Python's `str.isprintable` (which excepts the space). */
const UNPRINTABLE = /[\p{C}\p{Z}]/u;

function escapeCodePoint(character: string, language: 'json' | 'python'): string {
  const code = character.codePointAt(0) as number;
  const hex = code.toString(16);
  if (language === 'json') return code > 0xffff ? `\\u{${hex}}` : `\\u${hex.padStart(4, '0')}`;
  if (code <= 0xff) return `\\x${hex.padStart(2, '0')}`;
  return code <= 0xffff ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`;
}
