import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { systemClock } from '../../src/engine/common/clock.ts';
import { NodeFileSystem } from '../../src/engine/common/file_system.ts';
import { systemProcesses } from '../../src/engine/runs/processes.ts';
import type { RunDirectory } from '../../src/engine/runs/run_directory.ts';
import { RunStore } from '../../src/engine/runs/run_store.ts';
import { eventually } from '../support/eventually.ts';
import { seriousViolations } from './harness/accessibility.ts';
import { fixedLine, mixedLine } from './harness/chosen_rows.ts';
import { docsFolder, forDocs, PICTURED_STUDIO, picturesFolder, TAKEN, takePictures } from './harness/pictures.ts';
import { forgetPeople, tunedWorkspace } from './harness/shared_workspace.ts';
import { SHORT_STRATEGIES, STRATEGY_DATASET, type StrategyRecipe, trainStrategies } from './harness/strategy_run.ts';
import { openStudio, pictureOfFailure, type Studio, THEMES, type Theme } from './harness/studio.ts';
import { RationaleView } from './pages/rationale_view.ts';

/**
 * Every surface with the real starter and a real run of it, in dark, light and high contrast: a picture of each, and axe-core in each
 * panel. `npm run screenshots` trains the whole recipe first, `npm test` leaves it to the walkthrough. States without a run, and of a run under way: surfaces_states.test.ts.
 */
const DOCS_STRATEGIES: StrategyRecipe = { ssftSteps: 30, latroSteps: 10, questions: 32 };

const APPLES = [
  '{"question": "Nina picks 4 baskets of 6 apples and eats 3. How many apples are left?", "answer": "21"}',
  '{"question": "A train has 5 wagons with 12 seats each. 7 seats are taken. How many are free?", "anser": "53"}',
  '{"question": "Leo has 3 times as many stamps as Mia. Mia has 14. How many stamps has Leo?", "answer": ""}',
  '{"question": "Half of the 18 eggs break. Then Tom brings 5 more. How many whole eggs are there?", "answer": "14"',
];

