/** `<workspace>/.latro/engine.json`: how to reach the engine of this workspace. Only the engine writes it. */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
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

export const engineRecordFile = (workspace: string): string => path.join(workspace, '.latro', 'engine.json');

/** The record as it stands, or undefined when there is none or it is damaged. After a kill it is stale: only connecting tells. */
export async function readEngineRecord(file: string): Promise<EngineRecord | undefined> {
  try {
    return v.parse(EngineRecord, JSON.parse(await readFile(file, 'utf8')));
  } catch {
    return undefined;
  }
}

/** Readable by its owner only (mode 0600), and never seen half written. */
export async function writeEngineRecord(file: string, record: EngineRecord): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  const temporary = `${file}.${process.pid}`;
  await writeFile(temporary, `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600 });
  await rename(temporary, file);
}
