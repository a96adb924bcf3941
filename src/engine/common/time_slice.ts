/** Cuts a long computation into pieces between which the process does its other work. */
import { setImmediate } from 'node:timers/promises';

/** Well below the 50 ms after which a person feels the editor hang; a piece may be one row longer. */
const SLICE_MILLISECONDS = 8;

export class TimeSlice {
  #end = performance.now() + SLICE_MILLISECONDS;

  /** To be asked between two rows, and `next` awaited when true. */
  get isOver(): boolean {
    return performance.now() >= this.#end;
  }

  async next(): Promise<void> {
    await setImmediate();
    this.#end = performance.now() + SLICE_MILLISECONDS;
  }
}
