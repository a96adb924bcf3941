/** Whose weights a person's own words in the side panel are scored under: those they were begun under, or it says so. In Chromium. */
import assert from 'node:assert/strict';
import type { RationaleQuestion } from '../../src/protocol/rationale_messages.ts';
import { questionSnapshot, unsampledSnapshot } from './fixtures/rationales.ts';
import { type OpenPanel, PanelHarness } from './harness.ts';

const { rowKey } = questionSnapshot;
const OWN = '9 + 18 = 27. 27 ÷ 3 = 9.';
const failure = {
  code: 'engine-stopped',
  reason: 'The engine stopped.',
  nextStep: 'Open the log.',
  actions: ['open-log' as const],
};
/** As shown after a roll back and a resume: the same names and ids, other weights. */
const withWeights = (weights: string): Pick<RationaleQuestion, 'checkpoints'> => ({
  checkpoints: questionSnapshot.checkpoints.map((each) => (each.name === 'step-40' ? { ...each, weights } : each)),
});

describe("rationale panel: own words' weights", function () {
  this.timeout(60_000);
  let harness: PanelHarness;
  let panel: OpenPanel;

  before(async function () {
    harness = await PanelHarness.startOrSkip(this);
  });
  after(async () => harness?.stop());
  const open = async (snapshot: RationaleQuestion, state?: unknown) => {
    panel = await harness.open('rationale_panel', { snapshot, state });
    return panel.page;
  };
  afterEach(async () => {
    assert.deepEqual(panel.complaints(), [], 'no errors, no blocked styles');
    await panel.close();
  });
  const show = (part: Partial<RationaleQuestion>) =>
    panel.send({ type: 'snapshot', snapshot: { ...questionSnapshot, ...part } });
  const form = () => panel.page.locator('.edit-form');
  const area = () => form().locator('textarea');

  it('are scored under the weights they were begun under, whichever are shown by then', async () => {
    const page = await open(questionSnapshot);
    const current = questionSnapshot.current!;
    const rationales = current.rationales.map((each, i) => ({ ...each, id: `step-60/${i}` }));
    await page.locator('.rationale.open').getByRole('button', { name: 'Edit', exact: true }).click();
    await area().fill(OWN);
    await show({ current: { ...current, checkpoint: 'step-60', step: 60, rationales } });
    await form().getByRole('button', { name: 'Score again' }).click();
    const under = async () => {
      const { type, checkpoint, run, rationale } = (await panel.posted()).at(-1)!;
      assert.deepEqual([type, rationale], ['score-edited', 'step-40/0']);
      return [run, checkpoint];
    };
    assert.deepEqual(await under(), ['test run 3', 'step-40']);
    // Another run has begun, which has not come to this question yet.
    const base = questionSnapshot.checkpoints.slice(0, 1).map((each) => ({ ...each, sampled: false }));
    await show({ run: 'test run 4', checkpoints: base, current: null, comparison: null, stages: [] });
    assert.equal(await area().inputValue(), OWN, 'it is on the screen all the same');
    await form().getByRole('button', { name: 'Score again' }).click();
    assert.deepEqual(await under(), ['test run 3', 'step-40']);
    assert.equal(await form().getByRole('status').count(), 0);
  });

  it('are scored under the weights that are shown where their own are gone, and it says so first', async () => {
    const page = await open(questionSnapshot);
    const current = questionSnapshot.current!;
    const rationales = current.rationales.map((each, i) => ({ ...each, id: `step-20/${i}` }));
    const [base, step20] = questionSnapshot.checkpoints;
    const back: Partial<RationaleQuestion> = {
      checkpoints: [base!, { ...step20!, sampled: true }],
      current: { ...current, checkpoint: 'step-20', step: 20, rationales },
    };
    await page.locator('.rationale.open').getByRole('button', { name: 'Edit', exact: true }).click();
    await area().fill(OWN);
    await show(back);
    const told = () => form().getByRole('status').innerText();
    assert.match(await told(), /not there any more: it is scored under the weights that are shown/);
    assert.deepEqual(await panel.seriousViolations(), []);
    await form().getByRole('button', { name: 'Score again' }).click();
    const { edited, ...sent } = (await panel.posted()).at(-1)!;
    const under = { type: 'score-edited', rowKey, rationale: 'step-40/0', text: OWN };
    assert.deepEqual(sent, { ...under, run: 'test run 3', checkpoint: 'step-20' });
    await show({ ...back, unscored: { edited: String(edited), failure } });
    assert.match(await told(), /The engine stopped/, 'of the weights that were asked by then');

    // Of another run only the host can tell.
    const other: Partial<RationaleQuestion> = { ...back, run: 'test run 4', runs: ['test run 4', 'test run 3'] };
    await show({ ...other, unscored: { edited: String(edited), failure: null, gone: true } });
    assert.match(await told(), /not there any more: it is scored under the weights that are shown/);
    await form().getByRole('button', { name: 'Score again' }).click();
    const { edited: _, ...again } = (await panel.posted()).at(-1)!;
    assert.deepEqual(again, { ...under, run: 'test run 4', checkpoint: 'step-20' });

    await show({ ...unsampledSnapshot, rowKey, checkpoints: [{ ...base!, sampled: false }], run: 'test run 4' });
    assert.match(await told(), /Sample others to score it/);
    const before = (await panel.posted()).length;
    await form().getByRole('button', { name: 'Score again' }).click({ force: true });
    assert.equal((await panel.posted()).length, before);
  });

  it('are not taken for words over the same update of a run that was rolled back and resumed', async () => {
    const page = await open({ ...questionSnapshot, ...withWeights('first') });
    const edit = page.locator('.rationale.open').getByRole('button', { name: 'Edit', exact: true });
    await edit.click();
    await area().fill(OWN);
    await show(withWeights('second'));
    assert.equal(await page.locator('.rationale .edit-form').count(), 0, 'not over the new one');
    assert.equal(await page.locator('.stray textarea').inputValue(), OWN);
    assert.match(await form().getByRole('status').innerText(), /it is scored under the weights that are shown/);
    assert.deepEqual(await panel.seriousViolations(), []);
    await edit.click();
    assert.equal(await form().count(), 2, 'the new one has a form of its own');
    assert.equal(await page.locator('.stray textarea').inputValue(), OWN);
    await page.locator('.rationale').getByRole('button', { name: 'Cancel' }).click();
    await form().getByRole('button', { name: 'Score again' }).click();
    const { edited, ...sent } = (await panel.posted()).at(-1)!;
    const now = { run: 'test run 3', checkpoint: 'step-40', weights: 'second' };
    assert.deepEqual(sent, { type: 'score-edited', rowKey, ...now, rationale: '', text: OWN });
    await show({ ...withWeights('second'), unscored: { edited: String(edited), failure } });
    assert.equal(await page.locator('.stray textarea').inputValue(), OWN);
    await show(withWeights('first'));
    assert.equal(await form().count(), 1);
  });

  it('are over their rationale again when an exact resume has made its weights once more', async () => {
    const page = await open({ ...questionSnapshot, ...withWeights('first') });
    await page.locator('.rationale.open').getByRole('button', { name: 'Edit', exact: true }).click();
    await area().fill(OWN);
    await show(withWeights('second'));
    await show(withWeights('first'));
    assert.equal(await page.locator('.rationale .edit-form textarea').inputValue(), OWN);
    await form().getByRole('button', { name: 'Score again' }).click();
    const { rationale, weights } = (await panel.posted()).at(-1)!;
    assert.deepEqual([rationale, weights], ['step-40/0', 'first']);
  });

  it('of before it was kept say that their weights are not known', async () => {
    const page = await open({ ...questionSnapshot, ...withWeights('first') });
    await page.locator('.rationale.open').getByRole('button', { name: 'Edit', exact: true }).click();
    await area().fill(OWN);
    const saved = await page.evaluate<string>('JSON.stringify(window.saved)');
    assert.match(saved, /"weights":"first"/);
    for (const unknown of [saved.replace(',"weights":"first"', ''), saved.replace(',"run":"test run 3"', '')]) {
      await panel.close();
      await open({ ...questionSnapshot, ...withWeights('first') }, JSON.parse(unknown));
      assert.equal(await panel.page.locator('.stray textarea').inputValue(), OWN);
      assert.match(await form().getByRole('status').innerText(), /not known under which weights it was written/);
    }
  });

  it('of a note are not saved on a rationale of another run, nor of other weights, that has the same id', async () => {
    const page = await open({ ...questionSnapshot, ...withWeights('first') });
    const note = page.locator('.note-form');
    const notSaved = async (why: RegExp) => {
      assert.equal(await panel.page.locator('.rationale .note-form').count(), 0, 'not on the one that is shown');
      assert.equal(await panel.page.locator('.stray input').inputValue(), 'half a no');
      assert.match(await panel.page.locator('.note-form').getByRole('status').innerText(), why);
      await panel.page.locator('.note-form').getByRole('button', { name: 'Save' }).click({ force: true });
      await panel.page.locator('.note-form input').press('Enter');
      assert.ok((await panel.posted()).every(({ type }) => type !== 'rate'));
    };
    await page.locator('.rationale.open').getByRole('button', { name: 'Note', exact: true }).click();
    await note.locator('input').fill('half a no');
    const saved = await page.evaluate<string>('JSON.stringify(window.saved)');
    await show({ ...withWeights('first'), run: 'test run 4' });
    await notSaved(/of the run test run 3: choose that run to save it/);
    assert.deepEqual(await panel.seriousViolations(), []);
    await show(withWeights('second'));
    await notSaved(/not there any more/);
    await panel.close();
    const old = saved.replace(',"run":"test run 3","checkpoint":"step-40","weights":"first"', '');
    assert.notEqual(old, saved);
    await open({ ...questionSnapshot, ...withWeights('first') }, JSON.parse(old));
    await notSaved(/not known of which run/);
    await panel.close();
    await open({ ...questionSnapshot, ...withWeights('first') }, JSON.parse(saved));
    await panel.page.locator('.rationale .note-form').getByRole('button', { name: 'Save' }).click();
    assert.equal((await panel.posted()).at(-1)?.type, 'rate');
  });

  it('of before the run was kept are scored by the one that is shown, and say so', async () => {
    const page = await open(questionSnapshot);
    await page.locator('.rationale.open').getByRole('button', { name: 'Edit', exact: true }).click();
    await area().fill(OWN);
    const saved = await page.evaluate<string>('JSON.stringify(window.saved)');
    assert.match(saved, /"run":"test run 3"/);
    await panel.close();
    await open(questionSnapshot, JSON.parse(saved.replace(',"run":"test run 3"', '')));
    assert.match(await form().getByRole('status').innerText(), /not known under which weights it was written/);
    await form().getByRole('button', { name: 'Score again' }).click();
    const sent = (await panel.posted()).at(-1)!;
    assert.deepEqual([sent.type, sent.checkpoint, sent.run], ['score-edited', 'step-40', 'test run 3']);
  });
});
