/**
 * Sentences recognised by their templates ("There is no file {0}."), and said in another language: the engine speaks English, and so do
 * the runs it wrote long ago. A message may be several sentences, carry a label ("Length collapse: …") or a remark in parentheses, and
 * hold further messages in its holes; each part is recognised by itself, and what nobody knows, or stands in quotes, stays as it is. Pure.
 */

/** How parts are put together in the language. */
export interface Joints {
  /** One sentence after the other. */
  readonly sentences: (first: string, second: string) => string;
  /** A part that has no full stop of its own. */
  readonly sentence: (part: string) => string;
  readonly labelled: (label: string, text: string) => string;
  readonly remarked: (text: string, remark: string) => string;
}

interface Template {
  /** What stands before, between and behind the holes. */
  readonly parts: readonly string[];
  /** By hole: in quotes stands what a person named, and never words of the engine. */
  readonly quoted: readonly boolean[];
  /** Length of what is no hole. */
  readonly weight: number;
  readonly translation: string;
}

/** A reading of a text: in the language, and how many of its characters were recognised. */
interface Reading {
  readonly text: string;
  readonly recognised: number;
}

/** Messages are short; what is longer holds something else, such as the output of a program. */
const LONGEST_MESSAGE = 1000;
/** Parts of one message that are looked at: many times what any message of the engine has, and a bound for what is none. */
const MOST_PARTS = 150;
const DEEPEST = 4;
const HOLE = /\{\d+\}/;
const HOLES = /\{\d+\}/g;
const MOST_REMEMBERED = 500;

export class MessageTemplates {
  /** Those without holes, by their text. */
  readonly #whole = new Map<string, string>();
  /** The others, by a word that each has: a text with other words is none of theirs. */
  readonly #byWord = new Map<string, Template[]>();
  readonly #joints: Joints;
  readonly #remembered = new Map<string, string>();

  /** @param translations by template; holes are {0}, {1}, … in the order in which they stand in the template */
  constructor(translations: Iterable<readonly [template: string, translation: string]>, joints: Joints) {
    this.#joints = joints;
    const withHoles: (readonly [template: string, translation: string])[] = [];
    const uses = new Map<string, number>();
    for (const [template, translation] of translations) {
      if (!HOLE.test(template)) {
        this.#whole.set(template, translation);
        continue;
      }
      withHoles.push([template, translation]);
      for (const word of wordsOf(template)) uses.set(word, (uses.get(word) ?? 0) + 1);
    }
    for (const [template, translation] of withHoles) {
      const [rarest = ''] = [...wordsOf(template)].sort((a, b) => uses.get(a)! - uses.get(b)!);
      const others = this.#byWord.get(rarest) ?? [];
      this.#byWord.set(rarest, [...others, compile(template, translation)]);
    }
  }

  /** The message in the language, as far as it is known. */
  translate(message: string): string {
    if (message.length > LONGEST_MESSAGE) return message;
    const known = this.#remembered.get(message);
    if (known !== undefined) return known;
    const { text } = this.#read(message, new Map(), 0);
    if (this.#remembered.size >= MOST_REMEMBERED) this.#remembered.clear();
    this.#remembered.set(message, text);
    return text;
  }

  /** The reading that recognises most. */
  #read(text: string, readings: Map<string, Reading>, depth: number): Reading {
    const known = readings.get(text);
    if (known !== undefined) return known;
    const whole = this.#whole.get(text);
    let best: Reading = whole === undefined ? { text, recognised: 0 } : { text: whole, recognised: text.length };
    if (whole !== undefined || text === '' || depth > DEEPEST || readings.size >= MOST_PARTS) return best;
    readings.set(text, best);
    const consider = (reading: Reading) => {
      if (reading.recognised > best.recognised) best = reading;
    };
    const part = (inner: string) => this.#read(inner, readings, depth + 1);
    const pair = (first: Reading, second: Reading, join: (a: string, b: string) => string) => {
      const recognised = first.recognised + second.recognised;
      if (recognised > best.recognised) best = { text: join(first.text, second.text), recognised };
    };

    for (const word of wordsOf(text)) {
      for (const { parts, quoted, weight, translation } of this.#byWord.get(word) ?? []) {
        const values = holesOf(parts, text)?.map((value, i) => (quoted[i] ? asItIs(value) : part(value)));
        if (values === undefined) continue;
        const recognised = values.reduce((sum, value) => sum + value.recognised, weight);
        consider({ text: filled(translation, values), recognised });
      }
    }
    // From the end: what is not recognised may be sentences of its own, in a hole of the first.
    for (const { index } of [...text.matchAll(/(?<=[.!?)]) (?=\S)/g)].reverse()) {
      pair(part(text.slice(0, index)), this.#read(text.slice(index + 1), readings, depth), this.#joints.sentences);
    }
    if (best.recognised < text.length) this.#readLoosely(text, part, pair, consider);
    readings.set(text, best);
    return best;
  }

  /** As a text with a label, with a remark, or that somebody closed with a full stop. */
  #readLoosely(
    text: string,
    part: (inner: string) => Reading,
    pair: (first: Reading, second: Reading, join: (a: string, b: string) => string) => void,
    consider: (reading: Reading) => void,
  ): void {
    for (const { index } of text.matchAll(/: (?=\S)/g)) {
      pair(part(text.slice(0, index)), part(text.slice(index + 2)), this.#joints.labelled);
    }
    const remark = /^(.+) \(([^()]*)\)$/s.exec(text);
    if (remark !== null) pair(part(remark[1]!), part(remark[2]!), this.#joints.remarked);
    if (text.endsWith('.')) {
      const stem = part(text.slice(0, -1));
      consider({ text: this.#joints.sentence(stem.text), recognised: stem.recognised });
    }
  }
}

/** Words that stand by themselves; what touches a hole may go on in it. */
const wordsOf = (text: string): ReadonlySet<string> =>
  new Set(text.replaceAll(HOLES, '\0').match(/(?<![\w\0])[A-Za-z]+(?![\w\0])/g));

function compile(template: string, translation: string): Template {
  const parts = template.split(HOLES);
  const quoted = parts.slice(1).map((after, i) => ['"', "'"].some((q) => parts[i]!.endsWith(q) && after.startsWith(q)));
  return { parts, quoted, weight: parts.join('').length, translation };
}

const asItIs = (text: string): Reading => ({ text, recognised: 0 });

/**
 * What stands in the holes, each as short as the ones before it let it be; null where the text is none of the template's. One pass: a
 * regular expression goes back over what a dataset's rows put into messages, and hostile rows make that take forever.
 */
function holesOf(parts: readonly string[], text: string): string[] | null {
  const [first = '', ...rest] = parts;
  const last = rest.at(-1)!;
  const end = text.length - last.length;
  if (!text.startsWith(first) || !text.endsWith(last)) return null;
  const holes: string[] = [];
  let from = first.length;
  for (const part of rest.slice(0, -1)) {
    const at = text.indexOf(part, from);
    if (at < 0) return null;
    holes.push(text.slice(from, at));
    from = at + part.length;
  }
  return from > end ? null : [...holes, text.slice(from, end)];
}

const filled = (translation: string, values: readonly Reading[]): string =>
  translation.replaceAll(/\{(\d+)\}/g, (hole, index: string) => values[Number(index)]?.text ?? hole);
