import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { NodeFileSystem } from '../../src/engine/common/file_system.ts';
import { systemProcesses } from '../../src/engine/runs/processes.ts';
import { RunDirectory } from '../../src/engine/runs/run_directory.ts';
import { engineRecordFile, readEngineRecord } from '../../src/protocol/engine_record.ts';
import { eventually } from '../support/eventually.ts';
import { openStudio, pictureOfFailure, type Studio } from './harness/studio.ts';
import { prepareTraining } from './harness/training_workspace.ts';

/** A run belongs to the workspace: the window may close, the engine may die, and the run goes on; a person pauses it and takes it back. */
describe('a long run', function () {
  this.timeout(300_000);
  let studio: Studio;
  const record = () => readEngineRecord(engineRecordFile(studio.workspace));
  const engine = async () => (await record())?.pid;
  const counting = () => studio.workbench.statusBarItem(/LaTRO \d+\/5000/).waitFor();
  const runs = () => path.join(studio.workspace, '.latro', 'runs');
  const theRun = async () => {
    const files = new NodeFileSystem();
    const [id] = await files.list(runs());
    return new RunDirectory(files, path.join(runs(), id!));
  };
  const summary = async () => (await theRun()).summary(systemProcesses);
  const press = (name: string | RegExp) => studio.workbench.panel.getByRole('button', { name, exact: true }).click();
  const shows = (status: string) => studio.workbench.panel.locator('h1 .status', { hasText: status }).waitFor();

  before(async () => {
    studio = await openStudio({
      prepare: (workspace) => prepareTraining(workspace, 5000, { questions: 6, rationales: 16 }),
    });
  });
  after(() => studio?.close());
  afterEach(async function () {
    await pictureOfFailure(studio, this.currentTest);
  });

  it('lives on while no window is open, and the next one finds it again', async () => {
    const { workbench, url, workspace } = studio;
    await workbench.openFile('train.jsonl');
    await workbench.runCommand('LaTRO: Train on This Dataset', () =>
      workbench.notification('training on train.jsonl').waitFor(),
    );
    await counting();
    const before = await engine();
    await workbench.close();
    const { step } = await summary();
    await eventually(async () => (await summary()).step > step + 1);
    await workbench.open(url, workspace);
    await counting();
    assert.equal(await engine(), before);
    const { status, step: now } = await summary();
    assert.deepEqual(
      [status, now > step + 1, (await (await theRun()).rolloutSteps()).at(-1)! > step],
      ['running', true, true],
    );
  });

  it('pauses when asked, saved, lets the engine do other work meanwhile, and goes on', async () => {
    const { workbench } = studio;
    await workbench.openSideBar();
    await workbench.openRun(/model · train\.jsonl/);
    await workbench.panel.locator('.card canvas').first().waitFor();
    await press('Pause');
    await shows('paused');
    const { step, status } = await summary();
    assert.equal(status, 'running', 'its process still has it');
    assert.equal((await (await theRun()).checkpoints.steps()).at(-1), step, 'what was done is saved');
    await workbench.statusBarItem(/LaTRO \d+\/5000 · paused/).waitFor();
    await workbench.treeItem(/paused/).waitFor();
    await workbench.screenshot('paused');
    await workbench.openFile('test.jsonl');
    await workbench.runCommand('LaTRO: Sample Rationales for This Question', () =>
      workbench.view.locator('tbody.rationale').nth(7).waitFor(),
    );
    assert.equal((await summary()).step, step, 'a paused run does nothing');
    await workbench.openRun(/model · train\.jsonl/);
    await press('Resume');
    await shows('running');
    await counting();
  });

  it('tells of a killed engine once, with the log and a way to resume', async () => {
    const { workbench } = studio;
    const { pid, socket } = (await record())!;
    process.kill(pid, 'SIGKILL');
    const message = workbench.notification(/ended unexpectedly/);
    await message.waitFor();
    assert.equal(await message.count(), 1);
    assert.equal(await message.locator('.monaco-button', { hasText: 'Open Log' }).count(), 1);
    assert.equal(existsSync(path.dirname(socket)), false, 'nothing of it is left in the folder for temporary files');
    await workbench.screenshot('engine-killed');
    await workbench.answer(/ended unexpectedly/, 'Resume');
    await counting();
    await workbench.panel.locator('.progress strong', { hasText: /\d.* left/ }).waitFor();
    assert.notEqual(await engine(), pid);
    assert.equal(await message.count(), 0, 'one message in all that time');
  });

  it('stops on command and keeps what it learned', async () => {
    const { workbench } = studio;
    await workbench.runCommand('LaTRO: Stop Run and Save', () =>
      workbench.notification(/The run was stopped at step \d+ of 5000/).waitFor(),
    );
    await workbench.statusBarItem(/LaTRO: /).waitFor();
    await shows('stopped');
    await workbench.screenshot('stopped');
  });

  it('goes back to the checkpoint one chooses', async () => {
    const { workbench } = studio;
    const [target] = await (await theRun()).checkpoints.steps();
    const before = await summary();
    assert.ok(target! < before.step);
    await press('Roll back…');
    await workbench.panel.getByRole('combobox').click();
    await workbench.panel.locator(`vscode-option[value="${target}"]`).click();
    await press(`Roll back to step ${target}`);
    await workbench.notification(new RegExp(`is at step ${target} again`)).waitFor();
    const after = await summary();
    assert.deepEqual([after.step, after.status], [target, 'stopped']);
    assert.deepEqual((await (await theRun()).rolloutSteps()).at(-1), target);
    await workbench.panel.getByText(`update ${target} of 5000`).waitFor();
    await workbench.screenshot('rolled-back');
  });

  it('exports its adapter, and its metrics, from dashboard and palette', async () => {
    const { workbench, workspace } = studio;
    await press('Export…');
    await press('Metrics as CSV');
    await workbench.page
      .locator('.view-lines')
      .getByText(/^step,totalSteps/)
      .waitFor();
    await workbench.runCommand('LaTRO: Export Run', () => workbench.choose(/^Adapter/));
    await workbench.answerDialog(path.join(workspace, 'exported'));
    await workbench.notification(/The weights of step \d+ are in exported/).waitFor();
    const config = JSON.parse(readFileSync(path.join(workspace, 'exported', 'adapter_config.json'), 'utf8'));
    assert.equal(config.peft_type, 'LORA');
    assert.ok(existsSync(path.join(workspace, 'exported', 'adapter_model.safetensors')));
    await workbench.screenshot('exported');
  });
});
