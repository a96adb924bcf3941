/** What `when` clauses of `package.json` know of the extension: set here and nowhere else, and forgotten when it ends. */
import type { Uri } from 'vscode';
import type { Disposable } from './common/disposables.ts';

/** Every one that `package.json` uses (a test compares). */
export const CONTEXT_KEYS = ['latro.training', 'latro.jsonDatasets'] as const;
export type ContextKey = (typeof CONTEXT_KEYS)[number];

/** Files are for `resource in KEY`: as URIs and not as texts, because a remote window names them otherwise than its extensions do. */
export interface ContextValues extends Readonly<Record<ContextKey, unknown>> {
  readonly 'latro.training': boolean;
  /** The open `.json` files that are datasets. */
  readonly 'latro.jsonDatasets': readonly Uri[];
}
export type ContextValue = ContextValues[ContextKey];

export class ContextKeys implements Disposable {
  readonly #tell: (key: ContextKey, value: ContextValue | undefined) => void;
  readonly #told = new Map<ContextKey, string>();

  /** @param tell VS Code; undefined: there is no such key any more */
  constructor(tell: (key: ContextKey, value: ContextValue | undefined) => void) {
    this.#tell = tell;
  }

  /** Said once, however often it is set to the same. */
  set<K extends ContextKey>(key: K, value: ContextValues[K]): void {
    const text = String(value);
    if (this.#told.get(key) === text) return;
    this.#told.set(key, text);
    this.#tell(key, value);
  }

  /** An extension that was switched off or updated leaves no menus behind that its end left switched on. */
  dispose(): void {
    for (const key of this.#told.keys()) this.#tell(key, undefined);
    this.#told.clear();
  }
}
