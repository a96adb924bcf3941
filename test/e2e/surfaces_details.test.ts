import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Locator } from 'playwright-core';
import { systemClock } from '../../src/engine/common/clock.ts';
import { NodeFileSystem } from '../../src/engine/common/file_system.ts';
import { systemProcesses } from '../../src/engine/runs/processes.ts';
import type { RunDirectory } from '../../src/engine/runs/run_directory.ts';
import { RunStore } from '../../src/engine/runs/run_store.ts';
import { writeLargeDataset } from '../support/large_dataset.ts';
import { mixedLine, mixedStep } from './harness/chosen_rows.ts';
import { hoverStatusItem, PICTURED_STUDIO, pictured, picturesFolder, takePictures } from './harness/pictures.ts';
import { forgetPeople, tunedWorkspace } from './harness/shared_workspace.ts';
import { openStudio, pictureOfFailure, type Studio } from './harness/studio.ts';
import { RationaleView } from './pages/rationale_view.ts';

const SHORT_CONFIG = 'quick.latro.json';
/** Of seconds, for a terminal to show all of it. */
const SHORT_RUN = {
  model: 'starter',
  dataset: { train: 'starter/train.jsonl', test: 'starter/test.jsonl', holdOutFraction: 0 },
  trainable: { kind: 'full' },
  steps: 20,
  questionsPerStep: 8,
  sampling: { rationalesPerQuestion: 8, maxRationaleTokens: 100 },
  optimizer: { learningRate: 2e-4, schedule: 'constant' },
  evaluation: { every: null, questions: 64, k: 0 },
  outputDirectory: '.latro/runs',
};
const LARGE = 'large.jsonl';
/** 65 MB. */
const LARGE_ROWS = 60_000;

