/** Reads the equations that a tip shows, "+0.540 = (1.000 − 0.714) ⁄ (0.488 + 0.0001)", and says whether they hold as far as they are rounded. */

/** Every number a written figure can stand for: half a unit of its last digit to either side. */
interface Interval {
  readonly low: number;
  readonly high: number;
}

const SUPERSCRIPTS = '⁰¹²³⁴⁵⁶⁷⁸⁹';
/** Of the sides' own arithmetic. */
const ROUNDING = 1e-12;

export interface Checked {
  readonly left: number;
  readonly holds: boolean;
  /** How far apart the sides may be at most without being found out. */
  readonly slack: number;
}

/** @throws Error where it is no equation between numbers */
export function checkEquation(text: string): Checked {
  const [left, right, ...more] = plain(text).split('=');
  if (left === undefined || right === undefined || more.length > 0) throw new Error(`no equation: ${text}`);
  const [a, b] = [new Reader(left).whole(), new Reader(right).whole()];
  const holds = a.low <= b.high + ROUNDING && b.low <= a.high + ROUNDING;
  return { left: (a.low + a.high) / 2, holds, slack: a.high - a.low + (b.high - b.low) };
}

/** Without the words in brackets that say what a number is, in ASCII. */
function plain(text: string): string {
  return text
    .replaceAll(/ \([\p{L}][\p{L} ]*\)/gu, '')
    .replaceAll(/·10(⁻?)([⁰¹²³⁴⁵⁶⁷⁸⁹]+)/gu, (_, minus: string, digits: string) => {
      const power = [...digits].map((digit) => SUPERSCRIPTS.indexOf(digit)).join('');
      return `e${minus === '' ? '' : '-'}${power}`;
    })
    .replaceAll('−', '-')
    .replaceAll('⁄', '/')
    .replaceAll('·', '*')
    .replaceAll(/\s/g, '');
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  whole(): Interval {
    const value = this.#sum();
    if (this.#at < this.#text.length) throw new Error(`not read: ${this.#text.slice(this.#at)} of ${this.#text}`);
    return value;
  }

  #take(token: string): boolean {
    if (!this.#text.startsWith(token, this.#at)) return false;
    this.#at += token.length;
    return true;
  }

  #expect(token: string): void {
    if (!this.#take(token)) throw new Error(`${token} expected at ${this.#at} of ${this.#text}`);
  }

  #sum(): Interval {
    let value = this.#product();
    for (;;) {
      if (this.#take('+')) value = apply(value, this.#product(), (a, b) => a + b);
      else if (this.#take('-')) value = apply(value, this.#product(), (a, b) => a - b);
      else return value;
    }
  }

  #product(): Interval {
    let value = this.#factor();
    for (;;) {
      if (this.#take('*')) value = apply(value, this.#factor(), (a, b) => a * b);
      else if (this.#take('/')) {
        const by = this.#factor();
        value = by.low <= 0 && by.high >= 0 ? EVERYTHING : apply(value, by, (a, b) => a / b);
      } else return value;
    }
  }

  #factor(): Interval {
    if (this.#take('-')) return apply(ZERO, this.#factor(), (a, b) => a - b);
    if (this.#take('+')) return this.#factor();
    if (this.#take('exp(')) {
      const { low, high } = this.#sum();
      this.#expect(')');
      return { low: Math.exp(low), high: Math.exp(high) };
    }
    if (this.#take('clip(')) {
      const value = this.#sum();
      this.#expect(',');
      const least = this.#sum();
      this.#expect(',');
      const most = this.#sum();
      this.#expect(')');
      const clip = (x: number) => Math.min(most.high, Math.max(least.low, x));
      return { low: clip(value.low), high: clip(value.high) };
    }
    if (this.#take('(')) {
      const value = this.#sum();
      this.#expect(')');
      return value;
    }
    const [number] = /^\d+(?:\.\d+)?(?:e-?\d+)?/.exec(this.#text.slice(this.#at)) ?? [];
    if (number === undefined) throw new Error(`no number at ${this.#at} of ${this.#text}`);
    this.#at += number.length;
    const [mantissa = '', exponent = '0'] = number.split('e');
    const decimals = mantissa.split('.')[1]?.length ?? 0;
    const half = decimals === 0 ? 0 : 0.5 * 10 ** (Number(exponent) - decimals) * (1 + 1e-9);
    return { low: Number(number) - half, high: Number(number) + half };
  }
}

const ZERO: Interval = { low: 0, high: 0 };
const EVERYTHING: Interval = { low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };

function apply(a: Interval, b: Interval, operation: (x: number, y: number) => number): Interval {
  const values = [a.low, a.high].flatMap((x) => [b.low, b.high].map((y) => operation(x, y)));
  return { low: Math.min(...values), high: Math.max(...values) };
}
