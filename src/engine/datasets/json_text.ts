/**
 * Where things stand in a JSON text. `JSON.parse` reads the sound rows; this strict parser is for the others: it says where the
 * first syntax error is and which edit would mend it, and where a member stands so that a problem can be shown under it.
 * Offsets are UTF-16 code units from the start of the text.
 */

export interface JsonSpan {
  readonly start: number;
  readonly end: number;
}

export interface JsonNode extends JsonSpan {
  readonly members?: readonly { readonly name: string; readonly key: JsonSpan; readonly value: JsonNode }[];
  readonly items?: readonly JsonNode[];
}

export interface JsonSyntaxError extends JsonSpan {
  readonly message: string;
  /** The edit that mends this error (another may come to light after it). */
  readonly repair?: JsonSpan & { readonly title: string; readonly newText: string };
}

/** Nothing a dataset needs is nested deeper; the limit keeps a hostile row from exhausting the stack. */
const DEEPEST_NESTING = 64;

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const BARE_WORD = /[\p{L}\p{N}_$+\-.]+/uy;
/** What Python and JavaScript write where JSON has another spelling. */
const FOREIGN_WORDS: Readonly<Record<string, string>> = {
  True: 'true',
  False: 'false',
  None: 'null',
  undefined: 'null',
};

class Failure extends Error {
  readonly error: JsonSyntaxError;
  constructor(error: JsonSyntaxError) {
    super(error.message);
    this.error = error;
  }
}

/** The positions of one JSON value and everything in it, or its first syntax error. */
export function locateJson(text: string): { node: JsonNode } | { error: JsonSyntaxError } {
  try {
    return { node: new Locator(text).document() };
  } catch (thrown) {
    if (thrown instanceof Failure) return { error: thrown.error };
    throw thrown;
  }
}

/** Span of the value at `path`, or of the innermost part of it that exists. */
export function locatePath(root: JsonNode, path: readonly (string | number)[]): { key?: JsonSpan; value: JsonNode } {
  let found: { key?: JsonSpan; value: JsonNode } = { value: root };
  for (const step of path) {
    const member = found.value.members?.findLast((candidate) => candidate.name === step);
    const item = typeof step === 'number' ? found.value.items?.[step] : undefined;
    if (member) found = { key: member.key, value: member.value };
    else if (item) found = { value: item };
    else break;
  }
  return found;
}

