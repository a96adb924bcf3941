/** The accuracy diff in Chromium. */
import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import { comparedRows, comparisonSnapshot } from './fixtures/comparison.ts';
import { type OpenPanel, rulesFor, themeNames } from './harness.ts';
import { PanelUnderTest } from './panel_under_test.ts';

const detailOf = (rowKey: string): unknown => {
  const pair = comparedRows.find(({ before }) => before.rowKey === rowKey)!;
  return { type: 'question', id: rowKey, before: pair.before, after: pair.after };
};
const broken = comparisonSnapshot.questions.filter((q) => q.before.correct && !q.after.correct);

describe('accuracy diff', function () {
  this.timeout(60_000);
  const panel = new PanelUnderTest();

  const open = async (options: { state?: unknown; width?: number; height?: number } = {}): Promise<OpenPanel> => {
    return await panel.open('accuracy_panel', { snapshot: comparisonSnapshot, width: 1100, ...options });
  };

  it('stays within its size budget', () => {
    const bytes = Buffer.byteLength(panel.bundle('accuracy_panel'));
    assert.ok(bytes > 0 && bytes <= 300_000, `${bytes} bytes`);
  });

  for (const theme of themeNames) {
    it(`has no serious accessibility violation in any state, ${theme}`, async () => {
      const rules = rulesFor(theme);
      await panel.open('accuracy_panel', { theme, width: 1100, height: 900 });
      const failure = {
        code: 'bad-request',
        reason: 'The evaluation "after" has no rows.',
        nextStep: 'Evaluate again.',
        actions: ['evaluate'],
      };
      for (const [name, snapshot] of Object.entries({
        loading: { kind: 'loading', what: 'Pairing questions…' },
        failed: { kind: 'failed', failure },
        comparison: comparisonSnapshot,
        'with-failure': { ...comparisonSnapshot, failure, onlyBefore: 3, differences: ['K: 4 → 8', 'another prompt'] },
      })) {
        await panel.send({ type: 'snapshot', snapshot });
        if (name === 'comparison') {
          await panel.page.getByRole('button', { name: /^Broken/ }).click();
          const first = panel.page.locator('.question .toggle').first();
          await first.click();
          const { id: rowKey } = (await panel.posted()).at(-1) as { id: string };
          await panel.send(detailOf(rowKey));
        }
        assert.deepEqual(await panel.seriousViolations(rules), [], name);
        await panel.picture(`accuracy-${name}-${theme}`);
      }
    });
  }

  it('says how sure the difference is, never a bare percentage', async () => {
    const { page } = await open();
    const text = await page.locator('.summary').innerText();
    const { paired } = comparisonSnapshot;
    for (const part of [/% → .*%/, /95 % interval \+[\d.]+ … \+[\d.]+/, /exact McNemar p = \d\.\d·10⁻[⁰¹²³⁴⁵⁶⁷⁸⁹]+/])
      assert.match(text, part);
    const cells = await page.locator('.outcomes tbody td .count').allInnerTexts();
    assert.deepEqual(cells.map(Number), [paired.bothRight, paired.broken, paired.fixed, paired.bothWrong]);
  });

  it('tells the change between the figures that are read, to their last digit', async () => {
    const figure = (text: string): number => Number(text.replace('−', '-').replace(/[%+]/g, ''));
    // Of each pair the exact change rounds to another last digit than the change of what is shown.
    const side = (greedy: number, bare: number, length: number, sampled: number) => ({
      meanAnswerLogProbGreedy: greedy,
      meanAnswerLogProbWithoutRationale: bare,
      meanRationaleTokens: length,
      sampledAccuracy: sampled,
    });
    const { before, after } = comparisonSnapshot;
    const { page } = await open();
    await panel.send({
      type: 'snapshot',
      snapshot: {
        ...comparisonSnapshot,
        before: { ...before, ...side(-3.444, -1.006, 10.04, 0.1004) },
        after: { ...after, ...side(-0.336, -1.014, 12.16, 0.2016) },
      },
    });
    const rows = await page.locator('.metrics tbody tr').all();
    const shown = await Promise.all(rows.map(async (row) => (await row.locator('td').allInnerTexts()).map(figure)));
    assert.ok(shown.length >= 6);
    for (const [from, to, change] of shown as [number, number, number][])
      assert.equal(change.toFixed(2), (to - from).toFixed(2), `${from} → ${to}`);
    assert.ok(shown.some(([from, to, change]) => from === -3.44 && to === -0.34 && change === 3.1));
    assert.notEqual((-0.336 + 3.444).toFixed(2), '3.10');
  });

  it('counts the votes of the evaluations that have samples, and says nothing of votes where there are none', async () => {
    const { before, after } = comparisonSnapshot;
    const greedyAlone = { k: 0, majorityAccuracy: null, passAtK: null, sampledAccuracy: null };
    const { page } = await open();
    const measures = async (change: { before?: object; after?: object }): Promise<string[]> => {
      const snapshot = {
        ...comparisonSnapshot,
        before: { ...before, ...change.before },
        after: { ...after, ...change.after },
      };
      await panel.send({ type: 'snapshot', snapshot });
      const heads = await page.locator('.metrics tbody th').allInnerTexts();
      return heads.filter((head) => /@/.test(head));
    };
    assert.deepEqual(await measures({ before: { k: 4 }, after: { k: 8 } }), ['maj@4 → 8', 'pass@4 → 8']);
    assert.deepEqual(await measures({ before: { k: 8 }, after: { k: 8 } }), ['maj@8', 'pass@8']);
    assert.deepEqual(await measures({ before: greedyAlone, after: { k: 8 } }), ['maj@8', 'pass@8']);
    assert.deepEqual(await measures({ before: greedyAlone, after: greedyAlone }), []);
    await measures({ before: greedyAlone, after: { k: 8 } });
    await page.locator('.metrics').getByText('maj@8').hover();
    const bubble = page.getByRole('tooltip');
    await bubble.waitFor();
    const tip = await bubble.innerText();
    assert.match(tip, /\b8\b/);
    assert.doesNotMatch(tip, /\b0\b/);
  });

  it('filters by outcome, change and text, and exports what is listed', async () => {
    const { page } = await open();
    const rows = page.locator('tbody.question');
    await page.getByRole('button', { name: /^Broken/ }).click();
    assert.equal(await rows.count(), broken.length);
    await page.getByRole('button', { name: 'CSV' }).click();
    const sent = (await panel.posted()).at(-1) as { format: string; ids: string[]; filters: string[] };
    assert.equal(sent.format, 'csv');
    assert.deepEqual(sent.filters, ['Broken']);
    assert.deepEqual([...sent.ids].sort(), broken.map((q) => q.rowKey).sort());
    await page.getByRole('button', { name: /^All/ }).click();
    await page.locator('vscode-text-field input').fill('LENA READS');
    assert.ok((await rows.count()) > 0);
    for (const text of await page.locator('.question-text').allInnerTexts()) assert.match(text, /^Lena reads/);
    await page.locator('vscode-text-field input').fill('nobody asks this');
    assert.equal(await page.getByText('No question fits these filters.').isVisible(), true);
    await page.locator('vscode-text-field input').fill('');
    await page.getByRole('combobox').click();
    await page.locator('vscode-option', { hasText: 'log p fell' }).click();
    const fell = comparisonSnapshot.questions.filter((q) => q.after.answerLogProb < q.before.answerLogProb).length;
    assert.match(await page.locator('.count-line').innerText(), new RegExp(`^${fell} of 240`));
  });

  it('shows a batch at a time and more on request', async () => {
    const { page } = await open();
    assert.equal(await page.locator('tbody.question').count(), 200);
    await page.getByRole('button', { name: 'Show more (40 left)' }).click();
    assert.equal(await page.locator('tbody.question').count(), 240);
  });

  it('opens a question by keyboard, asks for its texts once, and puts them side by side', async () => {
    const { page } = await open();
    const first = page.locator('.question .toggle').first();
    await first.focus();
    await page.keyboard.press('Enter');
    const asked = (await panel.posted()).at(-1) as { type: string; id: string };
    assert.equal(asked.type, 'show-question');
    await panel.send(detailOf(asked.id));
    const sides = page.locator('.side .text');
    const pair = comparedRows.find(({ before }) => before.rowKey === asked.id)!;
    assert.deepEqual(await sides.allInnerTexts(), [pair.before.greedy.text, pair.after.greedy.text]);
    assert.ok((await page.locator('.side del').count()) > 0 && (await page.locator('.side ins').count()) > 0);
    await page.getByRole('button', { name: 'Go to this row in the dataset' }).click();
    assert.deepEqual((await panel.posted()).at(-1), { type: 'open-row', rowKey: asked.id, line: pair.before.line });
    await first.click();
    await first.click();
    assert.equal((await panel.posted()).filter((intent) => intent.type === 'show-question').length, 1);
  });

  it('sorts by log p and remembers the view', async () => {
    const { page } = await open();
    await page.getByRole('button', { name: 'log p after' }).click();
    const column = (await page.locator('tbody.question tr:first-child td:nth-child(7)').allInnerTexts()).map((text) =>
      Number(text.replace('−', '-')),
    );
    assert.deepEqual(
      column,
      column.toSorted((a, b) => a - b),
    );
    const saved = await page.evaluate('window.saved');
    await panel.close();
    const again = await open({ state: saved });
    assert.equal(await again.page.locator('th[aria-sort]').innerText(), 'log p after');
  });

  it('comes back as it was left: filters, order, opened questions and what they say', async () => {
    const { page } = await open();
    await page.getByRole('button', { name: /^Broken/ }).click();
    await page.getByRole('button', { name: 'log p before' }).click();
    const last = page.locator('tbody.question').last();
    await last.locator('.toggle').click();
    const rowKey = (await last.getAttribute('data-row'))!;
    const state = await page.evaluate('window.saved');
    await panel.close();
    const again = await open({ state, height: 500 });
    const row = again.page.locator('tbody.question.open');
    assert.equal(await again.page.locator('tbody.question').count(), broken.length);
    assert.equal(await again.page.locator('th[aria-sort]').innerText(), 'log p before');
    assert.equal(await row.getAttribute('data-row'), rowKey);
    assert.deepEqual((await panel.posted()).at(-1), { type: 'show-question', id: rowKey });
    await panel.send(detailOf(rowKey));
    assert.equal(await row.locator('.side .text').count(), 2);
    const { top, bottom } = await row.evaluate((element) => element.getBoundingClientRect().toJSON());
    assert.ok(top < 500 && bottom > 0, `the opened question is in view: ${top} to ${bottom}`);
  });

  for (const [what, change] of [
    ['other filters', (page) => page.getByRole('button', { name: /^All/ }).click()],
    ['more questions', (page) => page.getByRole('button', { name: /^Show more/ }).click()],
    ['another question', (page) => page.locator('.question .toggle').nth(1).click()],
  ] satisfies [string, (page: Page) => Promise<void>][]) {
    it(`brings an opened question that is not listed on return into view at no later time, with ${what}`, async () => {
      const { page } = await open();
      await page.getByRole('button', { name: 'line', exact: true }).click();
      await page.getByRole('button', { name: 'Show more (40 left)' }).click();
      const last = page.locator('tbody.question').last();
      await last.locator('.toggle').click();
      const rowKey = (await last.getAttribute('data-row'))!;
      const saved = (await page.evaluate('window.saved')) as { list: object };
      await panel.close();
      const list = what === 'other filters' ? { ...saved.list, text: 'nobody asks this' } : saved.list;
      const again = await open({ state: { ...saved, list, shown: 200 }, height: 500 });
      await panel.send(detailOf(rowKey));
      assert.equal(await again.page.locator('tbody.question.open').count(), 0, 'it is not listed');
      await again.page.evaluate(`document.querySelector('.buttons').scrollIntoView()`);
      if (what === 'other filters') await again.page.locator('vscode-text-field input').fill('');
      await change(again.page);
      const more = again.page.getByRole('button', { name: /^Show more/ });
      if (await more.count()) await more.click();
      await panel.send(detailOf(rowKey));
      const { top } = await again.page
        .locator(`tbody[data-row="${rowKey}"]`)
        .evaluate((element) => element.getBoundingClientRect().toJSON());
      assert.ok(top > 500, `it stays where it is: ${top}`);
    });
  }

  it('takes new figures of the same pair in place: what is open stays open, and nothing scrolls', async () => {
    const { page } = await open({ height: 500 });
    const last = page.locator('tbody.question').last();
    await last.locator('.toggle').click();
    const rowKey = (await last.getAttribute('data-row'))!;
    await panel.send(detailOf(rowKey));
    await page.evaluate('scrollTo(0, 0)');
    const paired = { ...comparisonSnapshot.paired, fixed: 77 };
    await panel.send({ type: 'snapshot', snapshot: { ...comparisonSnapshot, paired } });
    assert.ok((await page.locator('.outcomes tbody td .count').allInnerTexts()).includes('77'));
    assert.equal(await last.locator('.side .text').count(), 2, 'its texts stay until the new ones are there');
    assert.deepEqual((await panel.posted()).at(-1), { type: 'show-question', id: rowKey });
    const { before, after } = comparedRows.find((row) => row.before.rowKey === rowKey)!;
    const anew = { ...after, greedy: { ...after.greedy, text: 'Another thought.' } };
    await panel.send({ type: 'question', id: rowKey, before, after: anew });
    assert.equal(await last.locator('.side .text').nth(1).innerText(), 'Another thought.');
    assert.equal(await page.evaluate('scrollY'), 0);
  });

  it('forgets opened questions when another pair comes, and keeps them when the two are swapped', async () => {
    const { page } = await open();
    await page.getByRole('button', { name: 'line', exact: true }).click();
    await page.locator('.question .toggle').first().click();
    const { id: rowKey } = (await panel.posted()).at(-1) as { id: string };
    const { labels, before, after, paired, questions } = comparisonSnapshot;
    const swapped = {
      ...comparisonSnapshot,
      labels: { before: labels.after, after: labels.before },
      before: after,
      after: before,
      paired: { ...paired, fixed: paired.broken, broken: paired.fixed, difference: -paired.difference },
      questions: questions.map((q) => ({ ...q, before: q.after, after: q.before })),
    };
    await panel.send({ type: 'snapshot', snapshot: { kind: 'loading', what: '' } });
    await panel.send({ type: 'snapshot', snapshot: swapped });
    assert.equal(await page.locator('h1 .pair').innerText(), 'step 40 → base');
    assert.equal(await page.locator('tbody.question.open').getAttribute('data-row'), rowKey);
    assert.equal((await panel.posted()).filter(({ type }) => type === 'show-question').length, 2, 'asked anew');
    await panel.send({ type: 'snapshot', snapshot: { ...comparisonSnapshot, run: 'another run' } });
    assert.equal(await page.locator('tbody.question.open').count(), 0);
  });

  it('opens one of two equal rows, with its own texts, and exports both by what tells them apart', async () => {
    const { page } = await open();
    const [first, second] = comparisonSnapshot.questions;
    const equal = { ...second!, id: `${first!.id} 2`, rowKey: first!.rowKey };
    await panel.send({ type: 'snapshot', snapshot: { ...comparisonSnapshot, questions: [first!, equal] } });
    await page.locator(`tbody[data-row="${equal.id}"] .toggle`).click();
    assert.deepEqual((await panel.posted()).at(-1), { type: 'show-question', id: equal.id });
    assert.equal(await page.locator('tbody.question.open').count(), 1);
    await page.getByRole('button', { name: 'CSV' }).click();
    const { ids, filters } = (await panel.posted()).at(-1) as { ids: string[]; filters: string[] };
    assert.deepEqual([ids.toSorted(), filters], [[first!.id, equal.id].toSorted(), []]);
  });

  it('shows as change what the figures beside it differ by, and names outcomes as the filters do', async () => {
    const { page } = await open();
    const [first] = comparisonSnapshot.questions;
    const question = {
      ...first!,
      before: { ...first!.before, answerLogProb: -5.9451 },
      after: { ...first!.after, answerLogProb: -8.4049 },
    };
    await panel.send({ type: 'snapshot', snapshot: { ...comparisonSnapshot, questions: [question] } });
    const cells = await page.locator('tbody.question tr:first-child td.number').allInnerTexts();
    const [before, after, change] = cells.slice(-3).map((text) => text.trim());
    assert.deepEqual([before, after, change], ['−5.95', '−8.40', '−2.45']);
    const outcomes = await page.locator('.outcomes tbody').innerText();
    assert.match(outcomes, /Still right[\s\S]*Still wrong/);
  });

  it('shows texts that run right to left, turn their neighbours round or never end, each in its place', async () => {
    const { page } = await open({ width: 700 });
    const [pair] = comparedRows;
    const endless = 'x'.repeat(2000);
    const given = (text: string) => ({ ...pair!.after.greedy, text, extractedAnswer: text });
    const [turned, long] = [given('\u202e12'), given(endless)];
    const [first] = comparisonSnapshot.questions;
    const side = { ...first!.after, extractedAnswer: endless };
    const question = { ...first!, question: endless, goldAnswer: endless, before: side, after: side };
    await panel.send({ type: 'snapshot', snapshot: { ...comparisonSnapshot, questions: [question] } });
    await page.locator('.question .toggle').click();
    const row = { ...pair!.after, greedy: long, samples: [turned, turned, long] };
    await panel.send({ type: 'question', id: question.id, before: row, after: row });
    // As a string: what the loader makes of a function is not known in the page.
    const order = await page.evaluate(`(() => {
      const text = document.querySelector('.vote').lastChild;
      const left = (at) => {
        const range = document.createRange();
        range.setStart(text, at);
        range.setEnd(text, at + 1);
        return range.getBoundingClientRect().left;
      };
      return [text.textContent, left(1) < left(2)];
    })()`);
    assert.deepEqual(order, [' ×2', true]);
    const wide = await page.evaluate(
      `[...document.querySelectorAll('main *')].filter((each) => each.getBoundingClientRect().right > innerWidth && getComputedStyle(each.parentElement).overflow === 'visible').map((each) => each.tagName + '.' + each.className)`,
    );
    assert.deepEqual(wide, [], 'nothing to scroll sideways');
  });

  it('of two runs says which is which, what is left out, and what else differs', async () => {
    const labels = { before: 'step 40 of run a', after: 'step 40 of run b' };
    const differences = ['K: 4 → 8', 'another prompt'];
    const k = { ...comparisonSnapshot.before, k: 4 };
    const snapshot = { ...comparisonSnapshot, run: null, labels, before: k, onlyBefore: 3, onlyAfter: 5, differences };
    const { page } = await panel.open('accuracy_panel', { snapshot, width: 1100 });
    assert.equal(await page.locator('h1 .pair').innerText(), 'step 40 of run a → step 40 of run b');
    const summary = page.locator('.summary');
    const text = await summary.innerText();
    assert.match(text, /240 questions are in both evaluations\. Left out: 3 only before, 5 only after\./);
    assert.match(text, /Not the weights alone differ: K: 4 → 8 · another prompt/);
    assert.match(text, /Of all 240 questions before and all 240 after/);
    assert.match(text, /maj@4 → 8/);
    const { bothRight, broken: lost, questions } = snapshot.paired;
    const was = (((bothRight + lost) / questions) * 100).toFixed(1);
    assert.ok((await summary.locator('.big').innerText()).startsWith(`${was} %`), 'accuracy on the shared questions');
    await page.getByRole('button', { name: 'Choose evaluations…' }).focus();
    await page.keyboard.press('Enter');
    assert.deepEqual((await panel.posted()).at(-1), { type: 'choose' });
  });

  it('fits 400 px', async () => {
    const { page } = await open({ width: 400 });
    assert.ok((await page.evaluate<number>('document.documentElement.scrollWidth')) <= 400);
    await panel.picture('accuracy-narrow-dark');
  });
});
