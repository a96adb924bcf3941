/** The engine that a window under test has started, asked beside it: what a panel shows is compared with what the engine says. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { EngineClient } from '../../../src/extension/engine/engine_client.ts';
import { engineRecordFile, readEngineRecord } from '../../../src/protocol/engine_record.ts';
import type { RowReference } from '../../../src/protocol/engine_rpc.ts';

export async function askEngine<T>(workspace: string, ask: (client: EngineClient) => Promise<T>): Promise<T> {
  const record = await readEngineRecord(engineRecordFile(workspace));
  if (record === undefined) throw new Error(`no engine runs in ${workspace}`);
  const client = await EngineClient.connect(record, 'test');
  try {
    return await ask(client);
  } finally {
    client.dispose();
  }
}

/** A row of a JSON Lines file of the workspace as the panel refers to it; `line` is 1-based. */
export async function rowOf(workspace: string, name: string, line: number): Promise<RowReference> {
  const dataset = path.join(workspace, name);
  const row = (await readFile(dataset, 'utf8')).split('\n')[line - 1]!;
  return { dataset, format: 'auto', line, row };
}
