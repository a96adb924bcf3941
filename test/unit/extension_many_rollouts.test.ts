/** How long the side panel holds the editor while it reads what a long run has sampled for a question, and how much of it it opens at once. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { realpath, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import * as v from 'valibot';
import { atomicWrite, NodeFileSystem } from '../../src/engine/common/file_system.ts';
import type { RunDirectory } from '../../src/engine/runs/run_directory.ts';
import { RolloutIndex } from '../../src/extension/runs/rollout_index.ts';
import { longestTurn } from '../support/event_loop.ts';
import { QuestionOnDisk } from '../support/question_on_disk.ts';

const files = new NodeFileSystem();

describe('a question with 3000 rollouts of 33 kB', function () {
  this.timeout(120_000);
  const ROLLOUTS = 3000;
  let disk: QuestionOnDisk;
  const tokens = Array.from({ length: 250 }, (_, id) => ({ id, text: ` w${id}`, logProb: -0.25 }));
  const samples = Math.ceil(33_000 / JSON.stringify(tokens).length);
  const largeRollout = (step: number): string => {
    const one = disk.rolloutOf(step, `at ${step}`, { tokens });
    const first = one.rationales[0]!;
    const rationales = Array.from({ length: samples }, (_, sample) => ({ ...first, sample }));
    return `${JSON.stringify({ ...one, rationales })}\n`;
  };
  let run: RunDirectory;
  /** Once, 100 MB of them: what a test adds it takes away, and the last one spoils them. */
  before(async () => {
    disk = await QuestionOnDisk.create();
    run = await disk.newRun(ROLLOUTS);
    await files.makeDirectory(run.rolloutsFolder);
    assert.ok(largeRollout(1).length >= 33_000);
    for (let step = 1; step <= ROLLOUTS; step++) await writeFile(run.rolloutFile(step), largeRollout(step));
  });
  after(() => disk.remove());

  it('opens few files at once, however many rows are asked for', async function () {
    const FILES = '/proc/self/fd';
    if (!existsSync(FILES)) this.skip();
    const index = new RolloutIndex(run);
    const { rowKey } = disk.question.row;
    const steps = await index.steps(rowKey);
    // Other tests of the process have files of their own open.
    const rollouts = await realpath(run.rolloutsFolder);
    const isRollout = (descriptor: string) => {
      try {
        return readlinkSync(path.join(FILES, descriptor)).startsWith(rollouts);
      } catch {
        return false; // closed meanwhile
      }
    };
    let most = 0;
    const looks = setInterval(() => {
      most = Math.max(most, readdirSync(FILES).filter(isRollout).length);
    }, 4);
    const read = await Promise.all(steps.map((step) => index.read(rowKey, step, v.object({ step: v.number() }))));
    clearInterval(looks);
    assert.equal(read.filter((rollout) => rollout !== undefined).length, ROLLOUTS);
    assert.ok(most > 0 && most <= 8, `${most} files`);
  });

  it('shows what a further update samples, and holds the editor no longer for it', async () => {
    const { draw } = await disk.open();
    await draw();
    await atomicWrite(files, run.rolloutFile(ROLLOUTS + 1), largeRollout(ROLLOUTS + 1));
    let text: string | undefined;
    const { longest } = await longestTurn(async () => {
      text = (await draw()).current?.rationales[0]?.record.text;
    });
    assert.equal(text, `at ${ROLLOUTS + 1}`);
    assert.ok(longest < 50, `${longest} ms`);
    await rm(run.rolloutFile(ROLLOUTS + 1));
  });

  it('never holds the editor for 50 ms, and reads nothing again where nothing has changed', async () => {
    const { draw } = await disk.open();
    let first: Awaited<ReturnType<typeof draw>> | undefined;
    const opening = await longestTurn(async () => {
      first = await draw();
    });
    assert.equal(first?.checkpoints.length, ROLLOUTS);
    assert.equal(first?.current?.rationales[0]?.record.text, `at ${ROLLOUTS}`);
    assert.deepEqual(
      first?.stages.map(({ checkpoint, figures }) => [checkpoint, figures?.best.text]),
      [
        ['base', 'at 1'],
        [`step-${ROLLOUTS - 2}`, `at ${ROLLOUTS - 1}`],
        [`step-${ROLLOUTS - 1}`, `at ${ROLLOUTS}`],
      ],
    );
    // Written in place, and so that it could not be read: the folder is as it was.
    for (let step = 1; step <= ROLLOUTS; step++) await writeFile(run.rolloutFile(step), 'x');
    let second: Awaited<ReturnType<typeof draw>> | undefined;
    const again = await longestTurn(async () => {
      second = await draw();
    });
    assert.deepEqual(second, first);
    console.log(`      longest turn ${opening.longest.toFixed(1)} ms, then ${again.longest.toFixed(1)} ms`);
    assert.ok(opening.longest < 50, `${opening.longest} ms at first`);
    assert.ok(again.longest < 50, `${again.longest} ms again`);
  });
});
