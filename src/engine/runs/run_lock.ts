/**
 * At most one process writes into a run directory. Every writer announces itself by a file whose *name* carries its pid and start time
 * (so that it is never half there), and only then looks for others: of two that come at once, the later to announce sees the earlier,
 * so never do both go on. A file whose process is gone is a stale lock and is removed.
 */
import { join } from 'node:path';
import type { Clock } from '../common/clock.ts';
import { LatroError } from '../common/errors.ts';
import { errorCode, type FileSystem } from '../common/file_system.ts';
import type { Processes, ProcessId } from './processes.ts';

const LOCK_NAME = /^writer-(\d+)-([A-Za-z0-9.]*)\.lock$/;
const lockName = ({ pid, start }: ProcessId) => `writer-${pid}-${start}.lock`;

export class RunLock {
  readonly #files: FileSystem;
  readonly #path: string;

  private constructor(files: FileSystem, path: string) {
    this.#files = files;
    this.#path = path;
  }

  /** @throws LatroError `run-locked` when another process, or this one, is writing the run already. */
  static async acquire(files: FileSystem, directory: string, processes: Processes, clock: Clock): Promise<RunLock> {
    const self = await processes.self();
    const path = join(directory, lockName(self));
    const handle = await files.open(path, 'create').catch((error: unknown) => {
      throw errorCode(error) === 'EEXIST' ? locked(directory, self, path) : error;
    });
    const lock = new RunLock(files, path);
    try {
      try {
        await handle.write(new TextEncoder().encode(`${JSON.stringify({ ...self, time: clock.iso() })}\n`));
      } finally {
        await handle.close();
      }
      for (const other of await readLocks(files, directory)) {
        if (other.path === path) continue;
        if (await isHeld(other.owner, self.host, processes))
          throw locked(directory, other.owner, other.path, self.host);
        await files.remove(other.path);
      }
    } catch (error) {
      await files.remove(path).catch(() => {});
      throw error;
    }
    return lock;
  }

  release(): Promise<void> {
    return this.#files.remove(this.#path);
  }
}

/** The process that is writing the run now, or null. */
export async function currentWriter(
  files: FileSystem,
  directory: string,
  processes: Processes,
): Promise<ProcessId | null> {
  const locks = await readLocks(files, directory);
  if (locks.length === 0) return null;
  const { host } = await processes.self();
  for (const { owner } of locks) if (await isHeld(owner, host, processes)) return owner;
  return null;
}

async function readLocks(files: FileSystem, directory: string): Promise<{ path: string; owner: ProcessId }[]> {
  const locks = [];
  for (const name of await files.list(directory)) {
    const match = LOCK_NAME.exec(name);
    if (match === null) continue;
    const path = join(directory, name);
    locks.push({ path, owner: { pid: Number(match[1]), start: match[2] ?? '', host: await hostOf(files, path) } });
  }
  return locks;
}

/** The content only adds the host; a writer killed before it wrote it leaves none. */
async function hostOf(files: FileSystem, path: string): Promise<string> {
  try {
    const { host } = JSON.parse(new TextDecoder().decode(await files.read(path))) as { host?: unknown };
    return typeof host === 'string' ? host : '';
  } catch {
    return '';
  }
}

async function isHeld(owner: ProcessId, thisHost: string, processes: Processes): Promise<boolean> {
  // What runs on another machine cannot be seen from here.
  if (owner.host !== '' && owner.host !== thisHost) return true;
  return processes.isAlive(owner);
}

function locked(directory: string, owner: ProcessId, path: string, thisHost = owner.host): LatroError {
  const elsewhere = owner.host !== '' && owner.host !== thisHost;
  return new LatroError(
    'run-locked',
    `Process ${owner.pid}${elsewhere ? ` on ${owner.host}` : ''} is writing the run ${directory}.`,
    elsewhere ? `Wait until it ends; if it is gone, delete ${path}.` : 'Wait until it ends, or stop it.',
  );
}
