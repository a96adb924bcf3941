import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { NodeFileSystem } from '../../src/engine/common/file_system.ts';
import { RunDirectory } from '../../src/engine/runs/run_directory.ts';
import { ratingsFile } from '../../src/protocol/ratings.ts';
import { openStudio, pictureOfFailure, type Studio } from './harness/studio.ts';
import { prepareTraining, RATIONALES } from './harness/training_workspace.ts';
import { RationaleView } from './pages/rationale_view.ts';

/** A person has the last word on a rationale: rates it, writes a better one, and the next run learns from that. With the keyboard alone. */
describe("a person's own words, without a mouse", function () {
  this.timeout(300_000);
  let studio: Studio;
  let view: RationaleView;
  const dataset = () => path.join(studio.workspace, 'train.jsonl');
  const ratings = () => JSON.parse(readFileSync(ratingsFile(dataset()), 'utf8')).ratings;
  const runs = async () => {
    const files = new NodeFileSystem();
    const folder = path.join(studio.workspace, '.latro', 'runs');
    return (await files.list(folder)).sort().map((id) => new RunDirectory(files, path.join(folder, id)));
  };
  const train = async () => {
    const { workbench } = studio;
    await workbench.runCommand('Notifications: Clear All Notifications');
    await workbench.openFile('train.jsonl');
    await workbench.runCommand('LaTRO: Train on This Dataset', () =>
      workbench.notification(/The run is finished/).waitFor({ timeout: 120_000 }),
    );
  };

  before(async () => {
    studio = await openStudio({ prepare: (workspace) => prepareTraining(workspace, 2) });
    view = new RationaleView(studio.workbench);
    await studio.page.addInitScript('window.addEventListener("mousedown", () => (window.mouseUsed = true), true)');
    await studio.workbench.reload();
  });
  after(() => studio?.close());
  afterEach(async function () {
    await pictureOfFailure(studio, this.currentTest);
  });

  it('trains, and opens the rationales of a question', async () => {
    const { workbench } = studio;
    await train();
    const [run] = await runs();
    const [rollout] = await run!.rollouts(2);
    await workbench.goToLine(rollout!.line);
    await view.focus();
    await view.rationales.nth(RATIONALES - 1).waitFor();
    await view.focusBy('Tab', 'thead button');
    await view.focusBy('ArrowDown', '.rationale .toggle');
    if (!(await view.isOpen(0))) await studio.page.keyboard.press('Enter');
    assert.ok(await view.isOpen(0));
  });

  it('rates one, with a note, in a sidecar beside the dataset', async () => {
    const { page } = studio;
    await view.focusBy('Tab', '.rationale [role=toolbar] button', 'Useful');
    await page.keyboard.press('Enter');
    await view.pressed.filter({ hasText: 'Useful' }).waitFor();
    await view.focusBy('ArrowRight', '.rationale [role=toolbar] button', 'Note');
    await page.keyboard.press('Enter');
    await page.keyboard.type('each step is there');
    await page.keyboard.press('Enter');
    await view.text('each step is there').waitFor();
    const [rating] = ratings();
    assert.equal(ratings().length, 1);
    assert.deepEqual([rating.verdict, rating.note], ['useful', 'each step is there']);
    const [run] = await runs();
    const texts = (await run!.rollouts(2)).flatMap(({ rationales }) => rationales.map(({ text }) => text));
    assert.ok(texts.includes(rating.rationale));
    await studio.workbench.screenshot('rated');
  });

  it('edits one and has it scored, beside those that were sampled', async () => {
    const { page } = studio;
    await view.focusBy('Tab', '.rationale [role=toolbar] button', 'Edit');
    await page.keyboard.press('Enter');
    await view.focusBy('Tab', 'vscode-text-area');
    await page.keyboard.press('Control+A');
    await page.keyboard.type('First count what is there, then take away what is gone.');
    await view.focusBy('Tab', '.edit-form vscode-button', 'Score');
    await page.keyboard.press('Enter');
    await view.text('edited by you').waitFor();
    assert.equal(await view.rationales.count(), RATIONALES + 1);
    const own = (await view.read()).find((_, i) => i >= 0);
    assert.ok(own !== undefined && Number.isFinite(own.selfReward));
    await studio.workbench.screenshot('edited');
  });

  it('trains again, on the rating too, and the run says so', async () => {
    const { workbench, page } = studio;
    await train();
    const run = (await runs()).at(-1)!;
    const phases = (await run.events()).records.flatMap((event) => (event.type === 'phase' ? [event] : []));
    const inUse = phases.find(({ phase }) => phase === 'training')?.ratings;
    assert.deepEqual([inUse?.approved, inUse?.judged, inUse?.elsewhere], [1, 1, 0]);
    await workbench.runCommand('LaTRO: Open Run Dashboard', () =>
      page.locator('.quick-input-widget .monaco-list-row.focused', { hasText: 'train.jsonl' }).waitFor(),
    );
    await page.keyboard.press('Enter');
    await workbench.panel.getByText('Ratings in use: 1 approved and learned').waitFor();
    await workbench.screenshot('rated-run');
    assert.equal(existsSync(ratingsFile(dataset())), true);
  });

  it('took no mouse', async () => {
    assert.equal(await studio.page.evaluate('window.mouseUsed === true'), false);
  });
});
