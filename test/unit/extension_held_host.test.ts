/** Files that a run has made large are read while the extension host goes on with its work, and only once. */
import assert from 'node:assert/strict';
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type FileSystem, NodeFileSystem } from '../../src/engine/common/file_system.ts';
import { readJsonLines } from '../../src/engine/common/json_lines.ts';
import { RunDirectory } from '../../src/engine/runs/run_directory.ts';
import { EventLog } from '../../src/extension/panels/event_log.ts';
import type { RunEvent } from '../../src/protocol/records.ts';
import { longestTurn } from '../support/event_loop.ts';
import { strategySnapshot } from '../webview/fixtures/run_events.ts';

const LONGEST_TURN_MILLISECONDS = 50;

describe('what a run has written', function () {
  this.timeout(60_000);
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'latro-held-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('is read in slices: no turn of the event loop takes 50 ms', async () => {
    const file = path.join(folder, 'many.jsonl');
    const line = JSON.stringify({
      tokens: Array.from({ length: 2000 }, (_, id) => ({ id, text: ' word', logProb: -0.5 })),
    });
    await writeFile(file, `${line}\n`.repeat(100));
    let records = 0;
    const { longest } = await longestTurn(async () => {
      records = (await readJsonLines(new NodeFileSystem(), file, (value) => structuredClone(value))).records.length;
    });
    assert.equal(records, 100);
    assert.ok(longest < LONGEST_TURN_MILLISECONDS, `${longest} ms`);
  });

  const health = (step: number, message: string) =>
    JSON.stringify({ type: 'health', time: '2026-11-28T01:01:01.000Z', step, check: 'kl-high', message, cure: '' });

  it('is not read again by a panel that comes back, unless the run was rolled back', async () => {
    const starts: number[] = [];
    class Watched extends NodeFileSystem implements FileSystem {
      override async read(file: string, start?: number): Promise<Uint8Array> {
        starts.push(start ?? 0);
        return await super.read(file, start);
      }
    }
    const directory = new RunDirectory(new Watched(), folder);
    const log = new EventLog();
    const first = `${health(1, 'one')}\n${health(2, 'two')}\n`;
    await writeFile(directory.eventsFile, first);
    await log.follow(directory);
    assert.equal(await log.follow(directory), true);
    await appendFile(directory.eventsFile, `${health(3, 'three')}\n`);
    assert.equal(await log.follow(directory), true);
    assert.deepEqual(starts, [0, first.length, first.length]);
    assert.equal(log.all.length, 3);

    // Rolled back, and longer again before anybody has looked.
    await writeFile(
      directory.eventsFile,
      `${health(1, 'one')}\n${health(2, 'other')}\n${health(3, 'and more than before')}\n`,
    );
    assert.equal(await log.follow(directory), false);
    const messages = log.all.map((event) => event.type === 'health' && event.message);
    assert.deepEqual(messages, ['one', 'other', 'and more than before']);
  });

  it('is read again after a roll back that differs from it only in the time of a line that is long', async () => {
    const evaluation = strategySnapshot.events.find(
      (event): event is Extract<RunEvent, { type: 'evaluation' }> =>
        event.type === 'evaluation' && event.summary.strategies !== undefined,
    );
    const strategies = evaluation!.summary.strategies!;
    for (const count of [8, 64]) {
      const perStrategy = Array.from({ length: count }, () => strategies.perStrategy[0]!);
      const summary = { ...evaluation!.summary, strategies: { ...strategies, count, perStrategy } };
      const line = (time: string) => JSON.stringify({ ...evaluation, time, summary });
      assert.ok(line('').length > 1000);
      const directory = new RunDirectory(new NodeFileSystem(), folder);
      const log = new EventLog();
      await writeFile(directory.eventsFile, `${health(1, 'one')}\n${line('2026-11-28T01:01:01.000Z')}\n`);
      await log.follow(directory);
      assert.equal(await log.follow(directory), true);
      await writeFile(
        directory.eventsFile,
        `${health(1, 'two')}\n${line('2026-11-28T02:02:02.000Z')}\n${health(3, 'more')}\n`,
      );
      assert.equal(await log.follow(directory), false);
      assert.equal(log.all.length, 3);
    }
  });
});