describe('every surface', function () {
  this.timeout(forDocs ? 1_800_000 : 600_000);
  let studio: Studio;
  let view: RationaleView;
  let run: RunDirectory;
  let strategyRun: RunDirectory;

  before(async () => {
    await mkdir(picturesFolder, { recursive: true });
    studio = await openStudio({
      workspace: await tunedWorkspace(),
      ...PICTURED_STUDIO,
      prepare: async (workspace) => {
        await forgetPeople(workspace);
        await trainStrategies(workspace, forDocs ? DOCS_STRATEGIES : SHORT_STRATEGIES);
        await writeFile(path.join(workspace, 'apples.jsonl'), `${APPLES.join('\n')}\n`);
      },
    });
    view = new RationaleView(studio.workbench);
    const world = { files: new NodeFileSystem(), clock: systemClock, processes: systemProcesses };
    const store = new RunStore(world, path.join(studio.workspace, '.latro', 'runs'));
    const { runs } = await store.list();
    const runOn = (name: string) => store.find(runs.find(({ dataset }) => path.basename(dataset) === name)!.id);
    run = await runOn('train.jsonl');
    strategyRun = await runOn(STRATEGY_DATASET);
  });
  after(() => studio?.close());
  afterEach(async function () {
    await pictureOfFailure(studio, this.currentTest);
  });

  const picture = (surface: string, size: readonly [number, number], show?: () => Promise<unknown>) =>
    takePictures(studio, surface, size, show);
  const accessible = async (part: 'sidebar' | 'editor') => {
    const background = part === 'sidebar' ? 'sideBar' : 'editor';
    for (const theme of Object.keys(THEMES) as Theme[]) {
      await studio.setTheme(theme);
      const rules = theme === 'dark' ? 'all' : 'colours';
      assert.deepEqual(await seriousViolations(await studio.workbench.frame(part), background, rules), [], theme);
    }
    await studio.setTheme('dark');
  };
  const runItem = () => studio.workbench.treeItem(/starter · train\.jsonl/);

  it('rationales of the question under the cursor', async () => {
    const { workbench } = studio;
    await workbench.openFile('train.jsonl');
    await view.open();
    await workbench.setSideBarWidth(560);
    await workbench.setViews({ Runs: false, Models: false });
    await workbench.goToLine(await mixedLine(run));
    await view.rationales.nth(7).waitFor();
    await view.compareWith('base');
    const first = view.rationales.first();
    if ((await first.locator('.toggle').getAttribute('aria-expanded')) !== 'true')
      await first.locator('.toggle').click();
    await view.button('useful').click();
    await view.text('Show where the answer becomes clear').click();
    await first.locator('.prefix').waitFor();
    await first.locator('.toggle').focus();
    await workbench.showPart('panel', false);
    await picture('rationale-panel', [1280, 1100], () => view.scrollToTop());
    await accessible('sidebar');
  });

  it('results in the dataset, with lenses and hover', async () => {
    const { workbench, page } = studio;
    await workbench.showPart('sidebar', false);
    await workbench.closeEditors();
    await workbench.openFile('test.jsonl');
    await page.locator('.view-lines').getByText(/fixed/).first().waitFor();
    const line = await fixedLine(run);
    await picture('dataset', [1200, 800], async () => {
      await page.keyboard.press('Escape');
      await workbench.goToLine(line);
      await page.keyboard.press('End');
      await page.keyboard.press('End');
      await page.keyboard.press('Control+K');
      await page.keyboard.press('Control+I');
      await page.locator('.monaco-hover', { hasText: 'Answer before' }).waitFor();
    });
    await page.keyboard.press('Escape');
  });

  it('problems of rows and their quick fixes', async () => {
    const { workbench, page } = studio;
    await workbench.closeEditors();
    await workbench.openFile('apples.jsonl');
    await page.locator('.squiggly-error').first().waitFor();
    await workbench.runCommand('Problems: Focus on Problems View', () =>
      page.locator('.markers-panel .monaco-list-row').nth(3).waitFor(),
    );
    await picture('problems', [1100, 560], async () => {
      await page.keyboard.press('Escape');
      await page.keyboard.press('Control+1');
      await workbench.goToLine(2);
      await page.keyboard.press('Control+.');
      await page.getByText('Rename the column to "answer"').waitFor();
    });
    await page.keyboard.press('Escape');
    await workbench.showPart('panel', false);
  });

  it('notes of people', async () => {
    const { workbench, page } = studio;
    await workbench.openFile('apples.jsonl');
    await workbench.goToLine(1);
    await workbench.runCommand('Comments: Add Comment on Current Selection', () =>
      page.locator('.comment-form .monaco-editor').waitFor(),
    );
    await page.keyboard.type('Does "eats 3" mean Nina alone? Ask before training on it.');
    await page.getByRole('button', { name: 'Add Note' }).click();
    await page.locator('.review-widget .comment-body', { hasText: 'Nina alone' }).waitFor();
    await picture('notes', [1100, 460]);
  });

  it('runs and models', async () => {
    const { workbench, page } = studio;
    await page.setViewportSize({ width: 1280, height: 800 });
    await workbench.openSideBar();
    await workbench.setSideBarWidth(460);
    await workbench.setViews({ Rationales: false, Runs: true, Models: true });
    await runItem().waitFor();
    await workbench.treeItem(/^starter.*parameters/).waitFor();
    await workbench.closeEditors();
    await workbench.openFile('train.jsonl');
    await picture('runs-and-models', [1100, 460]);
  });

  it('dashboard of a run', async () => {
    const { workbench, page } = studio;
    await page.setViewportSize({ width: 1280, height: 900 });
    await workbench.closeEditors();
    await runItem().click();
    await workbench.panel.locator('.card canvas').nth(8).waitFor();
    await workbench.showPart('sidebar', false);
    await picture('dashboard', [1280, 1000]);
    await accessible('editor');
  });

  it('accuracy diff of two evaluations', async () => {
    const { workbench } = studio;
    await workbench.closeEditors();
    await workbench.openSideBar();
    await runItem().hover();
    await runItem()
      .getByRole('button', { name: /Compare Accuracy/ })
      .click();
    const { panel } = workbench;
    await panel.locator('.summary').waitFor();
    await workbench.showPart('sidebar', false);
    await panel.locator('.chips button', { hasText: 'Fixed' }).click();
    await panel.locator('.questions .toggle').first().click();
    await panel.locator('.questions .sides').first().waitFor();
    await picture('accuracy-diff', [1280, 840]);
    await accessible('editor');
  });

  it('strategies of a run', async () => {
    const { workbench, page } = studio;
    await workbench.closeEditors();
    await workbench.openSideBar();
    await page.setViewportSize({ width: 1280, height: 900 });
    await workbench.treeItem(`starter · ${STRATEGY_DATASET}`).click();
    await workbench.panel.getByRole('heading', { name: 'Strategies' }).waitFor();
    await workbench.showPart('sidebar', false);
    await picture('strategies', [1280, 1100]);
    await accessible('editor');
  });

  it('rationales by strategy', async () => {
    const { workbench, page } = studio;
    await workbench.closeEditors();
    await page.setViewportSize({ width: 1280, height: 900 });
    await workbench.openFile(STRATEGY_DATASET);
    await workbench.openSideBar();
    await workbench.setViews({ Rationales: true, Runs: false, Models: false });
    await view.open();
    await workbench.setSideBarWidth(560);
    await workbench.goToLine(await mixedLine(strategyRun));
    await view.text('<think1>').waitFor();
    await view.rationales.nth(5).waitFor();
    await picture('rationales-by-strategy', [1280, 1000], () => view.scrollToTop());
    await accessible('sidebar');
    await workbench.showPart('sidebar', false);
  });

  it('settings of a run, explained and completed', async () => {
    const { workbench, page } = studio;
    const file = path.join(studio.workspace, 'starter', 'latro.json');
    const lines = (await readFile(file, 'utf8')).split('\n');
    const line = lines.findIndex((text) => text.includes('rationalesPerQuestion')) + 1;
    await workbench.closeEditors();
    await workbench.openFile('latro.json');
    await picture('settings', [1000, 640], async () => {
      await page.keyboard.press('Escape');
      await workbench.goToLine(line);
      await page.keyboard.press('Home');
      await page.keyboard.press('ArrowRight');
      await page.keyboard.press('Control+K');
      await page.keyboard.press('Control+I');
      await page.locator('.monaco-hover', { hasText: 'rationales sampled per question' }).waitFor();
    });
    await page.keyboard.press('Escape');
    await page.keyboard.press('End');
    await page.keyboard.press('Enter');
    const suggestions = page.locator('.suggest-widget');
    await picture('settings-completion', [1000, 640], async () => {
      await page.keyboard.press('Escape');
      await page.keyboard.press('Control+Space');
      await suggestions.locator('.monaco-list-row', { hasText: 'temperature' }).waitFor();
      await page.keyboard.press('ArrowDown');
      const details = page.locator('.suggest-details-container');
      if (!(await details.isVisible())) await page.keyboard.press('Control+Space');
      await details.waitFor();
      // It takes the size of its text when it is brought up again.
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('ArrowUp');
    });
    await page.keyboard.press('Escape');
    await workbench.runCommand('File: Revert File', () => page.locator('.tab.dirty').waitFor({ state: 'detached' }));
  });

  it('evaluation sets as tests', async () => {
    const { workbench, page } = studio;
    await workbench.closeEditors();
    const rows = page.locator('.test-explorer .monaco-list-row');
    const set = rows.filter({ hasText: 'test.jsonl' }).first();
    // The list moves while results come in.
    await workbench.runCommand('Testing: Focus on Test Explorer View', () =>
      set.filter({ hasText: 'questions right' }).waitFor(),
    );
    const failed = rows.filter({ hasText: /line \d+/, has: page.locator('.codicon-testing-failed-icon') });
    // VS Code unfolds it by itself or not, and a list that is drawn anew loses the click.
    await eventually(async () => {
      if (await failed.first().isVisible()) return true;
      if ((await set.getAttribute('aria-expanded')) !== 'true') await set.locator('.monaco-tl-twistie').click();
      await page.waitForTimeout(500);
      return false;
    });
    await failed.first().click();
    await page.locator('.zone-widget', { hasText: 'The answer is wrong' }).waitFor();
    // Two answers side by side and not a sentence about them.
    await page.locator('.zone-widget .monaco-diff-editor').waitFor();
    await workbench.setSideBarWidth(420);
    await picture('tests', [1280, 700]);
  });

  it('the walkthrough', async () => {
    const { workbench, page } = studio;
    await workbench.closeEditors();
    await workbench.showPart('sidebar', false);
    await workbench.runCommand('LaTRO: Open Walkthrough', () =>
      page.locator('.gettingStartedContainer').getByRole('button', { name: "Open the Starter's Questions" }).waitFor(),
    );
    await picture('walkthrough', [1280, 860]);
  });

  it('have their pictures in docs/screenshots', () => {
    const names = readdirSync(picturesFolder).filter((name) => name.endsWith('.png'));
    assert.ok(names.length > 12 * TAKEN.length, `${names.length}`);
    assert.deepEqual(
      names.filter((name) => !existsSync(path.join(docsFolder, name))),
      [],
    );
  });

  it('broke no content security policy', () => assert.deepEqual(studio.violations, []));
});
