/** Starts an engine process that belongs to nobody: detached, with its output in a file, so that it outlives the window. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, openSync, statSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { constants, getPriority, setPriority, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { LatroError } from '../../engine/common/errors.ts';
import {
  type EngineRecord,
  engineRecordFile,
  readEngineRecord,
  removeDeadSocket,
  SOCKET_FOLDER,
} from '../../protocol/engine_record.ts';

const START_MILLISECONDS = 30_000;
const POLL_MILLISECONDS = 30;
/** A longer log starts anew with the next engine. */
const LOG_BYTES = 2_000_000;

export const engineLogFile = (workspace: string): string => path.join(workspace, '.latro', 'engine.log');

/** Starts `entry` for a workspace and waits until it listens. */
export async function launchEngine(entry: string, workspace: string): Promise<EngineRecord> {
  await mkdir(path.join(workspace, '.latro'), { recursive: true });
  // Runs, logs and the engine's token are nobody's source code.
  await writeFile(path.join(workspace, '.latro', '.gitignore'), '*\n', { flag: 'wx' }).catch(() => {});
  const recordFile = engineRecordFile(workspace);
  const socket = await newSocket();
  const child = spawn(process.execPath, [entry, '--socket', socket, '--record', recordFile], {
    cwd: workspace,
    detached: true,
    windowsHide: true,
    stdio: outputTo(engineLogFile(workspace)),
    env: plainNodeEnvironment(),
  });
  await yieldToWindow(child);
  child.unref();
  try {
    return await waitForRecord(child, recordFile, engineLogFile(workspace));
  } catch (error) {
    await removeDeadSocket(socket);
    throw error;
  }
}

/** Training takes every core it gets, for hours: the editor, and what draws its panels, come first. */
async function yieldToWindow({ pid }: ChildProcess): Promise<void> {
  if (pid === undefined) return; // it could not be started
  try {
    // What the editor itself was given is never exceeded.
    setPriority(pid, Math.max(constants.priority.PRIORITY_BELOW_NORMAL, getPriority()));
  } catch {
    // it has ended, or the system does not let us: it then competes as before
  }
  // Linux shares the cores between sessions first, and `detached` made the engine one: within it, its priority means nothing.
  // The file is missing where the kernel does not group by session.
  await writeFile(`/proc/${pid}/autogroup`, `${constants.priority.PRIORITY_BELOW_NORMAL}`).catch(() => {});
}

async function newSocket(): Promise<string> {
  if (process.platform === 'win32') return `\\\\.\\pipe\\latro-${randomUUID()}`;
  // A folder of its own, mode 0700: nobody else may even connect. Short, because socket names end at some 100 characters.
  return path.join(await mkdtemp(path.join(tmpdir(), SOCKET_FOLDER)), 'engine.sock');
}

function outputTo(file: string): ['ignore', number, number] {
  const tooLong = (statSync(file, { throwIfNoEntry: false })?.size ?? 0) > LOG_BYTES;
  const log = openSync(file, tooLong ? 'w' : 'a');
  // spawn() duplicates the descriptor before it returns.
  setImmediate(() => closeSync(log));
  return ['ignore', log, log];
}

/** The extension host's environment, less what is meant for that process alone. */
export function plainNodeEnvironment(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => name !== 'NODE_OPTIONS' && !name.startsWith('VSCODE_'));
  // On the desktop, `process.execPath` is VS Code itself; this makes it plain Node.
  return { ...Object.fromEntries(own), ELECTRON_RUN_AS_NODE: '1' };
}

async function waitForRecord(child: ChildProcess, recordFile: string, logFile: string): Promise<EngineRecord> {
  let failure: string | undefined;
  child.once('error', (error) => {
    failure = error.message;
  });
  child.once('exit', (code, signal) => {
    failure = `it ended with ${signal ?? `code ${code}`}`;
  });
  for (const deadline = Date.now() + START_MILLISECONDS; Date.now() < deadline; ) {
    const record = await readEngineRecord(recordFile);
    if (record?.pid === child.pid && record !== undefined) return record;
    if (failure !== undefined) break;
    await setTimeout(POLL_MILLISECONDS);
  }
  const why = failure ?? `it did not answer within ${START_MILLISECONDS / 1000} s`;
  const lastLine = (await logTail(logFile, 1))[0];
  throw new LatroError(
    'engine-stopped',
    `The engine could not be started: ${why}${lastLine === undefined ? '' : ` (${lastLine})`}.`,
    'Open the log for details.',
  );
}

/** The last lines an engine wrote. */
export async function logTail(file: string, lines: number): Promise<string[]> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(-lines);
}

/** False once the process of this id is gone. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
