/** Waiting for what other processes and timers do. */
import { setTimeout } from 'node:timers/promises';

/** Longer than any test may take: whoever waits in vain fails by mocha's limit, and this ends the waiting itself. */
const PATIENCE_MILLISECONDS = 300_000;
const PAUSE_MILLISECONDS = 10;

/**
 * Asks again and again until `what` gives something. It never asks for ever: a loop that outlives its test keeps the whole test run from
 * ending. Errors: what it waited for, after five minutes.
 */
export async function eventually<T>(what: () => T | undefined | false | Promise<T | undefined | false>): Promise<T> {
  for (const end = performance.now() + PATIENCE_MILLISECONDS; performance.now() < end; ) {
    const found = await what();
    if (found !== undefined && found !== false) return found;
    await setTimeout(PAUSE_MILLISECONDS, undefined, { ref: false });
  }
  throw new Error(`waited in vain for ${what}`);
}
