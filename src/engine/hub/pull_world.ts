import { statfs } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { type Clock, systemClock } from '../common/clock.ts';
import { type FileSystem, NodeFileSystem } from '../common/file_system.ts';

export interface FolderLock {
  release(): Promise<void>;
}

/** Everything outside the program that a download touches. */
export interface PullWorld {
  readonly files: FileSystem;
  readonly clock: Clock;
  readonly fetch: typeof fetch;
  /** A connection that brings nothing for this long counts as cut. */
  readonly stallMilliseconds: number;
  /** May reject when `signal` aborts. */
  sleep(milliseconds: number, signal: AbortSignal | undefined): Promise<void>;
  /** Bytes that this account may still write on the disk of `folder`; null when the system does not tell. */
  freeBytes(folder: string): Promise<number | null>;
  /** At most one pull at a time writes into `folder`. @throws LatroError `run-locked` */
  lock(folder: string): Promise<FolderLock>;
}

/** @param lock for example `(folder) => RunLock.acquire(files, folder, systemProcesses, systemClock)` */
export function systemPullWorld(lock: PullWorld['lock']): PullWorld {
  return {
    files: new NodeFileSystem(),
    clock: systemClock,
    fetch: globalThis.fetch,
    stallMilliseconds: 60_000,
    async sleep(milliseconds, signal) {
      await delay(milliseconds, undefined, signal === undefined ? {} : { signal });
    },
    async freeBytes(folder) {
      try {
        const { bavail, bsize } = await statfs(folder);
        return bavail * bsize;
      } catch {
        return null;
      }
    },
    lock,
  };
}
