import type { Clock } from '../../src/engine/common/clock.ts';

/** A clock that goes on by one second each time it is read. */
export class ManualClock implements Clock {
  #milliseconds: number;
  constructor(start = '2026-11-21T22:01:02.000Z') {
    this.#milliseconds = Date.parse(start);
  }
  now(): number {
    this.#milliseconds += 1000;
    return this.#milliseconds;
  }
  iso(): string {
    return new Date(this.now()).toISOString();
  }
  monotonic(): number {
    return this.now();
  }
}
