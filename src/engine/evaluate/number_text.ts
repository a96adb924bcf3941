/** Numbers as people and models write them: 1,080 · $5 · −3 · .5 · 25 % · 3/4 · 2 1/2 · \frac{3}{4} · twenty-five. */

export interface FoundNumber {
  /** Plain digits without grouping, sign kept, no trailing zeros: equal numbers have equal texts. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

const UNITS =
  'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen'.split(
    ' ',
  );
const TENS = 'twenty thirty forty fifty sixty seventy eighty ninety'.split(' ');
const WORD_VALUES: ReadonlyMap<string, number> = new Map([
  ...UNITS.map((word, value): [string, number] => [word, value]),
  ...TENS.map((word, i): [string, number] => [word, 20 + 10 * i]),
  ['hundred', 100],
  ['thousand', 1000],
  ['million', 1_000_000],
]);
const WORD = [...WORD_VALUES.keys()].sort((a, b) => b.length - a.length).join('|');

const GROUPED = ['\\d{1,3}(?:,\\d{3})+', '\\d{1,3}(?:,\\d{2})+,\\d{3}', '\\d{1,3}(?:[\\u00a0\\u2009\\u202f]\\d{3})+'];
const WHOLE = [...GROUPED.map((grouped) => `${grouped}(?!\\d|,\\d)`), '\\d+'].join('|');
/** A minus behind a digit, a letter or a bracket subtracts. */
const SIGN = '(?:(?<![\\p{L}\\d)])(?<sign>[-+]))?(?:[$€£]\\s?(?<innerSign>-)?)?';
const FRACTION = '(?:/(?<denominator>\\d+)(?!\\d|[./]\\d))?';
const NUMBER = new RegExp(
  `${SIGN}(?<![\\p{L}\\d])(?:(?<mixed>\\d+)\\s+(?=\\d+/\\d))?(?:(?<whole>${WHOLE})(?<decimals>\\.\\d+)?|(?<bare>\\.\\d+))(?<exponent>[eE][-+]?\\d{1,3}(?![\\p{L}\\d]))?${FRACTION}`,
  'gu',
);
const WORDS = new RegExp(
  `(?<![\\p{L}-])(?:(?<minus>minus|negative)\\s+)?(?<words>(?:${WORD})(?:(?:\\s+and\\s+|[\\s-]+)(?:${WORD}))*)(?![\\p{L}-])`,
  'giu',
);
/** "one" that stands for a thing. */
const PRONOUN_BEFORE = /\b(?:the|this|that|which|each|every|any|no|only|another)\s*$/i;
const PRONOUN_AFTER = /^\s*(?:of|that|which|who|with|in)\b/i;

/** LaTeX and typography reduced to what the patterns know; offsets of the numbers refer to this text. */
export function plainMath(text: string): string {
  return text
    .replace(/\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}/g, '$1/$2')
    .replace(/\\(?:text|mathrm|textbf|mathbf)\s*\{([^{}]*)\}/g, ' $1 ')
    .replace(/\{,\}/g, ',')
    .replace(/\\(?:left|right|displaystyle|[()[\],;! ])/g, ' ')
    .replace(/\\([$%])/g, '$1')
    .replace(/[−–](?=\s?[\d.$€£])/g, '-')
    .replace(/\*\*|__|`/g, '');
}

/** Every number of a text that `plainMath` has been through, in order. */
export function findNumbers(text: string): FoundNumber[] {
  const digits = [...text.matchAll(NUMBER)].map((match) => ({
    text: digitText(match.groups ?? {}),
    start: match.index,
    end: match.index + match[0].length,
  }));
  const words = [...text.matchAll(WORDS)]
    .filter(({ 0: found, index }) => !isPronoun(text, found, index))
    .map(({ 0: found, index, groups }) => ({
      text: String((groups?.minus ? -1 : 1) * wordValue(groups?.words ?? '')),
      start: index,
      end: index + found.length,
    }));
  return [...digits, ...words].sort((a, b) => a.start - b.start);
}

/** The number that a text is, such as a gold answer; null when it holds none. */
export function numberText(text: string): string | null {
  return findNumbers(plainMath(text))[0]?.text ?? null;
}

/** Whether two texts of `findNumbers` are the same number, up to the rounding of decimals and fractions. */
export function sameNumber(a: string, b: string): boolean {
  if (a === b) return true;
  if (/^-?\d+$/.test(a) && /^-?\d+$/.test(b)) return false;
  const [x, y] = [Number(a), Number(b)];
  return Math.abs(x - y) <= 1e-9 * Math.max(Math.abs(x), Math.abs(y));
}

function digitText(groups: Record<string, string | undefined>): string {
  const { sign, innerSign, mixed, whole = '0', decimals, bare, exponent = '', denominator } = groups;
  const negative = sign === '-' || innerSign === '-';
  const integer = whole.replace(/[^\d]/g, '').replace(/^0+(?=\d)/, '');
  const fraction = (decimals ?? bare ?? '').replace(/\.?0*$/, '');
  let text = integer + fraction;
  if (denominator !== undefined && Number(denominator) !== 0)
    text = plain(Number(mixed ?? 0) + Number(text) / Number(denominator));
  else if (exponent !== '') text = plain(Number(text + exponent));
  return negative && text !== '0' ? `-${text}` : text;
}

function plain(value: number): string {
  return String(Number(value.toPrecision(15)));
}

/** "two hundred and five" → 205. */
function wordValue(words: string): number {
  let total = 0;
  let group = 0;
  for (const word of words.toLowerCase().split(/[\s-]+/)) {
    const value = WORD_VALUES.get(word);
    if (value === undefined) continue;
    if (value === 100) group = Math.max(group, 1) * 100;
    else if (value >= 1000) {
      total += Math.max(group, 1) * value;
      group = 0;
    } else group += value;
  }
  return total + group;
}

function isPronoun(text: string, found: string, index: number): boolean {
  return (
    /^one$/i.test(found) &&
    (PRONOUN_BEFORE.test(text.slice(0, index)) || PRONOUN_AFTER.test(text.slice(index + found.length)))
  );
}
