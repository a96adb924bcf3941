/** The rationale side panel in Chromium: what a person sees, reads out, presses and types; what reaches the host. */
import assert from 'node:assert/strict';
import type { RationaleQuestion } from '../../src/protocol/rationale_messages.ts';
import {
  busySnapshot,
  keptSnapshot,
  questionSnapshot,
  strategiesSnapshot,
  unsampledSnapshot,
} from './fixtures/rationales.ts';
import { type OpenPanel, rulesFor, themeNames } from './harness.ts';
import { PanelUnderTest } from './panel_under_test.ts';

const states: Record<string, unknown> = {
  question: questionSnapshot,
  busy: busySnapshot,
  kept: keptSnapshot,
  strategies: strategiesSnapshot,
  unsampled: unsampledSnapshot,
  'no-model-loaded': { ...unsampledSnapshot, canSample: false },
  loading: { kind: 'loading', what: 'Loading the model…' },
  failed: {
    kind: 'failed',
    failure: {
      code: 'model-damaged',
      reason: 'model.safetensors ends 512 bytes early.',
      nextStep: 'Download the file again.',
      actions: ['choose-model', 'open-log'],
    },
  },
  ...Object.fromEntries(
    ['no-dataset', 'no-row', 'bad-row', 'too-large', 'no-model', 'untrusted'].map((why) => [
      `empty-${why}`,
      { kind: 'empty', why },
    ]),
  ),
};

