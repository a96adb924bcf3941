/** The rationale side panel in Chromium: what a person asks for there, and what reaches the host. */
import assert from 'node:assert/strict';
import type { RationaleQuestion } from '../../src/protocol/rationale_messages.ts';
import { questionSnapshot, strategiesSnapshot, unsampledSnapshot } from './fixtures/rationales.ts';
import type { OpenPanel } from './harness.ts';
import { PanelUnderTest } from './panel_under_test.ts';

describe('rationale panel: actions', function () {
  this.timeout(60_000);
  const panel = new PanelUnderTest();

  const open = async (snapshot: unknown, options: { state?: unknown; width?: number } = {}): Promise<OpenPanel> => {
    return await panel.open('rationale_panel', { snapshot, ...options });
  };
  const show = (part: Partial<RationaleQuestion>) =>
    panel.send({ type: 'snapshot', snapshot: { ...questionSnapshot, ...part } });

  it('leaves the focus where a person pressed, whatever comes of it', async () => {
    const alone: RationaleQuestion = { ...questionSnapshot, comparison: null };
    const { page } = await open(alone);
    const focused = (): Promise<string> => page.evaluate('document.activeElement.textContent.trim()');
    const press = async (rationale: number, name: string): Promise<void> => {
      await page.locator('tbody.rationale').nth(rationale).getByRole('button', { name, exact: true }).focus();
      await page.keyboard.press('Enter');
    };
    await press(0, 'Useful');
    const rated = structuredClone(alone);
    rated.current!.rationales[0]!.rating = { verdict: 'useful', note: '' };
    await panel.send({ type: 'snapshot', snapshot: rated });
    assert.equal(await page.locator('.rationale.open .marks').innerText(), 'Useful');
    assert.equal(await focused(), 'Useful');

    const unknown = structuredClone(rated);
    delete unknown.current!.rationales[0]!.prefixScores;
    await panel.send({ type: 'snapshot', snapshot: unknown });
    await press(0, 'Show where the answer becomes clear');
    const working = { ...unknown, activity: { what: 'tracing', done: 0, total: 1 } };
    await panel.send({ type: 'snapshot', snapshot: working });
    assert.equal(await focused(), 'Show where the answer becomes clear');
    await panel.send({ type: 'snapshot', snapshot: rated });
    assert.equal(await page.evaluate("document.activeElement.closest('.rationale.open .detail') !== null"), true);
  });

  for (const [before, name] of [
    [questionSnapshot, 'Sample again'],
    [unsampledSnapshot, 'Sample rationales'],
  ] as const) {
    it(`keeps the focus on "${name}" while it samples, when a press does nothing, and after it`, async () => {
      const { page } = await open(before);
      const focused = page.locator('vscode-button:focus');
      await page.getByRole('button', { name, exact: true }).focus();
      await page.keyboard.press('Enter');
      await page.waitForFunction('document.activeElement.tagName === "VSCODE-TEXT-FIELD"');
      await page.keyboard.press('Enter');
      const sent = (await panel.posted()).length;
      assert.equal((await panel.posted()).at(-1)!.type, 'sample');
      const activity = { what: 'sampling', done: 1, total: 8 } as const;
      await panel.send({ type: 'snapshot', snapshot: { ...before, activity } });
      assert.equal((await focused.innerText()).trim(), name);
      assert.equal(await page.getByRole('button', { name, exact: true, disabled: true }).count(), 1);
      for (const key of ['Enter', 'Space']) await page.keyboard.press(key);
      await page.getByRole('button', { name, exact: true }).click({ force: true });
      assert.deepEqual([(await panel.posted()).length, await page.locator('.sampling-form').count()], [sent, 0]);
      await panel.send({ type: 'snapshot', snapshot: questionSnapshot });
      assert.equal((await focused.innerText()).trim(), 'Sample again');
      assert.equal(await page.getByRole('button', { name: 'Sample again', disabled: true }).count(), 0);
      await page.keyboard.press('Enter');
      assert.equal(await page.locator('.sampling-form').count(), 1);
      await panel.send({ type: 'snapshot', snapshot: { ...questionSnapshot, activity } });
      await page.getByRole('button', { name: 'Sample', exact: true }).click({ force: true });
      await page.locator('.sampling-form input').first().press('Enter');
      assert.equal((await panel.posted()).length, sent, 'nor does the form');
    });
  }

  it('keeps the focus on what cannot be done any more, and the keyboard still goes past it', async () => {
    const { page } = await open(questionSnapshot);
    const focused = page.locator(':focus');
    const cannot: RationaleQuestion = { ...questionSnapshot, comparison: null, stages: [], canSample: false };
    const first = page.locator('.rationale.open');
    await first.getByRole('button', { name: 'Edit', exact: true }).focus();
    await panel.send({ type: 'snapshot', snapshot: cannot });
    assert.equal(await focused.innerText(), 'Edit');
    await page.keyboard.press('Enter');
    assert.equal(await page.locator('.edit-form').count(), 0);
    await page.keyboard.press('ArrowRight');
    assert.equal(await focused.innerText(), 'Pin');

    await panel.send({ type: 'snapshot', snapshot: questionSnapshot });
    const wordDiff = page.getByRole('checkbox');
    await wordDiff.focus();
    await panel.send({ type: 'snapshot', snapshot: cannot });
    assert.equal(await page.locator('vscode-checkbox:focus').getAttribute('aria-disabled'), 'true');
    await page.keyboard.press('Space');
    assert.equal(await wordDiff.isChecked(), false);
    await panel.send({ type: 'snapshot', snapshot: questionSnapshot });
    await page.locator('vscode-checkbox:focus:not([aria-disabled=true])').waitFor();
    await page.keyboard.press('Space');
    // The toolkit draws a frame later that it is checked.
    await page.getByRole('checkbox', { checked: true }).waitFor();
  });

  it('rates, pins, copies, edits and scores, opens row and rollout', async () => {
    const { page } = await open(questionSnapshot);
    const { rowKey } = questionSnapshot;
    const first = page.locator('.rationale.open');
    const press = async (name: string): Promise<unknown> => {
      await first.getByRole('button', { name, exact: true }).click();
      return (await panel.posted()).at(-1);
    };
    assert.deepEqual(await press('Useful'), {
      type: 'rate',
      rowKey,
      rationale: 'step-40/0',
      rating: { verdict: 'useful' },
    });
    assert.deepEqual(await press('Pin'), { type: 'pin', rowKey, rationale: 'step-40/0', pinned: true });
    assert.deepEqual(await press('Copy'), { type: 'copy', text: questionSnapshot.current!.rationales[0]!.record.text });
    assert.deepEqual(await press('Open rollout'), { type: 'open-rollout', rowKey, step: 40, sample: 0 });
    await press('Edit');
    const area = first.locator('vscode-text-area textarea');
    await area.fill('9 + 18 = 27. 27 ÷ 3 = 9.');
    const { edited, ...scored } = (await press('Score again')) as { edited: string };
    assert.match(edited, /^edited-[-0-9a-f]{36}$/);
    assert.deepEqual(scored, {
      type: 'score-edited',
      rowKey,
      checkpoint: 'step-40',
      run: 'test run 3',
      rationale: 'step-40/0',
      text: '9 + 18 = 27. 27 ÷ 3 = 9.',
    });
    await page.getByRole('button', { name: 'fixtures/word_problems.jsonl:17' }).click();
    assert.deepEqual((await panel.posted()).at(-1), { type: 'open-row', rowKey, line: 17 });
  });

  it('puts the focus into a form that opens and back where it came from', async () => {
    const { page } = await open(questionSnapshot);
    const focused = (): Promise<string> => page.evaluate('document.activeElement.textContent.trim()');
    const edit = page.locator('.rationale.open').getByRole('button', { name: 'Edit', exact: true });
    await edit.focus();
    await page.keyboard.press('Enter');
    await page.waitForFunction('document.activeElement.tagName === "VSCODE-TEXT-AREA"');
    await page.keyboard.press('Escape');
    await page.waitForFunction('document.activeElement.tagName === "BUTTON"');
    assert.equal(await focused(), 'Edit');
    assert.equal(await page.locator('.edit-form').count(), 0);
  });

  it('tells once which rationales a person looks into, and offers the newer ones', async () => {
    const { page } = await open(questionSnapshot);
    const { rowKey } = questionSnapshot;
    assert.equal((await panel.posted()).length, 1, 'looking at the first is no choice');
    await page.locator('.toggle').nth(1).click();
    await page.locator('.toggle').nth(2).click();
    const held = async () => (await panel.posted()).filter(({ type }) => type === 'hold');
    const ofStep40 = { type: 'hold', rowKey, run: 'test run 3', checkpoint: 'step-40' };
    assert.deepEqual(await held(), [ofStep40]);
    await show({ newer: { checkpoint: 'step-60' } });
    const bar = page.locator('.newer', { hasText: 'newer rationales, of step 60' });
    await bar.getByRole('button', { name: 'Show them' }).click();
    assert.deepEqual((await panel.posted()).at(-1), { type: 'let-go', rowKey });
    assert.deepEqual(await panel.seriousViolations(), []);
    await show({ newer: { checkpoint: 'base', run: 'test run 4' } });
    assert.match(await page.locator('.newer').innerText(), /newer rationales, of the run test run 4/);
    // Others in between: what was held is not held any more, so the next press tells again.
    await page.locator('.toggle').nth(1).click();
    const current = { ...questionSnapshot.current!, checkpoint: 'step-20' };
    await show({ current });
    await show({});
    await page.locator('.toggle').nth(1).click();
    assert.deepEqual(await held(), [ofStep40, ofStep40, ofStep40]);
    await show({ run: 'test run 4' });
    await page.locator('.toggle').nth(1).click();
    assert.deepEqual((await held()).at(-1), { ...ofStep40, run: 'test run 4' }, 'another run has weights of that name');
  });

  for (const [name, field, typed] of [
    ['Edit', '.edit-form textarea', 'my own words'],
    ['Note', '.note-form input', 'half a no'],
  ] as const) {
    it(`tells that a person works on the rationale that is open by itself, once ${name} is pressed`, async () => {
      const { page } = await open(questionSnapshot);
      const { rowKey } = questionSnapshot;
      await page.locator('.rationale.open').getByRole('button', { name, exact: true }).click();
      await page.locator(field).fill(typed);
      const held = async () => (await panel.posted()).filter(({ type }) => type === 'hold');
      const hold = { type: 'hold', rowKey, run: 'test run 3', checkpoint: 'step-40' };
      assert.deepEqual(await held(), [hold]);
      // Elsewhere by now, it goes with no rationale that is shown.
      const current = questionSnapshot.current!;
      const rationales = current.rationales.map((each, i) => ({ ...each, id: `step-60/${i}` }));
      await show({ current: { ...current, checkpoint: 'step-60', rationales } });
      await page.locator(`.stray ${field}`).fill(`${typed}, and more`);
      assert.deepEqual(await held(), [hold], 'the run is followed');
    });
  }

  it('reads out once that there are newer rationales, however many updates bring some', async () => {
    const { page } = await open(questionSnapshot);
    const said = () => page.locator('body > [role="status"]').innerText();
    await page.locator('.toggle').nth(1).click();
    await show({ newer: { checkpoint: 'step-41' } });
    assert.equal(await said(), 'There are newer rationales, of step 41.');
    for (const checkpoint of ['step-42', 'step-43']) {
      await show({ newer: { checkpoint } });
      assert.match(await page.locator('.newer').innerText(), new RegExp(checkpoint.replace('-', ' ')));
      assert.equal(await said(), 'There are newer rationales, of step 41.');
      assert.equal(await page.locator('main').getByRole('status').count(), 0, 'nor does the bar by itself');
    }
    await show({});
    await show({ newer: { checkpoint: 'step-44' } });
    assert.equal(await said(), 'There are newer rationales, of step 44.');
  });

  it('samples again with checked settings', async () => {
    const { page } = await open(questionSnapshot);
    await page.getByRole('button', { name: 'Sample again' }).click();
    const form = page.locator('form.sampling-form');
    const k = form.locator('vscode-text-field').first().locator('input');
    await k.fill('1');
    assert.match(await form.getByRole('alert').innerText(), /from 2 to 64/);
    await k.press('Enter');
    assert.equal((await panel.posted()).length, 1, 'nothing is sent while a field is wrong');
    await k.fill('4');
    await k.press('Enter');
    assert.deepEqual((await panel.posted()).at(-1), {
      type: 'sample',
      rowKey: questionSnapshot.rowKey,
      checkpoint: 'step-40',
      settings: { k: 4, temperature: 1, seed: 8 },
    });
  });

  it('proposes what was drawn last with the next random numbers, and the settings where nothing was', async () => {
    const proposed = async (shown: Partial<RationaleQuestion>, name: string): Promise<string[]> => {
      const { page } = await open({ ...questionSnapshot, ...shown });
      await page.getByRole('button', { name, exact: true }).click();
      const fields = page.locator('form.sampling-form vscode-text-field input');
      return await Promise.all((await fields.all()).map((field) => field.inputValue()));
    };
    const current = questionSnapshot.current!;
    const asked = {
      ...current,
      temperature: 0.7,
      rationales: current.rationales.slice(0, 4).map((each) => ({ ...each, seed: 11, origin: 'sampled' as const })),
    };
    assert.deepEqual(await proposed({ current: null, comparison: null }, 'Sample rationales'), ['8', '1', '7']);
    assert.deepEqual(await proposed({ current: asked, discardable: true }, 'Sample again'), ['4', '0.7', '12']);
    assert.deepEqual(
      await proposed({}, 'Sample again'),
      ['8', '1', '8'],
      'what a run sampled is not what was asked for',
    );
  });

  it('samples under all strategies, one of them or none', async () => {
    const { page } = await open(strategiesSnapshot);
    await page.getByRole('button', { name: 'Sample again' }).click();
    const form = page.locator('form.sampling-form');
    const sampleAs = async (choice: string | null): Promise<unknown> => {
      if (choice !== null) {
        await form.locator('vscode-dropdown').click();
        await form.locator('vscode-option', { hasText: choice }).click();
      }
      await form.getByRole('button', { name: 'Sample', exact: true }).click();
      const { settings } = (await panel.posted()).at(-1) as { settings: { strategy?: unknown } };
      await page.getByRole('button', { name: 'Sample again' }).click();
      return settings.strategy;
    };
    assert.equal(await sampleAs(null), 'all');
    assert.equal(await sampleAs('<think2>'), 2);
    assert.equal(await sampleAs('none'), 'none');
    await panel.send({ type: 'snapshot', snapshot: questionSnapshot });
    await page.getByRole('button', { name: 'Sample again' }).click();
    assert.equal(await form.locator('vscode-dropdown').count(), 0, 'a run without strategies has nothing to choose');
  });

  it('switches weights and comparison', async () => {
    const { page } = await open(questionSnapshot);
    await page.locator('vscode-dropdown').first().click();
    await page.locator('vscode-option', { hasText: 'step 20' }).first().click();
    assert.deepEqual((await panel.posted()).at(-1), {
      type: 'choose-checkpoint',
      rowKey: questionSnapshot.rowKey,
      checkpoint: 'step-20',
    });
    await page.locator('vscode-dropdown').nth(1).click();
    await page.locator('vscode-dropdown').nth(1).locator('vscode-option', { hasText: 'nothing' }).click();
    assert.deepEqual((await panel.posted()).at(-1), {
      type: 'choose-comparison',
      rowKey: questionSnapshot.rowKey,
      checkpoint: null,
    });
  });
});
