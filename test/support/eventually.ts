/** Waiting for what other processes and timers do. */
import { setTimeout } from 'node:timers/promises';
import { inspect } from 'node:util';

/** Longer than any test may take: whoever waits in vain fails by mocha's limit, and this ends the waiting itself. */
const PATIENCE_MILLISECONDS = 300_000;
/** Many times what a busy machine takes for what the code does by itself. */
const SOON_MILLISECONDS = 10_000;
const PAUSE_MILLISECONDS = 10;

type Ask<T> = () => T | undefined | false | Promise<T | undefined | false>;

/**
 * Asks again and again until `what` gives something. It never asks for ever: a loop that outlives its test keeps the whole test run from
 * ending. Errors: what it waited for, after five minutes.
 */
export const eventually = <T>(what: Ask<T>): Promise<T> => within(PATIENCE_MILLISECONDS, what, () => '');

/** The same for what needs no other process and no computation: an error after ten seconds, with what there was instead. */
export const soon = <T>(what: Ask<T>, instead: () => unknown): Promise<T> =>
  within(SOON_MILLISECONDS, what, () => `; instead: ${inspect(instead(), { depth: 4, breakLength: Infinity })}`);

async function within<T>(milliseconds: number, what: Ask<T>, instead: () => string): Promise<T> {
  for (const end = performance.now() + milliseconds; performance.now() < end; ) {
    const found = await what();
    if (found !== undefined && found !== false) return found;
    await setTimeout(PAUSE_MILLISECONDS, undefined, { ref: false });
  }
  throw new Error(`waited in vain for ${what}${instead()}`);
}
