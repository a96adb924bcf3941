/**
 * Who may compute. The devices serve one job at a time: an interactive job goes before any waiting background job, and a running
 * background job offers its place between two updates (`yieldToInteractive`) or leaves it for as long as it is paused (`pause`).
 */
import { setImmediate } from 'node:timers/promises';
import { Cancelled, throwIfCancelled } from '../common/errors.ts';

export type Lane = 'interactive' | 'background';

interface Waiter {
  readonly enter: () => void;
}

export class ComputeLane {
  #busy = false;
  readonly #waiting: Record<Lane, Waiter[]> = { interactive: [], background: [] };

  /** Resolves when it is this job's turn, first come first served within its lane; rejects with `Cancelled` when aborted before. */
  async enter(lane: Lane, signal: AbortSignal): Promise<void> {
    throwIfCancelled(signal);
    if (this.#busy) await this.#wait(lane, signal, 'last');
    this.#busy = true;
  }

  /** Ends a turn and starts the next one's. */
  leave(): void {
    this.#busy = false;
    const next = this.#waiting.interactive.shift() ?? this.#waiting.background.shift();
    if (next !== undefined) {
      this.#busy = true;
      next.enter();
    }
  }

  /** For the job whose turn it is: a background job lets all waiting interactive jobs have theirs, then takes its own again. */
  async yieldToInteractive(lane: Lane, signal: AbortSignal): Promise<void> {
    // Sessions run synchronously under their promises: without a turn of the event loop no request would even be read.
    await setImmediate();
    throwIfCancelled(signal);
    if (lane === 'interactive' || this.#waiting.interactive.length === 0) return;
    // Waiting at the head of its own lane, but not abortable: whoever holds a turn must have it back to end it properly.
    const back = this.#wait('background', undefined, 'first');
    this.leave();
    await back;
    throwIfCancelled(signal);
  }

  /** For the background job whose turn it is: everybody else may compute until `resumed` resolves; throws `Cancelled` when stopped. */
  async pause(resumed: Promise<void>, signal: AbortSignal): Promise<void> {
    this.leave();
    await Promise.race([resumed, aborted(signal)]);
    // As above the turn must be had back. A job that is stopped has only to end, and does not wait until another run has.
    let mine = false;
    if (this.#busy && !signal.aborted) {
      mine = await this.#wait('background', signal, 'first').then(
        () => true,
        () => false,
      );
    }
    if (this.#busy && !mine) await this.#wait('interactive', undefined, 'first');
    this.#busy = true;
    throwIfCancelled(signal);
  }

  #wait(lane: Lane, signal: AbortSignal | undefined, place: 'first' | 'last'): Promise<void> {
    return new Promise((resolve, reject) => {
      const queue = this.#waiting[lane];
      const abandon = () => {
        queue.splice(queue.indexOf(waiter), 1);
        reject(new Cancelled());
      };
      const waiter: Waiter = {
        enter: () => {
          signal?.removeEventListener('abort', abandon);
          resolve();
        },
      };
      if (place === 'first') queue.unshift(waiter);
      else queue.push(waiter);
      signal?.addEventListener('abort', abandon, { once: true });
    });
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
