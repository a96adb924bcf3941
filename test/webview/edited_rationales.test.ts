/** A person's own words in the side panel, in Chromium: not lost before they are scored, nor counted after, and where they came from. */
import assert from 'node:assert/strict';
import type { RationaleQuestion, RationaleView } from '../../src/protocol/rationale_messages.ts';
import { keptSnapshot, questionSnapshot } from './fixtures/rationales.ts';
import { failure, OWN, OwnWordsPanel } from './own_words_panel.ts';

const { rowKey } = questionSnapshot;

describe('rationale panel: own words', function () {
  this.timeout(60_000);
  const panel = new OwnWordsPanel();
  /** Writes into the first rationale and sends it; returns the id that it will have. */
  const score = async (text = OWN): Promise<string> => {
    if ((await panel.form().count()) === 0)
      await panel.now.page.locator('.rationale.open').getByRole('button', { name: 'Edit', exact: true }).click();
    await panel.area().fill(text);
    await panel.form().getByRole('button', { name: 'Score again' }).click();
    const { type, edited, text: sent } = (await panel.now.posted()).at(-1)!;
    assert.deepEqual([type, sent], ['score-edited', text]);
    return String(edited);
  };
  const scoring = (edited: string) => ({ activity: { what: 'scoring' as const, done: 0, total: 1, edited } });
  const withOwn = (id: string): Pick<RationaleQuestion, 'current'> => {
    const current = questionSnapshot.current!;
    const own: RationaleView = { ...current.rationales[0]!, id, origin: 'edited', seed: null };
    return { current: { ...current, rationales: [...current.rationales, own] } };
  };

  it('keep the text until its scored rationale has arrived, and then only that', async () => {
    const page = await panel.open(questionSnapshot);
    const edited = await score();
    await panel.show(scoring(edited));
    assert.equal(await panel.area().inputValue(), OWN);
    await panel.form().getByRole('button', { name: 'Score again' }).click({ force: true });
    assert.equal((await panel.now.posted()).filter(({ type }) => type === 'score-edited').length, 1, 'one at a time');
    await panel.show(withOwn(edited));
    assert.equal(await panel.form().count(), 0);
    assert.equal(await page.locator('tbody.rationale', { hasText: 'edited by you' }).count(), 1);
  });

  for (const [name, why, reason] of [
    ['fails', failure, /Not scored; your text is kept\. The engine stopped\. Open the log\./],
    ['is cancelled, or ended by another', null, /Not scored; your text is kept\. It was cancelled/],
  ] as const) {
    it(`stand in the form, with the reason beside them, when scoring ${name}`, async () => {
      await panel.open(questionSnapshot);
      const edited = await score();
      await panel.show(scoring(edited));
      await panel.show({ failure: why, unscored: { edited, failure: why } });
      assert.equal(await panel.area().inputValue(), OWN);
      assert.match(await panel.form().getByRole('status').innerText(), reason);
      assert.deepEqual(await panel.now.seriousViolations(), []);
      const again = await score(`${OWN} So 9.`);
      assert.notEqual(again, edited);
      await panel.show(scoring(again));
      assert.equal(await panel.form().getByRole('status').count(), 0, 'that was the one before');
    });
  }

  it('outlive a reload of the window while they are scored, and another question in between', async () => {
    let page = await panel.open(questionSnapshot);
    const edited = await score();
    const saved = await page.evaluate('window.saved');
    await panel.now.close();
    page = await panel.open(questionSnapshot, saved);
    assert.equal(await panel.area().inputValue(), OWN);
    await panel.show({ rowKey: 'another-row' });
    assert.equal(await panel.form().count(), 0);
    await panel.show({ unscored: { edited, failure } });
    assert.match(await panel.form().getByRole('status').innerText(), /The engine stopped/);
    await panel.show({ rowKey: 'another-row' });
    await panel.show(withOwn(edited));
    assert.equal(await panel.form().count(), 0);
  });

  it('are not given up by Escape or Cancel while they are scored: the scoring is', async () => {
    const page = await panel.open(questionSnapshot);
    const edited = await score();
    await panel.show(scoring(edited));
    await panel.area().press('Escape');
    assert.deepEqual((await panel.now.posted()).at(-1), { type: 'cancel' });
    await panel.form().getByRole('button', { name: 'Cancel' }).click();
    assert.equal(await panel.area().inputValue(), OWN);
    await panel.show({ unscored: { edited, failure: null } });
    await panel.form().getByRole('button', { name: 'Cancel' }).click();
    assert.equal(await panel.form().count(), 0);
    assert.equal(await page.locator('tbody.rationale').count(), 8);
  });

  it('are not thrown away by Escape, neither as an input method takes it nor alone: that only leaves the form', async () => {
    const page = await panel.open(questionSnapshot);
    const edit = page.locator('.rationale.open').getByRole('button', { name: 'Edit', exact: true });
    const composed = () =>
      panel.area().dispatchEvent('keydown', { key: 'Escape', isComposing: true, bubbles: true, composed: true });
    await edit.click();
    await composed();
    assert.equal(await panel.form().count(), 1, 'as it was');
    await panel.area().fill(OWN);
    await composed();
    assert.equal(await page.evaluate('document.activeElement.tagName'), 'VSCODE-TEXT-AREA');
    await panel.area().press('Escape');
    assert.equal(await panel.area().inputValue(), OWN);
    assert.equal(await page.evaluate('document.activeElement.textContent.trim()'), 'Edit');
    await panel.form().getByRole('button', { name: 'Cancel' }).click();
    assert.equal(await panel.form().count(), 0);
    await edit.click();
    await panel.area().press('Escape');
    assert.equal(await panel.form().count(), 0, 'nothing was typed');
  });

  it('and a note stay while they are typed and a run that trains brings other weights', async () => {
    const page = await panel.open(questionSnapshot);
    const current = questionSnapshot.current!;
    const rationales = current.rationales.map((each, i) => ({ ...each, id: `step-60/${i}` }));
    const later = { current: { ...current, checkpoint: 'step-60', step: 60, rationales } };
    const first = page.locator('.rationale.open');
    await first.getByRole('button', { name: 'Edit', exact: true }).click();
    await panel.area().fill(OWN);
    await first.getByRole('button', { name: 'Note', exact: true }).click();
    await page.locator('.note-form input').fill('half a no');
    await page.getByRole('button', { name: 'Sample again' }).click();
    await page.locator('form.sampling-form input').first().fill('17');
    const holds = async () => {
      assert.deepEqual([await panel.form().count(), await panel.area().inputValue()], [1, OWN]);
      assert.deepEqual(await page.locator('.note-form input').inputValue(), 'half a no');
      assert.equal(await page.locator('form.sampling-form input').first().inputValue(), '17');
    };
    await panel.show(later);
    await holds();
    assert.deepEqual(await panel.now.seriousViolations(), []);
    await page.locator('.note-form').getByRole('button', { name: 'Save' }).click();
    const { token, ...rate } = (await panel.now.posted()).at(-1)!;
    assert.deepEqual(rate, { type: 'rate', rowKey, rationale: 'step-40/0', rating: { note: 'half a no' } });
    await holds();
    await panel.show({});
    await holds();
    await panel.show({ ...later, rated: String(token) });
    assert.equal(await page.locator('.note-form').count(), 0);
    await panel.form().getByRole('button', { name: 'Cancel' }).click();
    await panel.show({});
    assert.equal(await panel.form().count(), 0, 'nor come back with the weights under which they were begun');
  });

  it('of a note stay until it is stored', async () => {
    const page = await panel.open(questionSnapshot);
    const note = page.locator('.note-form');
    const withNote = (text: string): Pick<RationaleQuestion, 'current'> => {
      const current = structuredClone(questionSnapshot.current!);
      current.rationales[0]!.rating = { verdict: 'wrong', note: text };
      return { current };
    };
    await page.locator('.rationale.open').getByRole('button', { name: 'Note', exact: true }).click();
    await note.locator('input').fill('forgot the nine');
    await note.locator('input').press('Escape');
    await page.locator('.rationale.open').getByRole('button', { name: 'Note', exact: true }).click();
    assert.equal(await note.locator('input').inputValue(), 'forgot the nine', 'pressed again');
    await note.getByRole('button', { name: 'Save' }).click();
    await panel.show({ failure });
    assert.equal(await note.locator('input').inputValue(), 'forgot the nine', 'it could not be stored');
    await note.getByRole('button', { name: 'Save' }).click();
    await note.locator('input').fill('forgot the nine, twice');
    await panel.show(withNote('forgot the nine'));
    assert.equal(await note.locator('input').inputValue(), 'forgot the nine, twice', 'typed on');
    await note.getByRole('button', { name: 'Save' }).click();
    await panel.show(withNote('forgot the nine, twice'));
    assert.equal(await note.count(), 0);
  });

  it('stay when they were typed on while the first of them were scored', async () => {
    await panel.open(questionSnapshot);
    const edited = await score();
    await panel.show(scoring(edited));
    await panel.area().fill(`${OWN} And so on.`);
    await panel.show(withOwn(edited));
    assert.equal(await panel.area().inputValue(), `${OWN} And so on.`);
  });

  it('stay when other samples take the place of what they were written over, and can still be scored', async () => {
    const page = await panel.open(questionSnapshot);
    const rationales = page.locator('.rationale.open');
    await rationales.getByRole('button', { name: 'Edit', exact: true }).click();
    await panel.area().fill(OWN);
    await page.locator('tbody.rationale').nth(1).locator('.toggle').click();
    await rationales.nth(1).getByRole('button', { name: 'Edit', exact: true }).click();
    assert.equal(await panel.form().count(), 2, 'each rationale has its own');
    await panel.show({ current: keptSnapshot.current });
    assert.equal(await panel.form().count(), 1, 'nothing was written into the second');
    assert.equal(await panel.area().inputValue(), OWN);
    assert.deepEqual(await panel.now.seriousViolations(), []);
    await score();
    assert.deepEqual((await panel.now.posted()).at(-1)?.rowKey, rowKey);
  });

  it('say which sample they were written over, among those kept from earlier too', async () => {
    const from = { step: 33, temperature: 1, beta: 0.05, k: 8, sample: 2, seed: 7 };
    const current = keptSnapshot.current!;
    const { step, temperature, beta, k } = from;
    const rationales = current.rationales.map((each) =>
      each.id === 'edited/0' ? { ...each, editedFrom: from, keptFrom: { step, temperature, beta, k } } : each,
    );
    const page = await panel.open({ ...keptSnapshot, current: { ...current, rationales } });
    const own = page.locator('tbody[data-rationale="edited/0"]');
    const provenance = 'from rationale 3 · sampled at step 33 · seed 7 · temperature 1 · K = 8';
    assert.deepEqual(await own.locator('.marks .tag').allInnerTexts(), ['edited by you', provenance]);
    await own.locator('.toggle').click();
    assert.equal(await own.locator('.origin').innerText(), `Written by you and scored, not sampled · ${provenance}`);
    assert.equal(await page.locator('.headline strong').first().innerText(), '3 of 4 right', 'not counted');
    assert.equal(await page.locator('.group.kept ~ tbody').count(), 2);
  });

  it('are asked for of weights on disk only, as alike samples are: of others it says that they were not kept', async () => {
    const gone = questionSnapshot.checkpoints.map((each) => ({ ...each, canSample: each.name !== 'base' }));
    const comparison = { ...questionSnapshot.comparison!, temperature: 0.5 };
    const [base, ...later] = questionSnapshot.stages;
    const other = { ...base!, figures: { ...base!.figures!, alike: false } };
    const page = await panel.open({ ...questionSnapshot, comparison, stages: [other, ...later] });
    const why = 'The weights of base were not kept, so they cannot be asked again.';
    const otherDraw = page.locator('.other-draw');
    await otherDraw.getByRole('button', { name: 'Sample base alike' }).click();
    assert.deepEqual((await panel.now.posted()).at(-1), { type: 'sample-alike', rowKey, checkpoint: 'base' });
    await panel.show({ comparison, checkpoints: gone, stages: [{ ...other, canSample: false }, ...later] });
    assert.equal(await otherDraw.getByRole('button').count(), 0);
    assert.match(await otherDraw.innerText(), new RegExp(why));
    await page.getByRole('button', { name: /^Before and after/ }).click();
    const stage = page.locator('.stage.base');
    assert.match(await stage.innerText(), new RegExp(why));
    assert.equal(await stage.getByRole('button', { name: 'Sample alike' }).count(), 0);
  });
});
