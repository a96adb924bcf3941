/** Rate and time left of a job, from what this process saw of it. */
import type { JobProgress } from '../../protocol/engine_rpc.ts';
import type { Clock } from '../common/clock.ts';

/** Weight of what was known before, at each report of new items. */
const MEMORY = 0.7;
/** Milliseconds between two messages about the same item: nobody reads faster. */
const SHORTEST_PAUSE = 100;

type Position = Omit<JobProgress, 'ratePerSecond' | 'secondsLeft'>;

/**
 * Items and seconds are averaged apart, each exponentially, so that items that come in batches do not make the rate jump. The first
 * report of a phase says where this process begins: what was done before it (by an earlier process, before a resume) took none of
 * the seconds measured here.
 */
export class ProgressMeter {
  readonly #clock: Clock;
  readonly #show: (progress: JobProgress) => void;
  #phase: string | null = null;
  #done = 0;
  #since = 0;
  #items = 0;
  #seconds = 0;
  #lastShown = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, show: (progress: JobProgress) => void) {
    this.#clock = clock;
    this.#show = show;
  }

  /** The time since the last report was spent on nothing that is counted here. */
  skipTime(): void {
    this.#since = this.#clock.monotonic();
  }

  /** `position.total` 0 opens a phase whose extent is not known yet. */
  report(position: Position): void {
    const now = this.#clock.monotonic();
    const { phase, done, total } = position;
    const isNew = phase !== this.#phase || done < this.#done;
    const gained = done - this.#done;
    if (isNew) [this.#items, this.#seconds] = [0, 0];
    else if (gained > 0) {
      this.#items = MEMORY * this.#items + gained;
      this.#seconds = MEMORY * this.#seconds + (now - this.#since) / 1000;
    }
    if (isNew || gained > 0) this.#since = now;
    this.#phase = total === 0 ? null : phase;
    this.#done = done;

    if (!isNew && gained === 0 && now - this.#lastShown < SHORTEST_PAUSE) return;
    this.#lastShown = now;
    const rate = this.#seconds > 0 ? this.#items / this.#seconds : null;
    const left = rate === null ? null : Math.max(0, (total - done) / rate - (now - this.#since) / 1000);
    this.#show({ ...position, ratePerSecond: rate, secondsLeft: left });
  }
}
