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

function progressBar(share: number): string {
  const eighths = Math.round(Math.min(1, Math.max(0, share)) * BAR_WIDTH * 8);
  const bar = '█'.repeat(Math.floor(eighths / 8)) + EIGHTHS[eighths % 8];
  return `▕${bar.padEnd(BAR_WIDTH)}▏`;
}

/** Milliseconds between redraws of a bar, and between plain lines: quick enough to look alive, slow enough for a log. */
const REDRAW = 100;
const PLAIN_LINE = 5000;

export class Progress {
  readonly #terminal: Terminal;
  readonly #label: string;
  readonly #unit: string;
  readonly #start: number;
  #first: number | null = null;
  #state: ProgressState | null = null;
  #shown: ProgressState | null = null;
  #lastShown: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(terminal: Terminal, label: string, unit: string) {
    this.#terminal = terminal;
    this.#label = label;
    this.#unit = unit;
    this.#start = terminal.clock.monotonic();
    this.#lastShown = terminal.interactive ? this.#start - REDRAW : this.#start;
  }

  /** The first call says where it begins: items of before a resume were not done in this time. */
  advance(done: number, total: number, message = '', fraction = 0): void {
    this.#first ??= done + fraction;
    const now = this.#terminal.clock.monotonic();
    const seconds = (now - this.#start) / 1000;
    const gained = done + fraction - this.#first;
    const perSecond = seconds > 0 && gained > 0 ? gained / seconds : null;
    this.#state = { label: this.#label, unit: this.#unit, done, total, fraction, perSecond, message };
    // Items come in bursts: what is shown is how far the last one got.
    const wait = (this.#terminal.interactive ? REDRAW : PLAIN_LINE) - (now - this.#lastShown);
    this.#timer ??= setTimeout(() => this.#show(), Math.max(0, wait)).unref();
  }

  /** Takes the bar away; elsewhere says where it got to, unless that was said already. */
  end(): void {
    clearTimeout(this.#timer);
    this.#terminal.status('');
    if (!this.#terminal.interactive && this.#state?.done !== this.#shown?.done) this.#show();
  }

  #show(): void {
    this.#timer = undefined;
    this.#lastShown = this.#terminal.clock.monotonic();
    this.#shown = this.#state;
    if (this.#state === null) return;
    const { label, message } = this.#state;
    if (this.#terminal.interactive) this.#terminal.status(progressLine(this.#state));
    else this.#terminal.note(`${label}: ${describeProgress(this.#state)}${message === '' ? '' : `; ${message}`}`);
  }
}
