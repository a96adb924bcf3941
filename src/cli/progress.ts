/** Progress with rate and time left: one line rewritten in place on a terminal, a plain line now and then elsewhere. */
import { duration, singular } from './number_format.ts';
import type { Terminal } from './terminal.ts';

export interface ProgressState {
  readonly label: string;
  readonly done: number;
  /** 0: unknown. */
  readonly total: number;
  /** Plural: "updates". */
  readonly unit: string;
  /** What is done of the current item, in [0, 1). */
  readonly fraction: number;
  /** Items per second since the beginning in this process, a resumed run's earlier items left out; null: not known yet. */
  readonly perSecond: number | null;
  readonly message: string;
}

const BAR_WIDTH = 20;
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** "12/40 updates, 3.2 s each, 1 min 30 s left". */
export function describeProgress({ done, total, unit, fraction, perSecond }: ProgressState): string {
  const parts = [total > 0 ? `${done}/${total} ${unit}` : `${done} ${unit}`];
  if (perSecond !== null && perSecond > 0) {
    parts.push(
      perSecond >= 1 ? `${perSecond.toFixed(1)} ${unit}/s` : `${(1 / perSecond).toFixed(1)} s/${singular(unit)}`,
    );
    if (total > done) parts.push(`${duration((total - done - fraction) / perSecond)} left`);
  }
  return parts.join(', ');
}

export function progressLine(state: ProgressState): string {
  const { label, done, total, fraction, message } = state;
  const bar = total > 0 ? `${progressBar((done + fraction) / total)} ` : '';
  return `${label} ${bar}${describeProgress(state)}${message === '' ? '' : `  ${message}`}`;
}

export function progressBar(share: number): string {
  const eighths = Math.round(Math.min(1, Math.max(0, share)) * BAR_WIDTH * 8);
  const bar = '█'.repeat(Math.floor(eighths / 8)) + EIGHTHS[eighths % 8];
  return `▕${bar.padEnd(BAR_WIDTH)}▏`;
}

/** Milliseconds between redraws of a bar, and between plain lines: quick enough to look alive, slow enough for a log. */
const REDRAW = 100;
const PLAIN_LINE = 5000;

/** A line that changes: rewritten in place on a terminal, written anew now and then elsewhere. What comes in bursts is shown once. */
export class LiveLine {
  readonly #terminal: Terminal;
  #line: { readonly bar: string; readonly plain: string } | null = null;
  /** The plain line written last. */
  #shown = '';
  #lastShown: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
    const now = terminal.clock.monotonic();
    this.#lastShown = terminal.interactive ? now - REDRAW : now;
  }

  /** @param plain '' where it is not worth a line of its own */
  show(bar: string, plain: string): void {
    this.#line = { bar, plain };
    const interval = this.#terminal.interactive ? REDRAW : PLAIN_LINE;
    const wait = interval - (this.#terminal.clock.monotonic() - this.#lastShown);
    this.#timer ??= setTimeout(() => this.#write(), Math.max(0, wait)).unref();
  }

  /** Takes the line away; elsewhere says where it got to, unless that was said already. */
  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#terminal.interactive) this.#terminal.status('');
    else this.#write();
  }

  #write(): void {
    this.#timer = undefined;
    this.#lastShown = this.#terminal.clock.monotonic();
    if (this.#line === null) return;
    const { bar, plain } = this.#line;
    if (this.#terminal.interactive) this.#terminal.status(bar);
    else if (plain !== '' && plain !== this.#shown) this.#terminal.note(plain);
    this.#shown = plain;
  }
}

/** Counted things: the rate is of this process, the time left follows from it. */
export class Progress {
  readonly #line: LiveLine;
  readonly #terminal: Terminal;
  readonly #label: string;
  readonly #unit: string;
  readonly #start: number;
  #first: number | null = null;

  constructor(terminal: Terminal, label: string, unit: string) {
    this.#line = new LiveLine(terminal);
    this.#terminal = terminal;
    this.#label = label;
    this.#unit = unit;
    this.#start = terminal.clock.monotonic();
  }

  /** The first call says where it begins: items of before a resume were not done in this time. */
  advance(done: number, total: number, message = '', fraction = 0): void {
    const isFirst = this.#first === null;
    this.#first ??= done + fraction;
    const seconds = (this.#terminal.clock.monotonic() - this.#start) / 1000;
    const gained = done + fraction - this.#first;
    const perSecond = seconds > 0 && gained > 0 ? gained / seconds : null;
    const state = { label: this.#label, unit: this.#unit, done, total, fraction, perSecond, message };
    const plain = `${state.label}: ${describeProgress(state)}${message === '' ? '' : `; ${message}`}`;
    this.#line.show(progressLine(state), isFirst ? '' : plain);
  }

  end(): void {
    this.#line.end();
  }
}
