/** A file system that fails at the k-th changing call: the method SQLite is tested with. */
import {
  type FileSystem,
  mendableError,
  type OpenMode,
  type WriteHandle,
} from '../../src/engine/common/file_system.ts';

export interface Fault {
  /** 1-based number of the changing call that fails. */
  readonly at: number;
  /**
   * error: the call throws and later ones work. crash: nothing works any more, as if the process had ended there. kill: the process
   * does end there, by SIGKILL. full: from there on nothing can be created or written, but renamed, flushed and removed.
   */
  readonly kind: 'error' | 'crash' | 'kill' | 'full';
  readonly code?: 'ENOSPC' | 'EIO' | 'EACCES';
}

const NEEDS_SPACE = /^(open|write|makeDirectory)/;

export class Crash extends Error {}

export class FaultyFileSystem implements FileSystem {
  /** Changing calls so far. */
  calls = 0;
  readonly log: string[] = [];
  readonly #inner: FileSystem;
  readonly #fault: Fault | null;
  #dead = false;

  constructor(inner: FileSystem, fault: Fault | null = null) {
    this.#inner = inner;
    this.#fault = fault;
  }

  /** True once the fault has struck. */
  get struck(): boolean {
    return this.#fault !== null && this.calls >= this.#fault.at;
  }

  async #change<T>(what: string, path: string, action: () => Promise<T>, half?: () => Promise<void>): Promise<T> {
    if (this.#dead) throw new Crash(what);
    this.calls++;
    this.log.push(`${what} ${path}`);
    if (this.#fault === null || !this.#strikes(what, this.#fault)) return action();
    await half?.();
    if (this.#fault.kind === 'kill') {
      process.kill(process.pid, 'SIGKILL');
      await new Promise(() => {});
    }
    if (this.#fault.kind === 'crash') {
      this.#dead = true;
      throw new Crash(what);
    }
    const code = this.#fault.code ?? (this.#fault.kind === 'full' ? 'ENOSPC' : 'EIO');
    throw mendableError(Object.assign(new Error(`${code}: ${what} ${path}`), { code }), path);
  }

  #strikes(what: string, { kind, at }: Fault): boolean {
    return kind === 'full' ? this.calls >= at && NEEDS_SPACE.test(what) : this.calls === at;
  }

  async open(path: string, mode: OpenMode): Promise<WriteHandle> {
    const handle = await this.#change(`open(${mode})`, path, () => this.#inner.open(path, mode));
    return {
      write: (bytes) =>
        this.#change(
          'write',
          path,
          () => handle.write(bytes),
          () => handle.write(bytes.subarray(0, bytes.length >> 1)),
        ),
      flush: () => this.#change('flush', path, () => handle.flush()),
      // The descriptor goes with the process; it may not leak in the test.
      close: () =>
        this.#dead
          ? handle.close()
          : this.#change(
              'close',
              path,
              () => handle.close(),
              () => handle.close(),
            ),
    };
  }

  truncate(path: string, bytes: number): Promise<void> {
    return this.#change('truncate', path, () => this.#inner.truncate(path, bytes));
  }
  rename(from: string, to: string): Promise<void> {
    return this.#change('rename', `${from} → ${to}`, () => this.#inner.rename(from, to));
  }
  remove(path: string): Promise<void> {
    return this.#change('remove', path, () => this.#inner.remove(path));
  }
  makeDirectory(path: string, exclusive?: boolean): Promise<void> {
    return this.#change('makeDirectory', path, () => this.#inner.makeDirectory(path, exclusive));
  }
  flushDirectory(path: string): Promise<void> {
    return this.#change('flushDirectory', path, () => this.#inner.flushDirectory(path));
  }

  // Reading never fails here: what a crash leaves is read by the next process.
  read(path: string, start?: number): Promise<Uint8Array> {
    return this.#inner.read(path, start);
  }
  readChunks(path: string): AsyncIterable<Uint8Array> {
    return this.#inner.readChunks(path);
  }
  list(path: string): Promise<string[]> {
    return this.#inner.list(path);
  }
  status(path: string) {
    return this.#inner.status(path);
  }
}

/**
 * Runs `attempt` on a fresh world once per changing call, failing that call, until one attempt gets through untouched.
 * `check` sees the world after each failure. Returns how many calls were failed.
 */
export async function failEveryCall<World>(
  kinds: readonly Omit<Fault, 'at'>[],
  fresh: () => Promise<{ world: World; files: FileSystem }>,
  attempt: (world: World, files: FileSystem) => Promise<void>,
  check: (world: World, error: unknown, fault: Fault) => Promise<void>,
): Promise<number> {
  let failed = 0;
  for (const kind of kinds) {
    for (let at = 1; ; at++) {
      const { world, files } = await fresh();
      const fault = { ...kind, at };
      const faulty = new FaultyFileSystem(files, fault);
      let thrown: unknown;
      try {
        await attempt(world, faulty);
      } catch (error) {
        thrown = error;
      }
      if (!faulty.struck) {
        if (thrown !== undefined) throw thrown;
        break;
      }
      failed++;
      await check(world, thrown, fault);
    }
  }
  return failed;
}
