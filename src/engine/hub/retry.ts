import { type LatroError, throwIfCancelled } from '../common/errors.ts';
import type { PullWorld } from './pull_world.ts';

const MAX_ATTEMPTS = 5;
const FIRST_WAIT = 1000;
const LONGEST_WAIT = 300_000;

/** Something that may go better the next time. */
export class TransientFailure extends Error {
  /** What the user is told when it never does. */
  readonly reason: LatroError;
  /** How long the server asks to be left alone. */
  readonly waitMilliseconds: number;

  constructor(reason: LatroError, waitMilliseconds = 0) {
    super(reason.message);
    this.reason = reason;
    this.waitMilliseconds = waitMilliseconds;
  }
}

export interface RetryHooks {
  /** True when the attempt that just failed still brought something; such attempts do not count. */
  hasAdvanced?(): boolean;
  waiting?(): void;
}

/**
 * Repeats `action` while it fails with a TransientFailure, after 1, 2, 4, … s or as long as the server asks; after 5 attempts
 * in a row that brought nothing, or when asked to wait more than 5 minutes, its reason is thrown.
 */
export async function retry<T>(
  world: PullWorld,
  signal: AbortSignal | undefined,
  action: () => Promise<T>,
  hooks: RetryHooks = {},
): Promise<T> {
  for (let failures = 0; ; ) {
    throwIfCancelled(signal);
    try {
      return await action();
    } catch (error) {
      throwIfCancelled(signal);
      if (!(error instanceof TransientFailure)) throw error;
      failures = hooks.hasAdvanced?.() ? 1 : failures + 1;
      if (failures === MAX_ATTEMPTS || error.waitMilliseconds > LONGEST_WAIT) throw error.reason;
      hooks.waiting?.();
      await sleep(world, Math.max(FIRST_WAIT * 2 ** (failures - 1), error.waitMilliseconds), signal);
    }
  }
}

async function sleep(world: PullWorld, milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await world.sleep(milliseconds, signal);
  } catch (error) {
    throwIfCancelled(signal);
    throw error;
  }
}
