/** Time, injected: nothing that ends up in compared bytes may read it, and tests turn it by hand. */
export interface Clock {
  /** Milliseconds since 1970-01-01T00:00:00Z; may jump when the system's clock is set. */
  now(): number;
  /** `now` as ISO 8601 in UTC with milliseconds. */
  iso(): string;
  /** Milliseconds since some start; never goes back. For durations. */
  monotonic(): number;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  iso: () => new Date().toISOString(),
  monotonic: () => performance.now(),
};
