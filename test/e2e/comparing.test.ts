import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { NodeFileSystem } from '../../src/engine/common/file_system.ts';
import { compareEvaluations } from '../../src/engine/evaluate/compare.ts';
import { EvaluationFolder } from '../../src/engine/runs/evaluation_folder.ts';
import { RunDirectory } from '../../src/engine/runs/run_directory.ts';
import type { EvaluationRow } from '../../src/protocol/records.ts';
import { openStudio, pictureOfFailure, type Studio } from './harness/studio.ts';
import { prepareTraining, RATIONALES } from './harness/training_workspace.ts';
import { RationaleView, shownText } from './pages/rationale_view.ts';

const CLI = path.resolve(import.meta.dirname, '../../dist/cli.cjs');
const files = new NodeFileSystem();
/** Of train.jsonl; both runs sampled it. */
const LINE = 2;

/** Two runs that read the same dataset: the rationales of either, and any two evaluations against one another. */
describe('comparing any two evaluations', function () {
  this.timeout(300_000);
  let studio: Studio;
  let earlier: RunDirectory;
  let later: RunDirectory;
  let view: RationaleView;
  /** The side panel has the rationales of this run's newest update of the question, and says so. */
  const areOf = async (run: RunDirectory) => {
    const steps = await run.rolloutSteps();
    const rollouts = (await Promise.all(steps.map((step) => run.rollouts(step)))).flat();
    const newest = rollouts.filter(({ line }) => line === LINE).at(-1)!;
    assert.equal(newest.rationales.length, RATIONALES);
    const texts = newest.rationales.map(shownText).sort();
    for (const text of texts) await view.rationales.filter({ hasText: text }).first().waitFor();
    assert.deepEqual((await view.texts()).sort(), texts);
    assert.equal(await view.run(), run.id);
  };
  /** From the side bar: a panel that had the focus before the palette gets it back a moment later, and closes what has opened meanwhile. */
  const compareAny = async () => {
    await studio.page.locator('.part.sidebar .title-label').click();
    await studio.workbench.runCommand('LaTRO: Compare Any Two Evaluations…');
  };
  /** Of two runs that began in the same second, the id of one begins that of the other. */
  const named = ({ id }: RunDirectory) => `${id}(?!-\\d)`;
  const choose = (weights: string, from: string) => studio.workbench.choose(new RegExp(`${weights}.*${from}`));
  const lastTest = async (run: RunDirectory): Promise<EvaluationRow[]> => {
    const name = (await run.evaluationNames()).filter((each) => /^step-\d+-test$/.test(each)).at(-1)!;
    return await run.evaluationRows(name);
  };
  const tab = (text: string) => studio.page.locator('.tab.active', { hasText: text });
  const shows = async (before: readonly EvaluationRow[], after: readonly EvaluationRow[]) => {
    const { questions, sameRight, broken, fixed, sameWrong } = compareEvaluations(before, after);
    const { panel } = studio.workbench;
    await panel.getByText(`${questions} questions, greedy`).waitFor();
    const cells = await panel.locator('.outcomes tbody td .count').allInnerTexts();
    assert.deepEqual(cells.map(Number), [sameRight, broken, fixed, sameWrong]);
  };

  before(async () => {
    studio = await openStudio({
      settings: { 'latro.model': 'model', 'latro.evaluation.questions': 3, 'latro.evaluation.samplesPerQuestion': 2 },
      prepare: async (workspace) => {
        await prepareTraining(workspace, 3);
        const file = path.join(workspace, 'latro.json');
        for (const seed of [1, 2]) {
          const config = JSON.parse(await readFile(file, 'utf8'));
          await writeFile(file, JSON.stringify({ ...config, seed }, null, 2));
          await promisify(execFile)(process.execPath, [CLI, 'train', file, '--quiet'], { timeout: 120_000 });
        }
      },
    });
    const runs = path.join(studio.workspace, '.latro', 'runs');
    const found = (await files.list(runs)).map((id) => new RunDirectory(files, path.join(runs, id)));
    const seeds = await Promise.all(found.map(async (run) => (await run.record()).config.seed));
    earlier = found[seeds.indexOf(1)]!;
    later = found[seeds.indexOf(2)]!;
    view = new RationaleView(studio.workbench);
  });
  after(() => studio?.close());
  afterEach(async function () {
    await pictureOfFailure(studio, this.currentTest);
  });

  it('shows the rationales of the newest run that read a dataset, and of another when it is chosen', async () => {
    const { workbench } = studio;
    await workbench.openFile('train.jsonl');
    await view.open();
    await workbench.goToLine(LINE);
    await view.showsLine(LINE);
    await areOf(later);
    await view.chooseRun(earlier.id);
    await areOf(earlier);
    await workbench.screenshot('run-chosen');
  });

  it('offers the last steps of two runs, from the palette, and counts as their files do', async () => {
    await compareAny();
    await choose('step 3, test questions', named(earlier));
    await studio.workbench.screenshot('choose-partner');
    await choose('step 3, test questions', `${named(later)}.*the same 5 questions`);
    await tab(`step 3 of run ${earlier.id} → step 3 of run ${later.id}`).waitFor();
    await shows(await lastTest(earlier), await lastTest(later));
  });

  it('is as it was left after a reload of the window: swapped, filtered, a question open', async () => {
    const { workbench } = studio;
    const { panel } = workbench;
    await panel.getByRole('button', { name: 'Swap' }).click();
    const swapped = `step 3 of run ${later.id} → step 3 of run ${earlier.id}`;
    await tab(swapped).waitFor();
    await shows(await lastTest(later), await lastTest(earlier));
    await panel.getByRole('button', { name: 'log p after' }).click();
    const last = panel.locator('tbody.question').last();
    await last.locator('.toggle').click();
    await last.locator('.side .text').nth(1).waitFor();
    const rowKey = (await last.getAttribute('data-row'))!;
    await workbench.reload();
    await tab(swapped).waitFor();
    const open = panel.locator('tbody.question.open');
    await open.locator('.side .text').nth(1).waitFor();
    assert.equal(await open.getAttribute('data-row'), rowKey);
    assert.equal(await panel.locator('th[aria-sort]').innerText(), 'log p after');
    await shows(await lastTest(later), await lastTest(earlier));
    await workbench.screenshot('two-runs');
  });

  it('comes back the same when another editor has been in front, where the run that was chosen still is', async () => {
    const { workbench } = studio;
    await workbench.openFile('train.jsonl');
    await view.showsLine(LINE);
    await areOf(earlier);
    await studio.page.locator('.tab', { hasText: `step 3 of run ${later.id} →` }).click();
    await workbench.panel.locator('tbody.question.open .side .text').nth(1).waitFor();
    await shows(await lastTest(later), await lastTest(earlier));
  });

  it('is there once per pair: swapped to one that another panel shows, that panel comes to the front', async () => {
    const { workbench, page } = studio;
    await compareAny();
    await choose('step 3, test questions', named(earlier));
    await choose('step 3, test questions', named(later));
    await tab(`step 3 of run ${earlier.id} → step 3 of run ${later.id}`).waitFor();
    await shows(await lastTest(earlier), await lastTest(later));
    await workbench.panel.getByRole('button', { name: 'Swap' }).click();
    await tab(`step 3 of run ${later.id} → step 3 of run ${earlier.id}`).waitFor();
    assert.equal(await page.locator('.tab', { hasText: 'Accuracy:' }).count(), 2);
    await workbench.panel.locator('tbody.question.open').waitFor();
  });

  it('compares a run with an evaluation outside runs, chosen in the panel, and says what is left out', async () => {
    const { workbench, workspace } = studio;
    await workbench.openFile('test.jsonl');
    await workbench.runCommand('LaTRO: Evaluate', () => workbench.choose(/the chosen model as it is/));
    await workbench.notification(/of 3 questions right/).waitFor();
    await studio.page.locator('.tab', { hasText: `step 3 of run ${later.id} →` }).click();
    const { panel } = workbench;
    await panel.getByRole('button', { name: 'Choose evaluations…' }).click();
    await choose('step 3, test questions', named(earlier));
    await choose('model, test.jsonl', '3 questions shared, 2 only before, 0 only after');
    const outside = new EvaluationFolder(files, path.join(workspace, '.latro', 'evaluations'));
    const [name] = await outside.names();
    await tab(`step 3 of run ${earlier.id} → ${name}`).waitFor();
    await shows(await lastTest(earlier), await outside.rows(name!));
    await panel.getByText('3 questions are in both evaluations. Left out: 2 only before, 0 only after.').waitFor();
    await panel.getByText('Not the weights alone differ: K: 0 → 2').waitFor();
    await workbench.screenshot('run-against-model');
  });

  it('begins with the run it was called on, from its context menu', async () => {
    const { workbench, page } = studio;
    await workbench.openSideBar();
    await workbench
      .treeItem(/model · train\.jsonl/)
      .first()
      .click({ button: 'right' });
    const entry = page.locator('.monaco-menu .action-label', { hasText: 'Compare Any Two Evaluations…' });
    await entry.waitFor();
    await page.waitForTimeout(150); // a menu passes over a click within a tenth of a second of its opening
    await entry.click();
    const rows = page.locator('.quick-input-widget .monaco-list-row');
    await rows.first().waitFor();
    const offered = await rows.allInnerTexts();
    assert.ok(offered.length >= 2 && offered.every((text) => text.includes(later.id)), offered.join('\n'));
    await choose('base, test questions', named(later));
    await rows.filter({ hasText: 'the same 5 questions' }).first().waitFor();
    assert.match(await rows.first().innerText(), /step 3, test questions/, 'the other end of the run comes first');
    await page.keyboard.press('Enter');
    await tab('Accuracy: base → step 3').waitFor();
  });

  it('broke no content security policy', () => assert.deepEqual(studio.violations, []));
});
