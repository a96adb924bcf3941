import type { Clock } from '../common/clock.ts';

export interface PullProgress {
  /** verifying: a file is read from disk and hashed. waiting: until the server may be asked again. */
  readonly phase: 'downloading' | 'verifying' | 'waiting';
  /** The file at hand, `/` between its parts; empty before the first. */
  readonly file: string;
  /** 1-based; 0 before the first. */
  readonly fileNumber: number;
  readonly files: number;
  /** Goes back when a file must be begun again. */
  readonly bytesDone: number;
  readonly bytesTotal: number;
  /** Over the last 10 s; null until something has arrived for half a second. */
  readonly bytesPerSecond: number | null;
  /** null while there is no rate. */
  readonly secondsLeft: number | null;
}

const WINDOW = 10_000;
const SHORTEST_WINDOW = 500;
const REPORT_EVERY = 200;

export class ProgressMeter {
  readonly #clock: Clock;
  readonly #report: (progress: PullProgress) => void;
  #files = 0;
  #bytesTotal = 0;
  #finished = 0;
  #finishedBytes = 0;
  #current: { path: string; bytes: number } | null = null;
  #phase: PullProgress['phase'] = 'downloading';
  #received = 0;
  /** (time, received so far), oldest first. */
  #samples: { time: number; received: number }[] = [];
  #lastReport = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, report: (progress: PullProgress) => void) {
    this.#clock = clock;
    this.#report = report;
  }

  /** Bytes that came over the network. */
  get received(): number {
    return this.#received;
  }

  /** All files from now on; the count begins again. */
  expect(files: readonly { readonly bytes: number }[]): void {
    this.#files = files.length;
    this.#finished = 0;
    this.#finishedBytes = 0;
    this.#current = null;
    this.#bytesTotal = files.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  begin(path: string): void {
    this.#current = { path, bytes: 0 };
    this.phase('downloading');
  }

  phase(phase: PullProgress['phase']): void {
    this.#phase = phase;
    this.#send();
  }

  /** How much of the file at hand is on disk when a transfer begins. */
  resumeAt(bytes: number): void {
    if (this.#current !== null) this.#current.bytes = bytes;
    this.#samples = [{ time: this.#clock.monotonic(), received: this.#received }];
    this.phase('downloading');
  }

  receive(bytes: number): void {
    if (this.#current !== null) this.#current.bytes += bytes;
    this.#received += bytes;
    const time = this.#clock.monotonic();
    if (time - this.#lastReport < REPORT_EVERY) return;
    this.#samples.push({ time, received: this.#received });
    while (this.#samples.length > 2 && time - this.#samples[0]!.time > WINDOW) this.#samples.shift();
    this.#send();
  }

  /** The file of this size is in place. */
  finish(bytes: number): void {
    this.#finished++;
    this.#finishedBytes += bytes;
    this.#current = null;
  }

  #send(): void {
    this.#lastReport = this.#clock.monotonic();
    const bytesDone = this.#finishedBytes + (this.#current?.bytes ?? 0);
    const bytesPerSecond = this.#phase === 'downloading' ? this.#rate() : null;
    this.#report({
      phase: this.#phase,
      file: this.#current?.path ?? '',
      fileNumber: this.#finished + (this.#current === null ? 0 : 1),
      files: this.#files,
      bytesDone,
      bytesTotal: this.#bytesTotal,
      bytesPerSecond,
      secondsLeft: bytesPerSecond === null ? null : (this.#bytesTotal - bytesDone) / bytesPerSecond,
    });
  }

  #rate(): number | null {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    if (first === undefined || last === undefined) return null;
    const milliseconds = last.time - first.time;
    const bytes = last.received - first.received;
    return milliseconds < SHORTEST_WINDOW || bytes === 0 ? null : (bytes * 1000) / milliseconds;
  }
}
