/**
 * The few file operations whose order decides what survives a crash, injected so that tests can fail every one of them in turn.
 * Everything that writes into a run directory goes through here.
 */
import { mkdir, open as openFile, readdir, rename, rm, stat, truncate } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { LatroError } from './errors.ts';

export interface WriteHandle {
  /** Writes all of `bytes` or throws; after a throw any part of them may have been written. */
  write(bytes: Uint8Array): Promise<void>;
  /** Returns when everything written is on the storage device (fsync). */
  flush(): Promise<void>;
  close(): Promise<void>;
}

/** create: the file must not exist yet. replace: emptied first. append: every write goes to the end. */
export type OpenMode = 'create' | 'replace' | 'append';

export interface FileStatus {
  readonly kind: 'file' | 'directory' | 'other';
  readonly bytes: number;
  /** When its content was last written: milliseconds since 1970, with a fraction where the disk keeps one. */
  readonly modified: number;
}

/**
 * Fails with a LatroError `disk-full` or `not-writable` where a person can mend it, otherwise with the system's own error, whose
 * `code` is `ENOENT`, `EEXIST`, `EIO`, ….
 */
export interface FileSystem {
  /** The bytes from `start` to the end of the file. */
  read(path: string, start?: number): Promise<Uint8Array>;
  /**
   * The same in pieces of at most 1 MiB, for files that need not fit in memory. Each piece is overwritten by the next: memory that is
   * taken anew for every piece of a large file makes the garbage collector stop everything for a tenth of a second.
   */
  readChunks(path: string): AsyncIterable<Uint8Array>;
  open(path: string, mode: OpenMode): Promise<WriteHandle>;
  truncate(path: string, bytes: number): Promise<void>;
  /** Replaces `to` when both are files. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file or a whole folder; nothing happens when it does not exist. */
  remove(path: string): Promise<void>;
  /** Makes the folder and its parents; with `exclusive` only itself, and it must not exist yet. */
  makeDirectory(path: string, exclusive?: boolean): Promise<void>;
  /** Names in a folder, sorted; empty when there is no such folder. */
  list(path: string): Promise<string[]>;
  /** null when there is nothing at `path`. */
  status(path: string): Promise<FileStatus | null>;
  /** Makes creations, renames and removals in the folder durable. */
  flushDirectory(path: string): Promise<void>;
}

const CHUNK_BYTES = 1 << 20;
const FLAGS: Readonly<Record<OpenMode, string>> = { create: 'wx', replace: 'w', append: 'a' };

export class NodeFileSystem implements FileSystem {
  readonly #windows: boolean;

  constructor(platform: NodeJS.Platform = process.platform) {
    this.#windows = platform === 'win32';
  }

