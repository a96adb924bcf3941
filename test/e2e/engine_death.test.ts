import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';
import { engineRecordFile, readEngineRecord } from '../../src/protocol/engine_record.ts';
import { openStudio, type Studio } from './harness/studio.ts';
import { prepareTraining } from './harness/training_workspace.ts';

/** A run belongs to the workspace: the window may close, and the engine may die, and the run goes on. */
describe('a long run', function () {
  this.timeout(240_000);
  let studio: Studio;
  const engine = async () => (await readEngineRecord(engineRecordFile(studio.workspace)))?.pid;

  before(async () => {
    studio = await openStudio({ prepare: (workspace) => prepareTraining(workspace, 5000) });
  });
  after(() => studio.close());
  afterEach(async function () {
    if (this.currentTest?.isFailed()) await studio.workbench.screenshot(`failed-${this.currentTest.title}`);
  });

  it('lives through a reload of the window, which finds it again', async () => {
    const { workbench } = studio;
    await workbench.openFile('train.jsonl');
    await workbench.runCommand('LaTRO: Train on This Dataset', () =>
      workbench.notification('training on train.jsonl').waitFor({ timeout: 15_000 }),
    );
    const counting = () => workbench.statusBarItem(/LaTRO \d+\/5000/).waitFor({ timeout: 60_000 });
    await counting();
    const before = await engine();
    await workbench.reload();
    await counting();
    assert.equal(await engine(), before);
  });

  it('tells of a killed engine once, with the log and a way to resume', async () => {
    const { workbench } = studio;
    const killed = await engine();
    process.kill(killed!, 'SIGKILL');
    const message = workbench.notification(/ended unexpectedly/);
    await message.waitFor();
    await setTimeout(1500);
    assert.equal(await workbench.notification(/./).count(), 1, 'one message');
    assert.equal(await message.locator('.monaco-button', { hasText: 'Open Log' }).count(), 1);
    await workbench.screenshot('engine-killed');
    await workbench.answer(/ended unexpectedly/, 'Resume');
    await workbench.statusBarItem(/LaTRO \d+\/5000/).waitFor({ timeout: 60_000 });
    assert.notEqual(await engine(), killed);
  });

  it('stops on command and keeps what it learned', async () => {
    const { workbench } = studio;
    await workbench.runCommand('LaTRO: Stop Run and Save', () =>
      workbench.notification(/The run was stopped at step \d+ of 5000/).waitFor({ timeout: 30_000 }),
    );
    await workbench.statusBarItem(/LaTRO: /).waitFor();
    await workbench.screenshot('stopped');
  });
});
