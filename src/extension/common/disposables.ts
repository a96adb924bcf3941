/** Lifetimes and events without `vscode`, so that what uses them runs in plain Node too. */

export interface Disposable {
  dispose(): void;
}

/** Owns what lives as long as its owner. What is added too late is disposed at once. */
export class DisposableStore implements Disposable {
  readonly #items = new Set<Disposable>();
  #disposed = false;

  add<T extends Disposable>(item: T): T {
    if (this.#disposed) item.dispose();
    else this.#items.add(item);
    return item;
  }

  /** Disposes one thing before its time. */
  remove(item: Disposable): void {
    if (this.#items.delete(item)) item.dispose();
  }

  get isDisposed(): boolean {
    return this.#disposed;
  }

  /** In reverse order of adding: later things may use earlier ones. */
  dispose(): void {
    this.#disposed = true;
    const items = [...this.#items].reverse();
    this.#items.clear();
    for (const item of items) item.dispose();
  }
}

export type Listener<T> = (event: T) => void;

export class Emitter<T> {
  readonly #listeners = new Set<Listener<T>>();

  /** Bound, so that it can be handed out as an event. */
  readonly event = (listener: Listener<T>): Disposable => {
    this.#listeners.add(listener);
    return { dispose: () => this.#listeners.delete(listener) };
  };

  fire(event: T): void {
    for (const listener of [...this.#listeners]) listener(event);
  }
}
