/** `<workspace>/.latro/engine.json`: how to reach the engine of this workspace. Only the engine writes it. */
import { lstat, mkdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as v from 'valibot';

export const EngineRecord = v.object({
  pid: v.pipe(v.number(), v.integer(), v.minValue(1)),
  startTime: v.string(),
  /** A Unix socket, or a named pipe on Windows. */
  socket: v.pipe(v.string(), v.minLength(1)),
  engineVersion: v.string(),
  protocolVersion: v.number(),
  /** Whoever can read this file may command the engine. */
  token: v.pipe(v.string(), v.minLength(32)),
});
export type EngineRecord = v.InferOutput<typeof EngineRecord>;

/** Beginning of the name of a folder that holds an engine's socket, in the system's folder for temporary files. */
export const SOCKET_FOLDER = 'latro-';

export const engineRecordFile = (workspace: string): string => path.join(workspace, '.latro', 'engine.json');

/** The record as it stands, or undefined when there is none or it is damaged. After a kill it is stale: only connecting tells. */
export async function readEngineRecord(file: string): Promise<EngineRecord | undefined> {
  try {
    return v.parse(EngineRecord, JSON.parse(await readFile(file, 'utf8')));
  } catch {
    return undefined;
  }
}

/**
 * Removes the socket, and the folder made for it, of an engine that is gone. The record lies in the workspace and may say anything: only
 * a socket in a folder as the launcher makes them is touched.
 */
export async function removeDeadSocket(socket: string): Promise<void> {
  const folder = path.dirname(socket);
  const isOurs = path.dirname(folder) === tmpdir() && path.basename(folder).startsWith(SOCKET_FOLDER);
  if (process.platform === 'win32' || !isOurs) return;
  if ((await lstat(socket).catch(() => undefined))?.isSocket()) await rm(socket, { force: true });
  await rmdir(folder).catch(() => {}); // any other is not empty and stays
}

/** Readable by its owner only (mode 0600), and never seen half written. */
export async function writeEngineRecord(file: string, record: EngineRecord): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  const temporary = `${file}.${process.pid}`;
  await writeFile(temporary, `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600 });
  await rename(temporary, file);
}
