/** Where a command writes: results to stdout, everything else (progress, notes, errors) to stderr. */
import type { Clock } from '../engine/common/clock.ts';

/** The part of a Node stream that is needed. */
export interface OutputStream {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
}

export interface TerminalOptions {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
}

type Colour = 'bold' | 'dim' | 'red' | 'green' | 'yellow';
const CODES: Readonly<Record<Colour, readonly [on: number, off: number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
};

export class Terminal {
  readonly clock: Clock;
  /** A line of stderr can be rewritten: a progress bar makes sense. */
  readonly interactive: boolean;
  readonly #stdout: OutputStream;
  readonly #stderr: OutputStream;
  readonly #colours: boolean;
  #status = '';
  /** No notes and no progress; results and errors only. */
  quiet = false;

  constructor({ stdout, stderr, env, clock }: TerminalOptions) {
    this.clock = clock;
    this.#stdout = stdout;
    this.#stderr = stderr;
    this.interactive = stderr.isTTY === true && env.TERM !== 'dumb';
    // https://no-color.org: any value that is not empty.
    this.#colours = stdout.isTTY === true && env.TERM !== 'dumb' && (env.NO_COLOR ?? '') === '';
  }

  /** A line of the result. */
  out(line: string): void {
    this.#above(() => this.#stdout.write(`${line}\n`));
  }

  /** A line for the person who watches. */
  note(line: string): void {
    if (!this.quiet) this.#above(() => this.#stderr.write(`${line}\n`));
  }

  error(line: string): void {
    this.status('');
    this.#stderr.write(`${line}\n`);
  }

  /** The line that is rewritten in place; '' takes it away. Does nothing unless `interactive`. */
  status(line: string): void {
    if (!this.interactive || this.quiet || line === this.#status) return;
    // A terminal that does not know its width says 0.
    this.#stderr.write(`\r${truncate(line, (this.#stderr.columns || 80) - 1)}\u001b[K`);
    this.#status = line;
  }

  style(colour: Colour, text: string): string {
    if (!this.#colours) return text;
    const [on, off] = CODES[colour];
    return `\u001b[${on}m${text}\u001b[${off}m`;
  }

  #above(write: () => void): void {
    const status = this.#status;
    this.status('');
    write();
    this.status(status);
  }
}

function truncate(line: string, columns: number): string {
  const characters = Array.from(line);
  return characters.length <= columns ? line : `${characters.slice(0, columns - 1).join('')}…`;
}

/**
 * Text of a dataset or a model, made safe for a terminal: escape sequences would move its cursor or rename its window, and characters
 * that turn the writing direction would show other text than there is. Line feeds and tabs stay.
 */
export function harmless(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is about
  return text.replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '\ufffd');
}

/** The same on one line, at most `length` characters. */
export function excerpt(text: string, length: number): string {
  return truncate(harmless(text).replaceAll(/\s+/g, ' ').trim(), length);
}