class Locator {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): JsonNode {
    const node = this.#value(0);
    this.#skipSpace();
    if (this.#at < this.#text.length) {
      const rest = { start: this.#at, end: this.#text.trimEnd().length };
      const message = 'There is more text after the end of the JSON value.';
      // A comma alone is what remains when a row was copied out of a JSON array.
      const commaOnly = this.#text.slice(rest.start, rest.end) === ',';
      this.#fail(
        message,
        rest,
        commaOnly ? { ...rest, title: 'Remove the comma after the row', newText: '' } : undefined,
      );
    }
    return node;
  }

  #value(depth: number): JsonNode {
    this.#skipSpace();
    const start = this.#at;
    const character = this.#text[start];
    if (depth > DEEPEST_NESTING)
      this.#fail(`The row is nested more than ${DEEPEST_NESTING} levels deep.`, { start, end: start + 1 });
    switch (character) {
      case undefined:
        return this.#fail('The JSON ends where a value should be.', { start, end: start });
      case '{':
        return this.#object(depth);
      case '[':
        return this.#array(depth);
      case '"':
        return this.#string();
      case "'":
        return this.#singleQuoted();
      default:
        return this.#scalar();
    }
  }

  #object(depth: number): JsonNode {
    const start = this.#at++;
    const members: { name: string; key: JsonSpan; value: JsonNode }[] = [];
    this.#skipSpace();
    while (this.#text[this.#at] !== '}') {
      if (members.length > 0) this.#comma('}');
      const character = this.#text[this.#at];
      if (character === undefined) this.#unclosed('}');
      if (character === "'") this.#singleQuoted();
      if (character !== '"') this.#unquotedName();
      const key = this.#string();
      this.#skipSpace();
      if (this.#text[this.#at] !== ':') {
        const here = { start: this.#at, end: this.#at + 1 };
        this.#fail('A colon is missing after a column name.', here, {
          start: key.end,
          end: key.end,
          title: 'Insert ":"',
          newText: ':',
        });
      }
      this.#at++;
      const value = this.#value(depth + 1);
      members.push({ name: JSON.parse(this.#text.slice(key.start, key.end)) as string, key, value });
      this.#skipSpace();
    }
    this.#at++;
    return { start, end: this.#at, members };
  }

  #array(depth: number): JsonNode {
    const start = this.#at++;
    const items: JsonNode[] = [];
    this.#skipSpace();
    while (this.#text[this.#at] !== ']') {
      if (items.length > 0) this.#comma(']');
      if (this.#at >= this.#text.length) this.#unclosed(']');
      items.push(this.#value(depth + 1));
      this.#skipSpace();
    }
    this.#at++;
    return { start, end: this.#at, items };
  }

  /** Between two members or items; the closing bracket was already ruled out, so a comma must stand here. */
  #comma(closer: string): void {
    const comma = this.#at;
    if (comma >= this.#text.length) this.#unclosed(closer);
    if (this.#text[comma] !== ',') {
      const before = this.#text.slice(0, comma).trimEnd().length;
      const repair = { start: before, end: before, title: 'Insert ","', newText: ',' };
      this.#fail('A comma is missing between two values.', { start: comma, end: comma + 1 }, repair);
    }
    this.#at++;
    this.#skipSpace();
    if (this.#text[this.#at] === closer) {
      const span = { start: comma, end: comma + 1 };
      this.#fail(`A comma stands before "${closer}".`, span, { ...span, title: 'Remove the comma', newText: '' });
    }
  }

  #string(): JsonNode {
    const start = this.#at;
    let at = start + 1;
    for (; ; at++) {
      const character = this.#text[at];
      if (character === '"') break;
      if (character === undefined) {
        const end = this.#text.length;
        this.#fail(
          'A text is not closed by a quote.',
          { start, end },
          { start: end, end, title: 'Close the text', newText: '"' },
        );
      }
      if (character === '\\') {
        const escapes = /\\(?:["\\/bfnrt]|u[\da-fA-F]{4})/y;
        escapes.lastIndex = at;
        const match = escapes.exec(this.#text);
        if (!match) {
          const repair = { start: at, end: at + 1, title: 'Write the backslash as "\\\\"', newText: '\\\\' };
          this.#fail(
            'A backslash in a text is not followed by an escape that JSON knows.',
            { start: at, end: at + 2 },
            repair,
          );
        }
        at += match[0].length - 1;
      } else if (character.charCodeAt(0) < 0x20) {
        const newText = JSON.stringify(character).slice(1, -1);
        const repair = { start: at, end: at + 1, title: `Write the character as ${newText}`, newText };
        this.#fail(
          'A text holds a control character, such as a tab or a line break, that JSON wants escaped.',
          repair,
          repair,
        );
      }
    }
    this.#at = at + 1;
    return { start, end: this.#at };
  }

  #singleQuoted(): never {
    const start = this.#at;
    const match = /^'((?:[^'\\\n]|\\.)*)'/.exec(this.#text.slice(start, start + 1_000_000));
    const message = 'A text is in single quotes; JSON knows only double quotes.';
    if (!match) return this.#fail(message, { start, end: start + 1 });
    const span = { start, end: start + match[0].length };
    const newText = JSON.stringify((match[1] as string).replaceAll("\\'", "'"));
    return this.#fail(message, span, { ...span, title: 'Use double quotes', newText });
  }

  #unquotedName(): never {
    const start = this.#at;
    const word = this.#bareWord();
    const span = { start, end: start + Math.max(1, word.length) };
    const repair =
      word === '' ? undefined : { ...span, title: 'Put the name in double quotes', newText: JSON.stringify(word) };
    return this.#fail('A column name must be in double quotes.', span, repair);
  }

  #scalar(): JsonNode {
    const start = this.#at;
    const word = this.#bareWord();
    const span = { start, end: start + Math.max(1, word.length) };
    NUMBER.lastIndex = start;
    const number = NUMBER.exec(this.#text)?.[0];
    if (word === 'true' || word === 'false' || word === 'null' || (word !== '' && number === word)) {
      this.#at = span.end;
      return span;
    }
    if (word === '') return this.#fail('A value is missing here.', span);
    const foreign = Object.hasOwn(FOREIGN_WORDS, word) ? FOREIGN_WORDS[word] : undefined;
    const newText = foreign ?? JSON.stringify(word);
    const repair = { ...span, title: foreign ? `Write it as ${foreign}` : 'Put it in double quotes', newText };
    return this.#fail('This is neither a text in double quotes nor a number nor true, false or null.', span, repair);
  }

  #bareWord(): string {
    BARE_WORD.lastIndex = this.#at;
    return BARE_WORD.exec(this.#text)?.[0] ?? '';
  }

  #unclosed(closer: string): never {
    const end = this.#text.length;
    return this.#fail(
      `The JSON ends before its closing "${closer}".`,
      { start: end, end },
      { start: end, end, title: `Append "${closer}"`, newText: closer },
    );
  }

  #skipSpace(): void {
    while (' \t\n\r'.includes(this.#text[this.#at] ?? '?')) this.#at++;
  }

  #fail(message: string, span: JsonSpan, repair?: JsonSyntaxError['repair']): never {
    throw new Failure({ message, start: span.start, end: span.end, ...(repair && { repair }) });
  }
}
