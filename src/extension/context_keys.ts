/** What `when` clauses of `package.json` know of the extension: set here and nowhere else, and forgotten when it ends. */
import type { Disposable } from './common/disposables.ts';

/** Every one that `package.json` uses (a test compares). */
export const CONTEXT_KEYS = ['latro.training'] as const;
export type ContextKey = (typeof CONTEXT_KEYS)[number];

export class ContextKeys implements Disposable {
  readonly #tell: (key: ContextKey, value: boolean | undefined) => void;
  readonly #values = new Map<ContextKey, boolean>();

  /** @param tell VS Code; undefined: there is no such key any more */
  constructor(tell: (key: ContextKey, value: boolean | undefined) => void) {
    this.#tell = tell;
  }

  /** Said once, however often it is set to the same. */
  set(key: ContextKey, value: boolean): void {
    if (this.#values.get(key) === value) return;
    this.#values.set(key, value);
    this.#tell(key, value);
  }

  /** An extension that was switched off or updated leaves no menus behind that its end left switched on. */
  dispose(): void {
    for (const key of this.#values.keys()) this.#tell(key, undefined);
    this.#values.clear();
  }
}