/** What opens on request: forms, lists to choose from, documents, a terminal, what is said of a file that is too large. */
pictured('surfaces that a press opens', function () {
  this.timeout(600_000);
  let studio: Studio;
  let view: RationaleView;
  let run: RunDirectory;
  let runsBefore: readonly string[];
  const below = (...names: string[]) => path.join(studio.workspace, ...names);

  before(async () => {
    await mkdir(picturesFolder, { recursive: true });
    const workspace = await tunedWorkspace();
    const runs = path.join(workspace, '.latro', 'runs');
    runsBefore = await readdir(runs);
    studio = await openStudio({
      workspace,
      author: PICTURED_STUDIO.author,
      // Without the first, VS Code asks before it opens the large file.
      settings: { 'workbench.editorLargeFileConfirmation': 4000, ...PICTURED_STUDIO.settings },
      prepare: async () => {
        await forgetPeople(workspace);
        await writeFile(path.join(workspace, SHORT_CONFIG), JSON.stringify(SHORT_RUN, null, 2));
        writeLargeDataset(path.join(workspace, LARGE), LARGE_ROWS, [12]);
      },
    });
    view = new RationaleView(studio.workbench);
    const world = { files: new NodeFileSystem(), clock: systemClock, processes: systemProcesses };
    const store = new RunStore(world, runs);
    const { id } = (await store.list()).runs.find(({ dataset }) => path.basename(dataset) === 'train.jsonl')!;
    run = await store.find(id);
  });
  after(async () => {
    await studio?.close();
    // Others look at this workspace too.
    await forgetPeople(studio.workspace);
    for (const run of await readdir(below('.latro', 'runs'))) {
      if (!runsBefore.includes(run)) await rm(below('.latro', 'runs', run), { recursive: true, maxRetries: 5 });
    }
    for (const name of [SHORT_CONFIG, LARGE]) await rm(below(name));
  });
  afterEach(async function () {
    await pictureOfFailure(studio, this.currentTest);
  });

  const picture = (surface: string, size: readonly [number, number], show?: () => Promise<unknown>) =>
    takePictures(studio, surface, size, show);
  const quickPick = (): Locator => studio.page.locator('.quick-input-widget .monaco-list-row').first();
  const openRun = async () => {
    const { workbench, page } = studio;
    await workbench.closeEditors();
    await page.setViewportSize({ width: 1280, height: 900 });
    await workbench.openSideBar();
    await workbench.setViews({ Rationales: false, Runs: true });
    await workbench.openRun(/starter · train\.jsonl/);
    await workbench.showPart('sidebar', false);
  };

  it('a rationale that is edited, and a note on what came of it', async () => {
    const { workbench } = studio;
    await workbench.openFile('train.jsonl');
    await view.open();
    await workbench.setSideBarWidth(560);
    await workbench.setViews({ Runs: false, Models: false });
    await workbench.goToLine(await mixedLine(run));
    await view.rationales.nth(7).waitFor();
    const wrong = view.rationales.filter({ has: workbench.view.locator('.toggle', { hasText: 'wrong' }) }).last();
    await wrong.locator('.toggle').click();
    await wrong.getByRole('button', { name: 'Edit' }).click();
    const form = workbench.view.locator('.edit-form');
    const [right] = await view.texts();
    await form.locator('textarea').fill(right!);
    await picture('rationale-edit', [1280, 900], () => form.scrollIntoViewIfNeeded());
    await form.getByRole('button', { name: 'Score' }).click();
    const edited = view.rationales.filter({ hasText: 'edited by you' });
    await edited.waitFor();
    const toggle = edited.locator('.toggle');
    if ((await toggle.getAttribute('aria-expanded')) !== 'true') await toggle.click();
    await edited.getByRole('button', { name: 'Useful' }).click();
    await edited.getByRole('button', { name: 'Useful', pressed: true }).waitFor();
    await edited.getByRole('button', { name: 'Note' }).click();
    const note = workbench.view.locator('.note-form');
    await note.locator('input').fill('Every step is written out.');
    // The best there is now, so it stands on top of the list.
    const list = workbench.view.locator('table.rationales');
    await picture('rationale-note', [1280, 900], () => list.evaluate((element) => element.scrollIntoView()));
    await note.getByRole('button', { name: 'Save' }).click();
    await note.waitFor({ state: 'detached' });
  });

  it('one question under base, previous checkpoint and current', async () => {
    await view.openStages();
    for (const role of ['base', 'previous'] as const) {
      const sample = view.stage(role).getByRole('button', { name: 'Sample alike' });
      if (await sample.isVisible()) await sample.click();
      await view.stage(role).locator('td.number').waitFor({ timeout: 60_000 });
    }
    await picture('before-after', [1280, 1030], () => view.scrollToTop());
  });

  it('the rollouts of a step', async () => {
    const { workbench, page } = studio;
    const mixed = await mixedStep(run);
    await openRun();
    await workbench.panel.getByRole('slider', { name: 'Reward' }).focus();
    await page.keyboard.press('End');
    const last = (await run.rolloutSteps()).at(-1)!;
    for (let step = last; step > mixed; step--) await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('Enter');
    await page.locator('.codelens-decoration', { hasText: 'Show in the side panel' }).first().waitFor();
    await picture('step-document', [1280, 800]);
  });

  it('the forms to roll a run back and to export it', async () => {
    const { workbench } = studio;
    await openRun();
    const { panel } = workbench;
    await panel.getByRole('button', { name: 'Roll back…' }).click();
    await panel.getByRole('button', { name: /^Roll back to step/ }).waitFor();
    await picture('dashboard-roll-back', [1280, 620]);
    await panel.getByRole('button', { name: 'Export…' }).click();
    await panel.getByRole('button', { name: 'Metrics as CSV' }).waitFor();
    await picture('dashboard-export', [1280, 620]);
  });

  it('a task in its terminal', async () => {
    const { workbench, page } = studio;
    await workbench.closeEditors();
    await workbench.openFile(SHORT_CONFIG);
    await page.keyboard.press('F1');
    await page.keyboard.type('Tasks: Run Task');
    await workbench.choose(/^Tasks: Run Task/);
    await workbench.choose('latro');
    await workbench.choose(`train with ${SHORT_CONFIG}`);
    await page.locator('.terminal-wrapper.active').waitFor();
    await workbench.statusBarItem(/LaTRO \d+\/20/).waitFor({ timeout: 120_000 });
    await workbench.statusBarItem(/LaTRO: /).waitFor({ timeout: 240_000 });
    await workbench.runCommand('Notifications: Clear All Notifications');
    await picture('task', [1280, 640]);
    await workbench.showPart('panel', false);
  });

  it('what can be compared', async () => {
    const { workbench, page } = studio;
    await workbench.runCommand('LaTRO: Compare Accuracy…', () => quickPick().waitFor());
    await picture('compare-pick', [1100, 560]);
    await workbench.choose('Choose two evaluations…');
    await page.locator('.quick-input-title', { hasText: 'Before' }).waitFor();
    await workbench.choose(/base, test questions.*200 questions/);
    await page.locator('.quick-input-title', { hasText: 'After' }).waitFor();
    await quickPick().waitFor();
    await picture('compare-partner', [1100, 560]);
    await page.keyboard.press('Escape');
  });

  it('a file too large for results', async () => {
    const { workbench } = studio;
    await workbench.closeEditors();
    await workbench.openFile(LARGE);
    const item = /results are off/;
    await workbench.statusBarItem(item).waitFor();
    // VS Code's own message, which may have come and gone already.
    await workbench
      .notification(/turned off for this large file/)
      .waitFor({ timeout: 5000 })
      .catch(() => {});
    await workbench.runCommand('Notifications: Clear All Notifications');
    await picture('large-file', [1100, 460], () => hoverStatusItem(studio, item));
  });
});
