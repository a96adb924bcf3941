/** How often a window looks at what changes all the time: a run in progress writes faster than anyone reads. */
import type { Disposable } from './disposables.ts';

export class Pace implements Disposable {
  readonly #action: () => void;
  readonly #settle: number;
  readonly #interval: number;
  #last = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #disposed = false;

  /**
   * @param action what is done after one ask or many; never within the ask itself
   * @param settle milliseconds from an ask to the action: changes come in bursts, and one look per burst is enough
   * @param interval least milliseconds from one action to the next
   */
  constructor(action: () => void, settle: number, interval: number = settle) {
    this.#action = action;
    this.#settle = settle;
    this.#interval = interval;
  }

  /** Bound, so that it can be handed out as a listener. The last ask is never lost: what it saw is looked at later. */
  readonly ask = (): void => {
    if (this.#disposed) return;
    const rest = this.#last + this.#interval - performance.now();
    this.#timer ??= setTimeout(
      () => {
        this.#timer = undefined;
        this.#last = performance.now();
        this.#action();
      },
      Math.max(this.#settle, rest),
    );
  };

  /** Whether somebody has asked and the action has not come yet. */
  get isDue(): boolean {
    return this.#timer !== undefined;
  }

  dispose(): void {
    this.#disposed = true;
    clearTimeout(this.#timer);
  }
}