describe('rationale panel', function () {
  this.timeout(60_000);
  const panel = new PanelUnderTest();

  const open = async (snapshot: unknown, options: { state?: unknown; width?: number } = {}): Promise<OpenPanel> => {
    return await panel.open('rationale_panel', { snapshot, ...options });
  };

  it('stays within its size budget', () => {
    const bytes = Buffer.byteLength(panel.bundle('rationale_panel'));
    assert.ok(bytes > 0 && bytes <= 300_000, `${bytes} bytes`);
  });

  for (const theme of themeNames) {
    it(`has no serious accessibility violation in any state, ${theme}`, async () => {
      const rules = rulesFor(theme);
      await panel.open('rationale_panel', { theme });
      for (const [name, snapshot] of Object.entries(states)) {
        await panel.send({ type: 'snapshot', snapshot });
        assert.deepEqual(await panel.seriousViolations(rules), [], name);
        await panel.picture(`rationale-${name}-${theme}`);
      }
    });
  }

  it('says ready first, then shows every rationale with its figures, best self-reward first', async () => {
    const { page } = await open(questionSnapshot);
    assert.deepEqual((await panel.posted())[0], { type: 'ready' });
    const rows = page.locator('tbody.rationale');
    const records = questionSnapshot.current!.rationales.map((rationale) => rationale.record);
    assert.equal(await rows.count(), records.length);
    const best = records.toSorted((a, b) => b.selfReward - a.selfReward)[0]!;
    const figures = (await rows.first().locator('tr.figures').innerText()).replaceAll('−', '-');
    for (const value of [best.selfReward, best.klPenalty, best.baseline, best.advantage])
      assert.ok(figures.includes(value!.toFixed(2)), `${value!.toFixed(2)} in ${figures}`);
    assert.equal(await page.locator('.headline strong').first().innerText(), '7 of 8 right');
  });

  it('sorts by any column, and says so', async () => {
    const { page } = await open(questionSnapshot);
    const length = page.getByRole('button', { name: 'tok', exact: true });
    await length.click();
    const lengths = await page.locator('tr.figures td:last-child').allInnerTexts();
    const numbers = lengths.map((text) => Number.parseInt(text, 10));
    assert.deepEqual(
      numbers,
      numbers.toSorted((a, b) => b - a),
    );
    assert.equal(await page.locator('th[aria-sort]').getAttribute('aria-sort'), 'descending');
    await length.click();
    assert.equal(await page.locator('th[aria-sort]').getAttribute('aria-sort'), 'ascending');
  });

  it('explains a figure on keyboard focus with its formula and numbers, and Escape takes it away', async () => {
    const { page } = await open(questionSnapshot);
    await page.locator('tr.figures .toggle').first().focus();
    for (let i = 0; i < 4; i++) await page.keyboard.press('ArrowRight');
    const tip = page.getByRole('tooltip');
    await tip.waitFor();
    assert.match(await tip.innerText(), /Advantage\s+Ak = rk − bk/);
    assert.equal(await page.locator(':focus').getAttribute('aria-describedby'), 'tooltip');
    await page.keyboard.press('Escape');
    assert.equal(await tip.isVisible(), false);
    assert.equal(await page.locator(':focus').getAttribute('aria-describedby'), null);
  });

  it('keeps the tooltip while the pointer is on it', async () => {
    const { page } = await open(questionSnapshot);
    await page.locator('tr.figures td').first().locator('button').hover();
    const tip = page.getByRole('tooltip');
    await tip.waitFor();
    await tip.hover();
    await page.waitForTimeout(300);
    assert.equal(await tip.isVisible(), true);
  });

  it('reaches everything by keyboard: rows, tokens, answer tokens, actions', async () => {
    const { page } = await open(questionSnapshot);
    const reached = new Set<string>();
    for (let i = 0; i < 40; i++) {
      await page.keyboard.press('Tab');
      reached.add(await page.evaluate('document.activeElement?.className + " " + document.activeElement?.tagName'));
      if (await page.evaluate('document.activeElement === document.body')) break;
    }
    for (const wanted of [
      'link',
      'VSCODE-DROPDOWN',
      'VSCODE-CHECKBOX',
      'VSCODE-BUTTON',
      'token',
      'cell',
      'action',
      'plain',
    ])
      assert.ok(
        [...reached].some((name) => name.includes(wanted)),
        `${wanted} in ${[...reached].join(' | ')}`,
      );
    await page.locator('tr.figures .toggle').first().focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    assert.equal(await page.locator(':focus').getAttribute('aria-expanded'), 'true');
    assert.equal(await page.locator('tbody.rationale.open').count(), 2);
  });

  it('keeps focus, scroll and half-typed text when a new snapshot arrives', async () => {
    const { page } = await open(questionSnapshot);
    await page.locator('.rationale.open').getByRole('button', { name: 'Note' }).click();
    const field = page.locator('vscode-text-field input');
    await field.fill('half a thou');
    await page.evaluate('window.scrollTo(0, 300)');
    const scrolled = await page.evaluate('window.scrollY');
    const pinned = structuredClone(questionSnapshot);
    pinned.current!.rationales[5]!.pinned = true;
    await panel.send({ type: 'snapshot', snapshot: pinned });
    assert.equal(await page.locator('tbody.rationale').first().getAttribute('data-rationale'), 'step-40/5');
    assert.equal(await field.inputValue(), 'half a thou');
    assert.equal(await page.evaluate('document.activeElement.tagName'), 'VSCODE-TEXT-FIELD');
    assert.equal(await page.evaluate('window.scrollY'), scrolled);
    await page.keyboard.type('ght');
    await page.keyboard.press('Enter');
    const { token, ...sent } = (await panel.posted()).at(-1)!;
    assert.deepEqual(sent, {
      type: 'rate',
      rowKey: questionSnapshot.rowKey,
      rationale: 'step-40/0',
      rating: { note: 'half a thought' },
    });
    await panel.send({ type: 'snapshot', snapshot: { ...pinned, rated: token } });
    assert.equal(await page.locator('.note-form').count(), 0, 'the key that saved it did not open it again');
    assert.equal(await page.evaluate('document.activeElement.textContent.trim()'), 'Note');
  });

  it('groups rationales by strategy, each with a number, a name and a lane, and says which does best here', async () => {
    const { page } = await open(strategiesSnapshot);
    const { rationales } = strategiesSnapshot.current!;
    const mean = (strategy: number): number => {
      const own = rationales.filter(({ record }) => record.strategy === strategy);
      return own.reduce((sum, { record }) => sum + record.selfReward, 0) / own.length;
    };
    const best = [1, 2, 3].toSorted((a, b) => mean(b) - mean(a))[0]!;
    const headings = page.locator('.rationales .group');
    assert.equal(await headings.count(), 3);
    for (const strategy of [1, 2, 3]) {
      const heading = headings.nth(strategy - 1);
      const text = (await heading.innerText()).replaceAll('−', '-');
      assert.match(text, new RegExp(`^${strategy}\\s*<think${strategy}>`));
      assert.ok(text.includes(`mean self-reward ${mean(strategy).toFixed(2)}`), text);
      assert.equal(text.includes('highest mean here'), strategy === best);
    }
    const shown = await page.evaluate<string[]>(
      '[...document.querySelectorAll("tbody.rationale")].map((row) => row.dataset.rationale)',
    );
    const strategyOf = new Map(rationales.map(({ id, record }) => [id, record.strategy!]));
    const order = shown.map((id) => strategyOf.get(id)!);
    assert.deepEqual(
      order,
      order.toSorted((a, b) => a - b),
    );
    assert.deepEqual(await page.locator('.strip-plot .lane').allTextContents(), [
      '<think1>',
      '<think2>',
      '<think3>',
      'base',
    ]);
  });

  it('lets another run be chosen by keyboard where several read the dataset, and is quiet about it where one does', async () => {
    const { run, rowKey } = questionSnapshot;
    const { page } = await open(questionSnapshot);
    const choice = page.getByRole('combobox', { name: 'Run that the rationales are of' });
    assert.equal(await choice.count(), 0);
    assert.equal(await page.locator('.where .run').innerText(), run);
    const two: RationaleQuestion = { ...questionSnapshot, runs: [run!, '20261101-080000-an-older-one'] };
    await panel.send({ type: 'snapshot', snapshot: two });
    assert.equal(await page.locator('.where .run').count(), 0, 'said once');
    assert.deepEqual(await panel.seriousViolations(), []);
    await choice.focus();
    await page.keyboard.press('Enter');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    const chosen = { type: 'choose-run', rowKey, run: '20261101-080000-an-older-one' };
    assert.deepEqual((await panel.posted()).at(-1), chosen);
    assert.equal((await panel.posted()).filter(({ type }) => type === 'choose-run').length, 1);
    const other = '20261101-080000-an-older-one';
    await panel.send({ type: 'snapshot', snapshot: { ...two, run: other } });
    assert.equal(await choice.evaluate((element: { value?: unknown }) => element.value), other);
  });

  it('shows what changed word by word: removals and additions give back both texts', async () => {
    const { page } = await open(questionSnapshot);
    await page.locator('vscode-checkbox').click();
    const text = page.locator('.rationale.open .text');
    const part = async (skip: string): Promise<string> =>
      page.evaluate(`(() => { const p = document.querySelector('.rationale.open .text').cloneNode(true);
        for (const node of p.querySelectorAll('${skip}')) node.remove(); return p.textContent; })()`);
    assert.ok((await text.locator('del').count()) > 0 && (await text.locator('ins').count()) > 0);
    assert.equal(await part('ins'), questionSnapshot.comparison!.rationales[0]!.record.text);
    assert.equal(await part('del'), questionSnapshot.current!.rationales[0]!.record.text);
    await panel.picture('rationale-word-diff-dark');
  });

  it('asks where the answer becomes clear, and shows it once it is known', async () => {
    const { page } = await open(questionSnapshot);
    assert.match(await page.locator('.rationale.open figcaption').innerText(), /Answer clear from “[^”]+”, token \d+/);
    assert.equal(await page.locator('.rationale.open .cell', { hasText: '⟨end⟩' }).count(), 1);
    const last = page.locator('tbody.rationale').nth(6);
    await last.locator('.toggle').click();
    await last.getByRole('button', { name: 'Show where the answer becomes clear' }).click();
    assert.equal((await panel.posted()).at(-1)?.type, 'trace-prefixes');
  });

  it('says no more of where the answer becomes clear than was asked: between which two tokens', async () => {
    const { current } = questionSnapshot;
    const prefixScores = [0, 4, 13].map((tokens) => ({ tokens, logProb: tokens < 13 ? -3 : -0.1 }));
    const rationales = current!.rationales.map((rationale) => ({ ...rationale, prefixScores }));
    const { page } = await open({ ...questionSnapshot, current: { ...current!, rationales } });
    const figure = page.locator('.rationale.open figure.prefix');
    assert.match(await figure.innerText(), /Answer clear by token 13 \(not yet at 4\)/);
    const edge = figure.locator('line.clear').first();
    const between = figure.locator('rect.between');
    assert.equal(await edge.getAttribute('x1'), await between.getAttribute('x'));
    assert.ok(Number(await between.getAttribute('width')) > 0);
    const marked = page.locator('.rationale.open .text .token');
    assert.match((await marked.nth(4).getAttribute('class')) ?? '', /clear-after/);
    assert.match((await marked.nth(12).getAttribute('class')) ?? '', /clear-by/);
  });

  it('shows hostile text as text', async () => {
    const hostile = '<img src=x onerror="document.title=1"><b>bold</b>';
    const snapshot: RationaleQuestion = { ...questionSnapshot, question: hostile, goldAnswer: hostile };
    const { page } = await open(snapshot);
    assert.equal(await page.locator('h1').innerText(), hostile);
    assert.equal(await page.locator('main img, main b').count(), 0);
  });

  it('remembers order and word diff, and ignores a state it does not know', async () => {
    const sort = { by: 'length', descending: false };
    let { page } = await open(questionSnapshot, { state: { sort, wordDiff: true } });
    assert.equal(await page.locator('th[aria-sort=ascending]').innerText(), 'tok');
    assert.ok((await page.locator('.rationale ins').count()) > 0);
    await panel.close();
    ({ page } = await open(questionSnapshot, { state: { sort: 'from another version' } }));
    assert.equal(await page.locator('th[aria-sort=descending]').innerText(), 'self-reward');
  });

  it('says, and tells the extension, when they do not understand each other', async () => {
    const { page } = await open(questionSnapshot);
    const first = page.locator('.rationale.open').first();
    await first.getByRole('button', { name: 'Edit', exact: true }).click();
    const area = page.locator('.edit-form textarea');
    await area.fill('my own words');
    const asked = async () => (await panel.posted()).filter(({ type }) => type !== 'misfit');
    const before = await panel.posted();
    for (const [message, what] of [
      [{ type: 'snapshot', snapshot: { ...questionSnapshot, line: 'seventeen' } }, 'snapshot.line: '],
      [{ type: 'explode' }, 'type: '],
      [17, 'message: '],
    ] as const) {
      await panel.send(message);
      const said = await page.getByRole('alert').innerText();
      assert.match(said, /Reload the window/);
      assert.ok(said.includes(what), said);
      const told = (await panel.posted()).at(-1)!;
      assert.equal(told.type, 'misfit');
      assert.ok(String(told.what).startsWith(what) && said.includes(String(told.what)), String(told.what));
      await panel.send({ type: 'snapshot', snapshot: questionSnapshot });
      assert.equal(await page.getByRole('alert').count(), 0);
      assert.equal(await page.locator('tbody.rationale').count(), 8);
      assert.equal(await area.inputValue(), 'my own words');
    }
    assert.deepEqual(await asked(), before, 'nothing was asked of the extension');
    assert.equal((await panel.posted()).length, before.length + 3, 'each was told of once');
    await page.locator('.edit-form').getByRole('button', { name: 'Score again' }).click();
    assert.equal((await panel.posted()).at(-1)?.text, 'my own words');
  });

  it('shows texts in the language the host sends', async () => {
    const { page } = await open(questionSnapshot);
    await panel.send({ type: 'strings', locale: 'ja', strings: { 'rationale.gold': '正解' } });
    assert.match(await page.locator('.gold').innerText(), /^正解 9$/);
    assert.equal(await page.locator('html').getAttribute('lang'), 'ja');
  });

  it('fits 280 px without scrolling sideways', async () => {
    const { page } = await open(busySnapshot, { width: 280 });
    assert.ok((await page.evaluate<number>('document.documentElement.scrollWidth')) <= 280);
  });
});