  async read(path: string, start = 0): Promise<Uint8Array> {
    const file = await openFile(path, 'r');
    try {
      const { size } = await file.stat();
      const bytes = new Uint8Array(Math.max(0, size - start));
      let filled = 0;
      while (filled < bytes.length) {
        const { bytesRead } = await file.read(
          bytes,
          filled,
          Math.min(CHUNK_BYTES << 6, bytes.length - filled),
          start + filled,
        );
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      return bytes.subarray(0, filled);
    } finally {
      await file.close();
    }
  }

  async *readChunks(path: string): AsyncIterable<Uint8Array> {
    const file = await openFile(path, 'r');
    const buffer = new Uint8Array(CHUNK_BYTES);
    try {
      for (;;) {
        const { bytesRead } = await file.read(buffer, 0, CHUNK_BYTES);
        if (bytesRead === 0) return;
        yield buffer.subarray(0, bytesRead);
      }
    } finally {
      await file.close();
    }
  }

  async open(path: string, mode: OpenMode): Promise<WriteHandle> {
    const file = await mendable(path, () => openFile(path, FLAGS[mode]));
    return {
      write: (bytes) =>
        mendable(path, async () => {
          for (let written = 0; written < bytes.length; ) {
            written += (await file.write(bytes, written, bytes.length - written)).bytesWritten;
          }
        }),
      flush: () => mendable(path, () => file.sync()),
      close: () => mendable(path, () => file.close()),
    };
  }

  truncate(path: string, bytes: number): Promise<void> {
    return mendable(path, () => truncate(path, bytes));
  }

  async rename(from: string, to: string): Promise<void> {
    await mendable(to, () => (this.#windows ? retryWhileBusy(() => rename(from, to)) : rename(from, to)));
  }

  remove(path: string): Promise<void> {
    return mendable(path, () => rm(path, { recursive: true, force: true, maxRetries: this.#windows ? 5 : 0 }));
  }

  async makeDirectory(path: string, exclusive = false): Promise<void> {
    await mendable(path, () => mkdir(path, { recursive: !exclusive }));
  }

  async list(path: string): Promise<string[]> {
    try {
      return (await readdir(path)).sort();
    } catch (error) {
      if (isMissing(error)) return [];
      throw error;
    }
  }

  async status(path: string): Promise<FileStatus | null> {
    try {
      const status = await stat(path);
      const kind = status.isFile() ? 'file' : status.isDirectory() ? 'directory' : 'other';
      return { kind, bytes: status.size, modified: status.mtimeMs };
    } catch (error) {
      if (isMissing(error)) return null;
      throw error;
    }
  }

  async flushDirectory(path: string): Promise<void> {
    // Windows cannot flush a folder; NTFS journals its entries by itself.
    if (this.#windows) return;
    const directory = await openFile(path, 'r');
    try {
      await mendable(path, () => directory.sync());
    } finally {
      await directory.close();
    }
  }
}

/**
 * Writes a whole file so that at any instant, crash included, `path` holds the previous bytes or the new ones: a temporary name in
 * the same folder, flushed, renamed, folder flushed. One writer per path at a time.
 */
export async function atomicWrite(files: FileSystem, path: string, content: Uint8Array | string): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.partial`);
  try {
    const handle = await files.open(temporary, 'replace');
    try {
      await handle.write(typeof content === 'string' ? new TextEncoder().encode(content) : content);
      await handle.flush();
    } finally {
      await handle.close();
    }
    await files.rename(temporary, path);
  } catch (error) {
    await files.remove(temporary).catch(() => {});
    throw error;
  }
  await files.flushDirectory(dirname(path));
}

/** Makes a folder and its missing parents so that they survive a power cut: flushed from the top down. */
export async function makeDirectoryDurably(files: FileSystem, path: string): Promise<void> {
  if ((await files.status(path)) !== null) return;
  const parent = dirname(path);
  await makeDirectoryDurably(files, parent);
  await files.makeDirectory(path);
  await files.flushDirectory(parent);
}

export function errorCode(error: unknown): string | undefined {
  const { code, cause } = error as { code?: unknown; cause?: unknown };
  return error instanceof LatroError ? errorCode(cause ?? {}) : typeof code === 'string' ? code : undefined;
}

export function isMissing(error: unknown): boolean {
  return errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR';
}

/** The error a person can mend behind a system error of a write, or that error itself. */
export function mendableError(error: unknown, path: string): unknown {
  switch (errorCode(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new LatroError(
        'disk-full',
        `The disk is full: ${path} could not be written.`,
        'Free some space; what was saved before is intact.',
        {
          cause: error,
        },
      );
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new LatroError(
        'not-writable',
        `${path} may not be written.`,
        'Give this account the right to write there, or choose another folder.',
        {
          cause: error,
        },
      );
    default:
      return error;
  }
}

async function mendable<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw mendableError(error, path);
  }
}

/** On Windows a virus scanner or indexer may hold a fresh file for some milliseconds; rename fails meanwhile. */
async function retryWhileBusy(action: () => Promise<void>): Promise<void> {
  for (let wait = 10; ; wait *= 2) {
    try {
      return await action();
    } catch (error) {
      if (wait > 1000 || !['EPERM', 'EACCES', 'EBUSY'].includes(errorCode(error) ?? '')) throw error;
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}
