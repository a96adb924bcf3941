import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { NodeFileSystem } from '../../src/engine/common/file_system.ts';
import { compareEvaluations } from '../../src/engine/evaluate/compare.ts';
import { RunDirectory } from '../../src/engine/runs/run_directory.ts';
import { ratingsFile } from '../../src/protocol/ratings.ts';
import type { QuestionRollout } from '../../src/protocol/records.ts';
import { compact } from '../../webview/format.ts';
import { eventually } from '../support/eventually.ts';
import { askEngine, rowOf } from './harness/live_engine.ts';
import { type MousePresses, watchMouse } from './harness/mouse.ts';
import { openStudio, pictureOfFailure, type Studio } from './harness/studio.ts';
import { prepareTraining, RATIONALES } from './harness/training_workspace.ts';
import { PanelFocus } from './pages/panel_focus.ts';
import { RationaleView, shownText } from './pages/rationale_view.ts';

const OWN_WORDS = 'First count what is there, then take away what is gone.';
/** Typed into the form; the settings' own values are others. */
const AGAIN = { k: 4, temperature: 0.7, seed: 5 } as const;

/** A person has the last word on a rationale: rates it, writes a better one, and the next run learns from that. With the keyboard alone. */
describe("a person's own words, without a mouse", function () {
  this.timeout(300_000);
  let studio: Studio;
  let view: RationaleView;
  /** Wherever a button of the mouse was pressed: in the window, or in a frame of it. */
  let mouse: MousePresses;
  const dataset = () => path.join(studio.workspace, 'train.jsonl');
  const ratings = () => JSON.parse(readFileSync(ratingsFile(dataset()), 'utf8')).ratings;
  const runs = async () => {
    const files = new NodeFileSystem();
    const folder = path.join(studio.workspace, '.latro', 'runs');
    return (await files.list(folder)).sort().map((id) => new RunDirectory(files, path.join(folder, id)));
  };
  let line: number;
  /** The question, and the weights that sampled it at update 2. */
  const askedOf = async () => {
    const [run] = await runs();
    const row = await rowOf(studio.workspace, 'train.jsonl', line);
    const weights = { kind: 'run', runDirectory: run!.path, checkpoint: 'step-1' } as const;
    return { jobId: 'beside', weights, row };
  };
  /** VS Code answers Control+A for a view itself, some time later, when what was typed meanwhile would be selected too. */
  const selectAll = async () => {
    await studio.page.keyboard.press('Control+End');
    await studio.page.keyboard.press('Control+Shift+Home');
  };
  /** The edited row, and only it, has a dash for baseline and advantage; its figures are those that the engine gives for its text. */
  const isScoredAsTheEngineScores = async () => {
    const shown = await view.read();
    const [own, ...more] = shown.filter(({ edited }) => edited);
    assert.ok(own !== undefined && more.length === 0);
    for (const { edited, baseline, advantage } of shown)
      assert.deepEqual([baseline === null, advantage === null], [edited, edited]);
    const asked = await askedOf();
    const record = await askEngine(studio.workspace, (client) =>
      client.request('scoreRationale', { ...asked, text: OWN_WORDS, strategy: undefined }),
    );
    assert.ok(Math.abs(own.selfReward - record.selfReward) <= 0.0051, `${own.selfReward} for ${record.selfReward}`);
    assert.ok(Math.abs(own.klPenalty - record.klPenalty) <= 0.0051, `${own.klPenalty} for ${record.klPenalty}`);
    assert.deepEqual([own.tokens, own.right], [record.tokens.length, record.correct]);
  };
  /** Id of the rationale that is pinned. */
  let pinned: string | null;
  /** As the engine draws it, asked beside the window. */
  let sampledAgain: QuestionRollout;
  /** The new samples, each as it was drawn; after them, apart and not counted, what a person pinned or wrote, and how that was drawn. */
  const isSampledAgain = async () => {
    await view.rationales.nth(AGAIN.k + 1).waitFor();
    const shown = await view.texts();
    assert.deepEqual(shown.slice(0, AGAIN.k).sort(), sampledAgain.rationales.map(shownText).sort());
    const right = sampledAgain.rationales.filter(({ correct }) => correct).length;
    assert.equal(await view.headline.innerText(), `${right} of ${AGAIN.k} right`);
    const [opened] = await view.origins();
    assert.match(
      opened ?? '',
      new RegExp(`^weights of step \\d+ · seed ${AGAIN.seed} · temperature ${AGAIN.temperature} · `),
    );

    const [run] = await runs();
    const before = (await run!.rollouts(2)).find((each) => each.line === line)!;
    const kept = before.rationales.find(({ sample }) => pinned === `${run!.id}-2-${sample}`)!;
    assert.deepEqual(shown.slice(AGAIN.k).sort(), [shownText(kept), OWN_WORDS].sort());
    assert.equal(await view.pinned.getAttribute('data-rationale'), pinned);
    const { temperature } = (await run!.record()).config.sampling;
    const drawn = `sampled at step 2 · seed ${before.seed} · temperature ${temperature} · K = ${RATIONALES}`;
    const marks = await view.keptMarks();
    assert.equal(marks.length, 2);
    for (const own of marks) assert.ok(own.includes(drawn), own);
  };
  /** Into the panel that is in front. */
  const focusPanel = async () => {
    await studio.workbench.runCommand('View: Focus Active Editor Group');
    await new PanelFocus(studio.workbench, 'editor').arrives();
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
    mouse = await watchMouse(studio.page);
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
    line = rollout!.line;
    await workbench.goToLine(line);
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
    // Beside its row there is a thread now. VS Code opens its Comments view for the first one with a text; a bare rating has none.
    await page.locator('.part.editor .comment-thread').first().waitFor({ state: 'attached' });
    await view.focusBy('ArrowRight', '.rationale [role=toolbar] button', 'Note');
    await page.keyboard.press('Enter');
    await view.tookFocus('.note-form vscode-text-field');
    await page.keyboard.type('each step is there');
    assert.equal(await page.locator('.comments-panel').count(), 0);
    await page.keyboard.press('Enter');
    await view.text('each step is there').waitFor();
    // Now it opens, some time later, and may take the focus with it.
    await page.locator('.comments-panel').waitFor({ state: 'attached' });
    await view.focus();
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
    await view.tookFocus('.edit-form vscode-text-area');
    await selectAll();
    await page.keyboard.type(OWN_WORDS);
    await view.focusBy('Tab', '.edit-form vscode-button', 'Score');
    await page.keyboard.press('Enter');
    await view.text('edited by you').waitFor();
    assert.equal(await view.rationales.count(), RATIONALES + 1);
    await isScoredAsTheEngineScores();
    await studio.workbench.screenshot('edited');
  });

  it('pins one, and samples again by the form: with the K, temperature and seed typed, and what a person kept apart', async () => {
    const { page, workbench } = studio;
    await view.focusBy('ArrowRight', '.rationale [role=toolbar] button', 'Pin');
    await page.keyboard.press('Enter');
    await view.pinned.waitFor();
    pinned = await view.pinned.getAttribute('data-rationale');
    await view.focusBy('Shift+Tab', 'vscode-button', 'Sample again');
    await page.keyboard.press('Enter');
    await view.tookFocus('.sampling-form vscode-text-field');
    for (const [field, value] of [
      ['K', AGAIN.k],
      ['Temperature', AGAIN.temperature],
      ['Seed', AGAIN.seed],
    ] as const) {
      await view.focusBy('Tab', '.sampling-form vscode-text-field', field);
      await selectAll();
      await page.keyboard.type(String(value));
    }
    await page.keyboard.press('Enter');
    await view.rationales.nth(AGAIN.k + 1).waitFor();
    await view.focusBy('Tab', '.rationales [data-rove]');
    await view.focusBy('Home', 'thead button');
    await view.focusBy('ArrowDown', '.rationale .toggle');
    if (!(await view.isOpen(0))) await page.keyboard.press('Enter');
    const asked = await askedOf();
    sampledAgain = await askEngine(studio.workspace, (client) =>
      client.request('sampleQuestion', { ...asked, ...AGAIN, maxTokens: null }),
    );
    await isSampledAgain();
    await workbench.screenshot('sampled-again');
  });

  it('finds all of it again after a reload of the window, and what was half typed', async () => {
    const { page, workbench } = studio;
    await view.focusBy('Tab', '.rationale [role=toolbar] button', 'Edit');
    await page.keyboard.press('Enter');
    await view.tookFocus('.edit-form vscode-text-area');
    await selectAll();
    await page.keyboard.type('half an edit');
    await workbench.reload();
    await workbench.openFile('train.jsonl');
    await workbench.goToLine(line);
    await view.focus();
    await isSampledAgain();
    await isScoredAsTheEngineScores();
    assert.equal(await view.draft(), 'half an edit');
    await workbench.screenshot('reloaded');
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

  it('steps along a curve of the dashboard, opens the rollouts of a step, and reads the table behind the curve', async () => {
    const { workbench, page } = studio;
    const { panel } = workbench;
    const focus = new PanelFocus(workbench, 'editor');
    const run = (await runs()).at(-1)!;
    const rewards = (await run.events()).records.flatMap((e) => (e.type === 'step' ? [e.metrics.meanReward] : []));
    const opened = async (step: number) => {
      await page.locator(`.tab.active[data-resource-name="step-${step}.latro-rollouts"]`).waitFor();
      await workbench.runCommand('View: Open Previous Editor');
      await panel.locator('.curve').first().waitFor();
    };
    await focusPanel();
    await focus.moveBy('Tab', '.controls vscode-button', 'Roll back…');
    await page.keyboard.press('Enter');
    await focus.isOn('.form vscode-dropdown');
    await page.keyboard.press('Escape');
    await focus.isOn('.controls vscode-button[aria-expanded=false]');
    const curve = '.curve[aria-label=Reward]';
    await focus.moveBy('Tab', curve);
    await page.keyboard.press('Home');
    for (const [key, step] of [
      ['ArrowLeft', 1],
      ['ArrowRight', 2],
      ['PageUp', 2],
      ['Home', 1],
    ] as const) {
      await page.keyboard.press(key);
      await panel.locator(`${curve}[aria-valuenow="${step}"]`).waitFor();
    }
    await page.keyboard.press('Enter');
    await opened(1);
    const card = '.card[aria-label=Reward]';
    await focusPanel();
    await focus.moveBy('Tab', `${card} .table-toggle`);
    await page.keyboard.press('Enter');
    await panel.locator(`${card} .value-table`).waitFor();
    assert.deepEqual(await panel.locator(`${card} .value-table td`).allInnerTexts(), rewards.map(compact));
    await focus.moveBy('Tab', `${card} tbody button`, '1');
    await focus.moveBy('ArrowDown', `${card} tbody button`, '2');
    await page.keyboard.press('Enter');
    await opened(2);
    await focusPanel();
    await focus.moveBy('Tab', `${card} .table-toggle[aria-pressed=true]`);
    await page.keyboard.press('Enter');
    await panel.locator(curve).waitFor();
  });

  it('filters the accuracy diff by outcome, opens a question in it, and its row in the dataset', async () => {
    const { workbench, page } = studio;
    const { panel } = workbench;
    const focus = new PanelFocus(workbench, 'editor');
    const run = (await runs()).at(-1)!;
    const [before, after] = await Promise.all(
      ['base-test', 'step-000002-test'].map((name) => run.evaluationRows(name)),
    );
    const { questions, sameRight, broken, fixed, sameWrong } = compareEvaluations(before!, after!);
    await workbench.runCommand('LaTRO: Compare Accuracy', () =>
      page.locator('.quick-input-widget .monaco-list-row.focused', { hasText: 'base → step 2' }).waitFor(),
    );
    await page.keyboard.press('Enter');
    await panel.getByText(`${run.id} · ${questions} questions, greedy`).waitFor();
    await focusPanel();
    await focus.moveBy('Tab', '.chips button', 'All');
    const outcomes = [
      ['Fixed', fixed],
      ['Broken', broken],
      ['Still wrong', sameWrong],
      ['Still right', sameRight],
    ] as const;
    for (const [outcome, count] of outcomes) {
      await focus.moveBy('ArrowRight', '.chips button', outcome);
      await page.keyboard.press('Enter');
      await panel.locator('.chips [aria-pressed=true]', { hasText: outcome }).waitFor();
      assert.equal(await panel.locator('.count-line').innerText(), `${count} of ${questions} questions`);
      assert.equal(await panel.locator('tbody.question').count(), count);
    }
    // Of five questions two at least have the same outcome.
    const [most] = outcomes.reduce((a, b) => (b[1] > a[1] ? b : a));
    await focus.moveBy('Home', '.chips button', 'All');
    await focus.moveBy('ArrowRight', '.chips button', most);
    await page.keyboard.press('Enter');
    await panel.locator('tbody.question').nth(1).waitFor();
    await focus.moveBy('Tab', '.questions thead button');
    await focus.moveBy('ArrowDown', 'tbody.question:nth-of-type(2) .toggle');
    await page.keyboard.press('Enter');
    const open = panel.locator('tbody.question.open');
    await open.locator('.side .text').nth(1).waitFor();
    const line = await open.locator('td.number').first().innerText();
    await focus.moveBy('Tab', 'tbody.question.open .detail .action', 'Go to this row');
    await page.keyboard.press('Enter');
    await page.locator('.tab.active[data-resource-name="test.jsonl"]').waitFor();
    await workbench.statusBarItem(new RegExp(`Ln ${line},`)).waitFor();
    await workbench.screenshot('diff-by-keyboard');
    await workbench.runCommand('View: Open Previous Editor');
    await open.waitFor();
  });

  it('took no mouse, in the window or in a panel', async () => {
    assert.deepEqual(mouse.presses, []);
    // Were a press to go unheard, the line above would say nothing.
    const { workbench, page } = studio;
    const hear = async (...presses: string[]) => {
      await eventually(() => mouse.presses.length >= presses.length);
      assert.deepEqual(mouse.presses, presses);
    };
    await workbench.panel.locator('main').click({ position: { x: 2, y: 2 } });
    await hear('panel');
    await page.locator('.part.sidebar .title-label').click();
    await hear('panel', 'window');
    await workbench.openFile('train.jsonl');
    await workbench.goToLine(line);
    await view.focus();
    await view.rationales.first().locator('.text').first().click();
    await hear('panel', 'window', 'panel');
  });
});
