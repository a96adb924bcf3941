/** Whose weights a person's own words in the side panel are scored under: those they were begun under, or it says so. In Chromium. */
import assert from 'node:assert/strict';
import type { RationaleQuestion } from '../../src/protocol/rationale_messages.ts';
import { questionSnapshot, unsampledSnapshot } from './fixtures/rationales.ts';
import { failure, OWN, OwnWordsPanel } from './own_words_panel.ts';

const { rowKey } = questionSnapshot;
/** As shown after a roll back and a resume: the same names and ids, other weights. */
const withWeights = (weights: string): Pick<RationaleQuestion, 'checkpoints'> => ({
  checkpoints: questionSnapshot.checkpoints.map((each) => (each.name === 'step-40' ? { ...each, weights } : each)),
});

describe("rationale panel: own words' weights", function () {
  this.timeout(60_000);
  const panel = new OwnWordsPanel();

  it('are scored under the weights they were begun under, whichever are shown by then', async () => {
    const page = await panel.open(questionSnapshot);
    const current = questionSnapshot.current!;
    const rationales = current.rationales.map((each, i) => ({ ...each, id: `step-60/${i}` }));
    await page.locator('.rationale.open').getByRole('button', { name: 'Edit', exact: true }).click();
    await panel.area().fill(OWN);
    await panel.show({ current: { ...current, checkpoint: 'step-60', step: 60, rationales } });
    await panel.form().getByRole('button', { name: 'Score again' }).click();
    const under = async () => {
      const { type, checkpoint, run, rationale } = (await panel.now.posted()).at(-1)!;
      assert.deepEqual([type, rationale], ['score-edited', 'step-40/0']);
      return [run, checkpoint];
    };
    assert.deepEqual(await under(), ['test run 3', 'step-40']);
    // Another run has begun, which has not come to this question yet.
    const base = questionSnapshot.checkpoints.slice(0, 1).map((each) => ({ ...each, sampled: false }));
    await panel.show({ run: 'test run 4', checkpoints: base, current: null, comparison: null, stages: [] });
    assert.equal(await panel.area().inputValue(), OWN, 'it is on the screen all the same');
    await panel.form().getByRole('button', { name: 'Score again' }).click();
    assert.deepEqual(await under(), ['test run 3', 'step-40']);
    assert.equal(await panel.form().getByRole('status').count(), 0);
  });

  it('are scored under the weights that are shown where their own are gone, and it says so first', async () => {
    const page = await panel.open(questionSnapshot);
    const current = questionSnapshot.current!;
    const rationales = current.rationales.map((each, i) => ({ ...each, id: `step-20/${i}` }));
    const [base, step20] = questionSnapshot.checkpoints;
    const back: Partial<RationaleQuestion> = {
      checkpoints: [base!, { ...step20!, sampled: true }],
      current: { ...current, checkpoint: 'step-20', step: 20, rationales },
    };
    await page.locator('.rationale.open').getByRole('button', { name: 'Edit', exact: true }).click();
    await panel.area().fill(OWN);
    await panel.show(back);
    const told = () => panel.form().getByRole('status').innerText();
    assert.match(await told(), /not there any more: it is scored under the weights that are shown/);
    assert.deepEqual(await panel.now.seriousViolations(), []);
    await panel.form().getByRole('button', { name: 'Score again' }).click();
    const { edited, ...sent } = (await panel.now.posted()).at(-1)!;
    const under = { type: 'score-edited', rowKey, rationale: 'step-40/0', text: OWN };
    assert.deepEqual(sent, { ...under, run: 'test run 3', checkpoint: 'step-20' });
    await panel.show({ ...back, unscored: { edited: String(edited), failure } });
    assert.match(await told(), /The engine stopped/, 'of the weights that were asked by then');

    // Of another run only the host can tell.
    const other: Partial<RationaleQuestion> = { ...back, run: 'test run 4', runs: ['test run 4', 'test run 3'] };
    await panel.show({ ...other, unscored: { edited: String(edited), failure: null, gone: true } });
    assert.match(await told(), /not there any more: it is scored under the weights that are shown/);
    await panel.form().getByRole('button', { name: 'Score again' }).click();
    const { edited: _, ...again } = (await panel.now.posted()).at(-1)!;
    assert.deepEqual(again, { ...under, run: 'test run 4', checkpoint: 'step-20' });

    await panel.show({ ...unsampledSnapshot, rowKey, checkpoints: [{ ...base!, sampled: false }], run: 'test run 4' });
    assert.match(await told(), /Sample others to score it/);
    const before = (await panel.now.posted()).length;
    await panel.form().getByRole('button', { name: 'Score again' }).click({ force: true });
    assert.equal((await panel.now.posted()).length, before);
  });

  it('are not taken for words over the same update of a run that was rolled back and resumed', async () => {
    const page = await panel.open({ ...questionSnapshot, ...withWeights('first') });
    const edit = page.locator('.rationale.open').getByRole('button', { name: 'Edit', exact: true });
    await edit.click();
    await panel.area().fill(OWN);
    await panel.show(withWeights('second'));
    assert.equal(await page.locator('.rationale .edit-form').count(), 0, 'not over the new one');
    assert.equal(await page.locator('.stray textarea').inputValue(), OWN);
    assert.match(await panel.form().getByRole('status').innerText(), /it is scored under the weights that are shown/);
    assert.deepEqual(await panel.now.seriousViolations(), []);
    await edit.click();
    assert.equal(await panel.form().count(), 2, 'the new one has a form of its own');
    assert.equal(await page.locator('.stray textarea').inputValue(), OWN);
    await page.locator('.rationale').getByRole('button', { name: 'Cancel' }).click();
    await panel.form().getByRole('button', { name: 'Score again' }).click();
    const { edited, ...sent } = (await panel.now.posted()).at(-1)!;
    const now = { run: 'test run 3', checkpoint: 'step-40', weights: 'second' };
    assert.deepEqual(sent, { type: 'score-edited', rowKey, ...now, rationale: '', text: OWN });
    await panel.show({ ...withWeights('second'), unscored: { edited: String(edited), failure } });
    assert.equal(await page.locator('.stray textarea').inputValue(), OWN);
    await panel.show(withWeights('first'));
    assert.equal(await panel.form().count(), 1);
  });

  it('are over their rationale again when an exact resume has made its weights once more', async () => {
    const page = await panel.open({ ...questionSnapshot, ...withWeights('first') });
    await page.locator('.rationale.open').getByRole('button', { name: 'Edit', exact: true }).click();
    await panel.area().fill(OWN);
    await panel.show(withWeights('second'));
    await panel.show(withWeights('first'));
    assert.equal(await page.locator('.rationale .edit-form textarea').inputValue(), OWN);
    await panel.form().getByRole('button', { name: 'Score again' }).click();
    const { rationale, weights } = (await panel.now.posted()).at(-1)!;
    assert.deepEqual([rationale, weights], ['step-40/0', 'first']);
  });

  it('of before it was kept say that their weights are not known', async () => {
    const page = await panel.open({ ...questionSnapshot, ...withWeights('first') });
    await page.locator('.rationale.open').getByRole('button', { name: 'Edit', exact: true }).click();
    await panel.area().fill(OWN);
    const saved = await page.evaluate<string>('JSON.stringify(window.saved)');
    assert.match(saved, /"weights":"first"/);
    for (const unknown of [saved.replace(',"weights":"first"', ''), saved.replace(',"run":"test run 3"', '')]) {
      await panel.now.close();
      await panel.open({ ...questionSnapshot, ...withWeights('first') }, JSON.parse(unknown));
      assert.equal(await panel.now.page.locator('.stray textarea').inputValue(), OWN);
      assert.match(await panel.form().getByRole('status').innerText(), /not known under which weights it was written/);
    }
  });

  it('of a note are not saved on a rationale of another run, nor of other weights, that has the same id', async () => {
    const page = await panel.open({ ...questionSnapshot, ...withWeights('first') });
    const note = page.locator('.note-form');
    const notSaved = async (why: RegExp) => {
      assert.equal(await panel.now.page.locator('.rationale .note-form').count(), 0, 'not on the one that is shown');
      assert.equal(await panel.now.page.locator('.stray input').inputValue(), 'half a no');
      assert.match(await panel.now.page.locator('.note-form').getByRole('status').innerText(), why);
      await panel.now.page.locator('.note-form').getByRole('button', { name: 'Save' }).click({ force: true });
      await panel.now.page.locator('.note-form input').press('Enter');
      assert.ok((await panel.now.posted()).every(({ type }) => type !== 'rate'));
    };
    await page.locator('.rationale.open').getByRole('button', { name: 'Note', exact: true }).click();
    await note.locator('input').fill('half a no');
    const saved = await page.evaluate<string>('JSON.stringify(window.saved)');
    await panel.show({ ...withWeights('first'), run: 'test run 4' });
    await notSaved(/of the run test run 3: choose that run to save it/);
    assert.deepEqual(await panel.now.seriousViolations(), []);
    await panel.show(withWeights('second'));
    await notSaved(/not there any more/);
    await panel.now.close();
    const old = saved.replace(',"run":"test run 3","checkpoint":"step-40","weights":"first"', '');
    assert.notEqual(old, saved);
    await panel.open({ ...questionSnapshot, ...withWeights('first') }, JSON.parse(old));
    await notSaved(/not known of which run/);
    await panel.now.close();
    await panel.open({ ...questionSnapshot, ...withWeights('first') }, JSON.parse(saved));
    await panel.now.page.locator('.rationale .note-form').getByRole('button', { name: 'Save' }).click();
    assert.equal((await panel.now.posted()).at(-1)?.type, 'rate');
  });

  it('of before the run was kept are scored by the one that is shown, and say so', async () => {
    const page = await panel.open(questionSnapshot);
    await page.locator('.rationale.open').getByRole('button', { name: 'Edit', exact: true }).click();
    await panel.area().fill(OWN);
    const saved = await page.evaluate<string>('JSON.stringify(window.saved)');
    assert.match(saved, /"run":"test run 3"/);
    await panel.now.close();
    await panel.open(questionSnapshot, JSON.parse(saved.replace(',"run":"test run 3"', '')));
    assert.match(await panel.form().getByRole('status').innerText(), /not known under which weights it was written/);
    await panel.form().getByRole('button', { name: 'Score again' }).click();
    const sent = (await panel.now.posted()).at(-1)!;
    assert.deepEqual([sent.type, sent.checkpoint, sent.run], ['score-edited', 'step-40', 'test run 3']);
  });
});
