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
  const shownStep = async () =>
    Number(await studio.workbench.panel.getByRole('progressbar').getAttribute('aria-valuenow'));
  const labels = (cards: readonly { getAttribute(name: string): string | null }[]) =>
    cards.map((card) => card.getAttribute('aria-label'));
  /** In the list of runs. */
  const row = (text: RegExp) => studio.workbench.treeItem(/model · train\.jsonl/).filter({ hasText: text });
  /** A row that is drawn anew, as with every update of its run, may lose the click that is under way. */
  const pressInRow = async (action: string, until: RegExp) => {
    const { workbench } = studio;
    const button = workbench
      .treeItem(/model · train\.jsonl/)
      .locator(`.actions .action-label[aria-label^="${action}"]`);
    await eventually(async () => {
      if (await row(until).isVisible()) return true;
      await workbench
        .treeItem(/model · train\.jsonl/)
        .hover({ timeout: 2000 })
        .catch(() => {});
      await button.click({ timeout: 2000 }).catch(() => {});
      return await row(until)
        .waitFor({ timeout: 4000 })
        .then(
          () => true,
          () => false,
        );
    });
  };

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

  it('is in its dashboard again after a reload of the window, as it was left, with the time left, and goes on', async () => {
    const { workbench } = studio;
    const { panel } = workbench;
    await panel.getByRole('button', { name: 'Table: Reward' }).click();
    await panel.locator('.card .value-table').waitFor();
    const before = { engine: await engine(), step: await shownStep() };
    await workbench.reload();
    await panel.locator('.progress').waitFor();
    // Of what is drawn first: it needs no update to be measured.
    assert.match(await panel.locator('.progress').innerText(), /\d.* left/);
    assert.equal(await panel.locator('.run-name').innerText(), (await theRun()).id);
    assert.deepEqual(await panel.locator('.card:has(.value-table)').evaluateAll(labels), ['Reward']);
    await shows('running');
    const { step } = before;
    await eventually(async () => (await shownStep()) > step + 1);
    assert.equal(await engine(), before.engine);
    await workbench.screenshot('live-dashboard-reloaded');
  });

  it('is paused, taken up again and stopped in the list of runs, and from the palette', async () => {
    const { workbench } = studio;
    await workbench.openSideBar();
    await workbench.runCommand('LaTRO: Pause Run');
    await row(/paused/).waitFor();
    const { step } = await summary();
    await pressInRow('Resume Run…', /training/);
    await eventually(async () => (await summary()).step > step);
    await pressInRow('Pause Run', /paused/);
    const { step: later } = await summary();
    await workbench.runCommand('LaTRO: Resume Run');
    await row(/training/).waitFor();
    await eventually(async () => (await summary()).step > later);
    await pressInRow('Stop Run and Save', /stopped/);
    assert.equal((await summary()).status, 'stopped');
    await workbench.notification(/The run was stopped at step \d+ of 5000/).waitFor();
    // Of that many messages one may move while its button is pressed.
    await workbench.runCommand('Notifications: Clear All Notifications');
    await workbench.runCommand('LaTRO: Resume Run');
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

  it('goes back from the palette, and from its menu in the list, once one has said that it shall', async () => {
    const { workbench, page } = studio;
    const before = await summary();
    const [target] = await (await theRun()).checkpoints.steps();
    const asked = page.locator('.monaco-dialog-box', { hasText: `to step ${target}?` });
    await workbench.runCommand('LaTRO: Roll Back Run', () => workbench.choose(`step ${target}`));
    await asked.locator('.monaco-button', { hasText: 'Cancel' }).click();
    await asked.waitFor({ state: 'detached' });
    assert.equal((await summary()).step, before.step);
    await row(/stopped/).click({ button: 'right' });
    const entry = page.locator('.monaco-menu .action-label', { hasText: 'Roll Back Run…' });
    await entry.waitFor();
    await page.waitForTimeout(150); // a menu passes over a click within a tenth of a second of its opening
    await entry.click();
    await workbench.choose(`step ${target}`);
    await asked.locator('.monaco-button', { hasText: 'Roll Back' }).click();
    await workbench.notification(new RegExp(`is at step ${target} again`)).waitFor();
    await workbench.runCommand('Notifications: Clear All Notifications');
    await workbench.runCommand('LaTRO: Resume Run');
    await row(/training/).waitFor();
    // From the checkpoint, not from where it was.
    const steps = (await (await theRun()).events()).records.flatMap((e) => (e.type === 'resumed' ? [e.step] : []));
    assert.equal(steps.at(-1), target);
    await eventually(async () => (await (await theRun()).checkpoints.steps()).length > 1);
    await workbench.runCommand('LaTRO: Pause Run');
    await row(/paused/).waitFor();
  });

  it('goes back to the checkpoint one chooses in the dashboard, where it is only paused too', async () => {
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
