/** Which processes live: a pid alone says little, because systems use pids again; with its start time it names one process for good. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { promisify } from 'node:util';

export interface ProcessId {
  readonly pid: number;
  /** Opaque, equal only for the same process; empty when the system does not tell. */
  readonly start: string;
  readonly host: string;
}

export interface Processes {
  self(): Promise<ProcessId>;
  /** Of a process of this host. Unknown counts as alive. */
  isAlive(process: ProcessId): Promise<boolean>;
}

export const systemProcesses: Processes = {
  async self() {
    return { pid: process.pid, start: (await startOf(process.pid)) ?? '', host: hostname() };
  },

  async isAlive({ pid, start }) {
    const current = await startOf(pid);
    if (current === null || !exists(pid)) return false;
    return start === '' || current === '' || current === start;
  },
};

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Start time in the system's own words; null: it has ended and is only waited for (a zombie); empty: the system does not tell. */
async function startOf(pid: number): Promise<string | null> {
  switch (process.platform) {
    case 'linux':
      return startOnLinux(pid);
    case 'win32':
      return ask('powershell.exe', [
        '-NoProfile',
        '-NonInteractive',
        '-Command',
        `(Get-Process -Id ${pid}).StartTime.ToFileTimeUtc()`,
      ]);
    default:
      return ask('ps', ['-o', 'lstart=', '-p', `${pid}`]);
  }
}

async function startOnLinux(pid: number): Promise<string | null> {
  try {
    const [status, boot] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'utf8'),
      readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
    ]);
    // "pid (name) state …": the name may hold anything, so count from its closing bracket. proc(5): 3 state, 22 starttime.
    const fields = status.slice(status.lastIndexOf(')') + 2).split(' ');
    const [state, ticks] = [fields[0], fields[19]];
    return state === 'Z' || state === 'X' ? null : `${boot.slice(0, 8)}.${ticks}`;
  } catch {
    return '';
  }
}

async function ask(command: string, args: string[]): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(command, args, {
      windowsHide: true,
      env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' },
    });
    return stdout.trim().replaceAll(/[^A-Za-z0-9]+/g, '.');
  } catch {
    return '';
  }
}
