import assert from 'node:assert/strict';
import path from 'node:path';
import { systemClock } from '../../src/engine/common/clock.ts';
import { NodeFileSystem } from '../../src/engine/common/file_system.ts';
import { compareEvaluations } from '../../src/engine/evaluate/compare.ts';
import { systemProcesses } from '../../src/engine/runs/processes.ts';
import type { RunDirectory } from '../../src/engine/runs/run_directory.ts';
import { RunStore } from '../../src/engine/runs/run_store.ts';
import { askEngine, rowOf } from './harness/live_engine.ts';
import { openStudio, pictureOfFailure, type Studio } from './harness/studio.ts';
import { prepareTraining, RATIONALES } from './harness/training_workspace.ts';
import { RationaleView } from './pages/rationale_view.ts';

/** The main job as a person does it: train from the palette, read the rationales and their rewards, see what changed. */
describe('training from the command palette', function () {
  this.timeout(300_000);
  let studio: Studio;
  let run: RunDirectory;
  let view: RationaleView;

  before(async () => {
    studio = await openStudio({ prepare: (workspace) => prepareTraining(workspace, 3) });
    view = new RationaleView(studio.workbench);
  });
  after(() => studio?.close());
  afterEach(async function () {
    await pictureOfFailure(studio, this.currentTest);
  });

  it('trains with progress and says how it went', async () => {
    const { workbench, workspace } = studio;
    await workbench.openFile('train.jsonl');
    await view.open();
    await workbench.runCommand('LaTRO: Train on This Dataset', () =>
      workbench.notification('training on train.jsonl').waitFor(),
    );
    await workbench.notification(/The run is finished: .*% → .*% of 5 questions/).waitFor({ timeout: 120_000 });
    await workbench.screenshot('trained');
    const world = { files: new NodeFileSystem(), clock: systemClock, processes: systemProcesses };
    const [summary] = (await new RunStore(world, path.join(workspace, '.latro', 'runs')).list()).runs;
    assert.equal(summary?.status, 'finished');
    run = await new RunStore(world, path.dirname(summary!.directory)).find(summary!.id);
    assert.equal((await run.rolloutSteps()).length, 3);
  });

  it('opens the accuracy diff with the statistics of the two evaluations', async () => {
    const { workbench } = studio;
    await workbench.answer('The run is finished', 'Show Accuracy Diff');
    const panel = workbench.panel;
    await panel.locator('.summary').waitFor();
    const names = await run.evaluationNames();
    const after = names.filter((name) => name.startsWith('step-') && name.endsWith('test')).at(-1)!;
    const rows = await Promise.all(['base-test', after].map((name) => run.evaluationRows(name)));
    const { sameRight, broken, fixed, sameWrong } = compareEvaluations(rows[0]!, rows[1]!);
    const cells = await panel.locator('.outcomes tbody td .count').allInnerTexts();
    assert.deepEqual(cells.map(Number), [sameRight, broken, fixed, sameWrong]);
    await panel.getByText(/exact McNemar/).waitFor();
    await workbench.screenshot('accuracy-diff');
  });

  it('shows the rationales of the question under the cursor as they stand in the run', async () => {
    const { workbench } = studio;
    await workbench.openFile('train.jsonl');
    const steps = await run.rolloutSteps();
    const rollouts = (await Promise.all(steps.map((step) => run.rollouts(step)))).flat();
    const lines = [...new Set(rollouts.map(({ line }) => line))].slice(0, 2);
    for (const line of lines) {
      await workbench.goToLine(line);
      await view.showsLine(line);
      await view.rationales.nth(RATIONALES - 1).waitFor();
      const newest = rollouts.filter((rollout) => rollout.line === line).at(-1)!;
      const shown = await view.read();
      const expected = newest.rationales.toSorted((a, b) => b.selfReward - a.selfReward);
      assert.equal(shown.length, RATIONALES);
      for (const [i, { selfReward, advantage, tokens }] of expected.entries()) {
        assert.ok(Math.abs(shown[i]!.selfReward - selfReward) <= 0.0051, `${shown[i]!.selfReward} for ${selfReward}`);
        if (expected.filter((other) => Math.abs(other.selfReward - selfReward) < 0.01).length > 1) continue;
        assert.ok(Math.abs(shown[i]!.advantage! - advantage!) <= 0.0051, `${shown[i]!.advantage} for ${advantage}`);
        assert.equal(shown[i]!.tokens, tokens.length);
      }
    }
    await workbench.screenshot('rationales');
  });

  it('samples the question again, with a checkpoint of the run', async () => {
    const { workbench } = studio;
    await workbench.openFile('test.jsonl');
    await workbench.goToLine(2);
    await view.showsLine(2);
    await workbench.runCommand('LaTRO: Sample Rationales for This Question', () => view.rationales.nth(7).waitFor());
    const shown = await view.read();
    assert.equal(shown.length, 8, 'as many as the setting says');
    const sum = shown.reduce((total, { advantage }) => total + advantage!, 0);
    assert.ok(Math.abs(sum) <= 8 * 0.0051, 'leave-one-out advantages sum to zero');
    await workbench.screenshot('sampled');
  });

  it('shows the question under base, previous checkpoint and current, drawn with the same random numbers', async () => {
    const { workbench, workspace } = studio;
    await view.openStages();
    assert.match(await view.stage('previous').innerText(), /step 2\s+previous checkpoint/);
    const row = await rowOf(workspace, 'test.jsonl', 2);
    const shownReward = await view.stageReward('current');
    for (const [role, checkpoint] of [['base', 'base'] as const, ['previous', 'step-2'] as const]) {
      const stage = view.stage(role);
      await stage.getByRole('button', { name: 'Sample alike' }).click();
      await stage.locator('td.number').waitFor({ timeout: 60_000 });
      assert.equal(await stage.getByRole('button', { name: 'Sample alike' }).count(), 0, 'now it is alike');
      const rollout = await askEngine(workspace, (client) =>
        client.request('sampleQuestion', {
          jobId: `beside-${role}`,
          weights: { kind: 'run', runDirectory: run.path, checkpoint },
          row,
          k: 8,
          temperature: 1,
          maxTokens: null,
          seed: 0,
          randomStep: 4, // the update after the weights shown
        }),
      );
      const mean = rollout.rationales.reduce((sum, { reward }) => sum + reward, 0) / 8;
      const shown = await view.stageReward(role);
      assert.ok(Math.abs(shown - mean) <= 0.0051, `${shown} for ${mean}`);
    }
    assert.equal(await view.stageReward('current'), shownReward, 'what is shown stays as it was');
    await workbench.screenshot('before-after');
  });

  it('lists the run and opens its dashboard, which comes back after a reload of the window', async () => {
    const { workbench } = studio;
    const { gain } = await run.record();
    const [before, after] = [gain!.greedyBefore, gain!.greedyAfter].map((rate) => `${(100 * rate).toFixed(1)} %`);
    const row = workbench.treeItem(/model · train\.jsonl/);
    await row.filter({ hasText: `${before} → ${after} · ` }).waitFor();
    assert.match(
      (await row.getAttribute('aria-label'))!,
      new RegExp(`${before} → ${after} of ${gain!.questions} questions`),
    );
    await workbench.openRun(/model · train\.jsonl/);
    const curves = () => workbench.panel.locator('.card canvas');
    await curves().first().waitFor();
    await workbench.screenshot('dashboard');
    await workbench.reload();
    await curves().first().waitFor();
    await workbench.panel
      .getByText(/finished/i)
      .first()
      .waitFor();
  });

  it('opens the rollouts of a step from its curve as a text, with the next step and the raw file one press away', async () => {
    const { workbench, page } = studio;
    await workbench.panel.getByRole('slider', { name: 'Reward' }).focus();
    await page.keyboard.press('Home');
    await page.keyboard.press('Enter');
    const tab = (name: string) => page.locator(`.tab.active[data-resource-name="${name}"]`);
    await tab('step-1.latro-rollouts').waitFor();
    const lines = page.locator('.part.editor .view-lines');
    const [first] = await run.rollouts(1);
    // Blanks are no-break spaces there.
    const words = first!.question
      .trim()
      .split('\n')[0]!
      .slice(0, 30)
      .replaceAll(/[^\w ]/g, '.')
      .replaceAll(' ', '\\s');
    await lines.getByText(new RegExp(words)).first().waitFor();
    const press = (text: string) => page.locator('.codelens-decoration a', { hasText: text }).first().click();
    await page.locator('.codelens-decoration', { hasText: 'Show in the side panel' }).first().waitFor();
    await workbench.screenshot('step-rollouts');
    await press('step 2');
    await tab('step-2.latro-rollouts').waitFor();
    await lines.getByText(/Step\s2\sof\srun/).waitFor();
    await press('Raw file');
    await tab('step-000002.jsonl').waitFor();
  });

  it('broke no content security policy', () => assert.deepEqual(studio.violations, []));
});
