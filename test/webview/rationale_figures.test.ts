/** What the side panel's figures say of themselves, in Chromium: baselines that are none, KL shares, weights, kept rationales, stages. */
import assert from 'node:assert/strict';
import type { RationaleQuestion } from '../../src/protocol/rationale_messages.ts';
import { significant } from '../../webview/format.ts';
import { checkEquation } from '../support/equations.ts';
import {
  allTokensSnapshot,
  keptSnapshot,
  questionSnapshot,
  strategiesSnapshot,
  unsampledSnapshot,
} from './fixtures/rationales.ts';
import { PanelUnderTest } from './panel_under_test.ts';

describe('rationale panel: figures', function () {
  this.timeout(60_000);
  const panel = new PanelUnderTest();
  const open = async (snapshot: RationaleQuestion, options: { state?: unknown; width?: number } = {}) => {
    return (await panel.open('rationale_panel', { snapshot, ...options })).page;
  };
  const row = (id: string) => panel.page.locator(`tbody[data-rationale="${id}"]`);
  /** What a figure of a row says of itself; columns from 0, after the answer. */
  const tipOf = async (id: string, column: number): Promise<string> => {
    await panel.page.keyboard.press('Escape');
    await row(id).locator('tr.figures td .figure').nth(column).focus();
    // The keyboard has to have been used for a focus to be visible.
    await panel.page.keyboard.press('ArrowLeft');
    await panel.page.keyboard.press('ArrowRight');
    const tip = panel.page.getByRole('tooltip');
    await tip.waitFor();
    return (await tip.innerText()).replaceAll('−', '-');
  };

  it('show a dash where a rationale has no siblings, say why, and compare it with the samples by that name', async () => {
    const page = await open(keptSnapshot);
    const figures = row('edited/0').locator('tr.figures td');
    for (const column of [2, 3]) assert.match(await figures.nth(column).innerText(), /^–/);
    const { rationales } = keptSnapshot.current!;
    const rewards = rationales.slice(0, 4).map(({ record }) => record.reward);
    const mean = rewards.reduce((a, b) => a + b) / 4;
    const edited = rationales[4]!.record;
    for (const column of [2, 3]) {
      const tip = await tipOf('edited/0', column);
      assert.match(tip, /you wrote it, so it has no siblings/);
      assert.match(tip, /not a leave-one-out baseline/);
      assert.doesNotMatch(tip, /Better than its siblings|Worse than/);
      assert.ok(tip.includes((edited.reward - mean).toFixed(3)) && tip.includes('K = 4'), tip);
    }
    const plot = page.locator('.strip-plot');
    assert.equal(await plot.locator('g.advantage').count(), 0, 'no arrow from nowhere');
    assert.match((await plot.getAttribute('aria-label')) ?? '', /no baseline and no advantage/);
    await row('again/0').locator('.toggle').focus();
    assert.equal(await plot.locator('g.advantage').count(), 1);
  });

  it('keep what was pinned earlier apart, with how it was sampled, and out of every count', async () => {
    const page = await open(keptSnapshot);
    assert.equal(await page.locator('.headline strong').first().innerText(), '3 of 4 right');
    const shown = await page.evaluate<string[]>(
      '[...document.querySelectorAll(".rationales tbody")].map((each) => each.dataset.rationale ?? each.className)',
    );
    assert.deepEqual(shown.slice(-2), ['group kept', 'kept/6']);
    const provenance = await row('kept/6').locator('.marks').innerText();
    for (const part of ['sampled at step 33', 'seed 7', 'temperature 1', 'K = 8'])
      assert.ok(provenance.includes(part), provenance);
    assert.match(await tipOf('kept/6', 2), /K = 8/);
    assert.match(await tipOf('again/0', 2), /K = 4/);
    await row('kept/6').locator('.toggle').click();
    assert.match(
      await row('kept/6').locator('.origin').innerText(),
      /^sampled at step 33 · seed 7 · temperature 1 · K = 8 · /,
    );
    await row('kept/6').getByRole('button', { name: 'Open rollout' }).click();
    const { rowKey } = keptSnapshot;
    assert.deepEqual((await panel.posted()).at(-1), { type: 'open-rollout', rowKey, step: 33, sample: 6 });
  });

  it('say which weights a sample on request is of, and that before and after are mean rewards', async () => {
    const page = await open(keptSnapshot);
    await row('again/1').locator('.toggle').click();
    assert.match(await row('again/1').locator('.origin').innerText(), /^weights of step 40 · seed /);
    await panel.send({ type: 'snapshot', snapshot: questionSnapshot });
    assert.match(await page.getByRole('button', { name: /^Before and after/ }).innerText(), /mean reward: /);
  });

  it("say of a run's own rationale at which step it was sampled, and with which seed and temperature", async () => {
    const snapshot = structuredClone(questionSnapshot);
    Object.assign(snapshot.current!, { step: 41, temperature: 0.7 });
    const view = snapshot.current!.rationales[1]!;
    view.seed = 11;
    await open(snapshot);
    await row(view.id).locator('.toggle').click();
    assert.equal(
      await row(view.id).locator('.origin').innerText(),
      `sampled at step 41 · seed 11 · temperature 0.7 · ${view.record.tokens.length} tokens, ended where the answer begins`,
    );
  });

  it('can be given up for what the run itself sampled', async () => {
    const page = await open(keptSnapshot);
    await page.getByRole('button', { name: 'Discard' }).click();
    const { rowKey } = keptSnapshot;
    assert.deepEqual((await panel.posted()).at(-1), { type: 'discard', rowKey, checkpoint: 'step-40' });
    await panel.send({ type: 'snapshot', snapshot: questionSnapshot });
    assert.equal(await page.getByRole('button', { name: 'Discard' }).count(), 0);
  });

  it('never show the formula of the KL share without its numbers', async () => {
    await open(questionSnapshot);
    const { record } = questionSnapshot.current!.rationales[0]!;
    const tip = await tipOf('step-40/0', 1);
    assert.match(tip, /β/);
    for (const value of [
      record.klPenalty.toFixed(3),
      '0.05',
      record.logProb.toFixed(2),
      record.referenceLogProb!.toFixed(2),
    ])
      assert.ok(tip.includes(value), `${value} in ${tip}`);
    // As older records have it: β is that of the set.
    const older = questionSnapshot.current!.rationales.map((view) => {
      const { made: _made, ...without } = view.record;
      return { ...view, record: without };
    });
    const unpenalised = older.map((view) => ({ ...view, record: { ...view.record, klPenalty: 0 } }));
    const set = { ...questionSnapshot.current!, rationales: older };
    const off0 = { ...questionSnapshot, current: { ...set, beta: 0, rationales: unpenalised } };
    await panel.send({ type: 'snapshot', snapshot: off0 });
    const off = await tipOf('step-40/0', 1);
    assert.match(off, /No KL penalty in this set/);
    assert.doesNotMatch(off, /log π/);
    await panel.send({ type: 'snapshot', snapshot: { ...questionSnapshot, current: { ...set, beta: null } } });
    const unknown = await tipOf('step-40/0', 1);
    assert.ok(unknown.includes(record.klPenalty.toFixed(3)), unknown);
    assert.doesNotMatch(unknown, /β · \(/);
  });

  for (const [over, snapshot] of [
    ['answer', questionSnapshot],
    ['answer and template', allTokensSnapshot],
  ] as const)
    it(`are true and of the same tokens wherever they stand, where the reward counts ${over}`, async () => {
      const page = await open(snapshot);
      const { record, id } = snapshot.current!.rationales[0]!;
      const counted = record.answerTokens.filter(({ part }) => over !== 'answer' || part === 'answer');
      const bare = counted.reduce((sum, token) => sum + token.logProbWithoutRationale!, 0);
      for (const column of [0, 1, 2, 3]) {
        const tip = await tipOf(id, column);
        const equation = tip.split('\n').find((line) => /^[-+]?\d.* = /.test(line));
        assert.ok(equation !== undefined && checkEquation(equation.split(',')[0]!).holds, tip);
      }
      const selfReward = await tipOf(id, 0);
      if (over === 'answer') {
        assert.match(selfReward, /Counted are the answer's own tokens/);
        assert.doesNotMatch(selfReward, /\(template\)/);
      } else assert.match(selfReward, /= \S+ \(answer\) \S+ \S+ \(template\)/);
      await page.locator('.mean .figure').focus();
      await page.keyboard.press('Shift+Tab');
      await page.keyboard.press('Tab');
      const tip = page.getByRole('tooltip');
      await tip.waitFor();
      const said = (await tip.innerText()).replaceAll('−', '-');
      assert.ok(said.includes(`log p = ${bare.toFixed(2)}`), said);
      if ((await row(id).getAttribute('class'))?.includes('open') !== true) await row(id).locator('.toggle').click();
      await row(id).locator('.heat').waitFor();
      const uncounted = row(id).locator('.heat-label', { hasText: 'not in the reward' });
      assert.equal(await uncounted.count(), over === 'answer' ? 1 : 0);
    });

  it('draw what every token weighs in the update: sign by the line, size by its width, and in words', async () => {
    const page = await open(keptSnapshot);
    const drawn = async (id: string) => {
      if ((await row(id).getAttribute('class'))?.includes('open') !== true) await row(id).locator('.toggle').click();
      return await page.evaluate<{ style: string; width: number }[]>(
        `[...document.querySelectorAll('tbody[data-rationale="${id}"] .text .token')].map((token) => {
          const { borderTopStyle: style, borderTopWidth: width } = getComputedStyle(token);
          return { style, width: Number.parseFloat(width) };
        })`,
      );
    };
    const records = new Map(keptSnapshot.current!.rationales.map(({ id, record }) => [id, record]));
    const byWeight = ['again/0', 'again/1', 'again/2', 'again/3'].toSorted(
      (a, b) => Math.abs(records.get(b)!.weight!) - Math.abs(records.get(a)!.weight!),
    );
    const widths = [];
    for (const id of byWeight) {
      const { weight, tokens } = records.get(id)!;
      const lines = await drawn(id);
      assert.equal(lines.length, tokens.length);
      for (const { style, width } of lines) {
        assert.equal(style, weight! > 0 ? 'solid' : 'dashed', `${id} with ${weight}`);
        assert.equal(width, lines[0]!.width, 'the same for every token');
      }
      widths.push(lines[0]!.width);
      const said = (await row(id).locator('.weight').innerText()).replaceAll('−', '-');
      assert.ok(
        said.includes(significant(weight!).replaceAll('−', '-')) && said.includes(`${tokens.length} tokens`),
        said,
      );
    }
    assert.deepEqual(
      widths,
      widths.toSorted((a, b) => b - a),
    );
    assert.ok(widths[0]! > widths.at(-1)!, `${widths}`);
    for (const { width, style } of await drawn('edited/0')) assert.equal(style === 'none' ? 0 : width, 0);
    assert.match(await row('edited/0').locator('.weight').innerText(), /no weight in an update/);
    await page.getByRole('button', { name: 'Line above', expanded: false }).focus();
    await page.keyboard.press('Enter');
    const legend = await page.locator('.legend .weights').innerText();
    for (const part of ['solid: more likely', 'dashed: less likely', 'thicker'])
      assert.ok(legend.includes(part), legend);
    // By keyboard: the chip above the text, then each token, say it.
    await row(byWeight[0]!).locator('.weight .figure').focus();
    await page.keyboard.press('Shift+Tab');
    await page.keyboard.press('Tab');
    const tip = page.getByRole('tooltip');
    await tip.waitFor();
    assert.match(await tip.innerText(), /wt = Ak ⁄ \(N·K\)/);
    await page.keyboard.press('Tab');
    assert.match(await tip.innerText(), /Weight in the update: w = /);
  });

  it('sort by the answer, by right and wrong, and by number, each from the first column', async () => {
    const page = await open(questionSnapshot);
    const head = page.locator('thead th').first();
    const answers = () => page.locator('.rationales .toggle .answer').allInnerTexts();
    await head.getByRole('button', { name: 'extracted answer' }).click();
    assert.deepEqual(await answers(), ['6', ...Array(7).fill('9')]);
    assert.equal(await head.getAttribute('aria-sort'), 'ascending');
    await head.getByRole('button', { name: 'extracted answer' }).click();
    assert.equal((await answers()).at(-1), '6');
    await head.getByRole('button', { name: 'right or wrong' }).click();
    await head.getByRole('button', { name: 'right or wrong' }).click();
    assert.equal((await answers())[0], '6', 'wrong ones first');
    await head.getByRole('button', { name: 'sample number' }).click();
    const numbers = await page.locator('.rationales .toggle .number').allInnerTexts();
    assert.deepEqual(numbers.map(Number), [1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('show base, previous checkpoint and current with votes, mean reward, change and the best rationale', async () => {
    const page = await open(questionSnapshot);
    const toggle = page.getByRole('button', { name: /Before and after/ });
    const [base, , current] = questionSnapshot.stages.map(({ figures }) => figures?.meanReward.toFixed(2));
    const course = (await toggle.innerText()).replaceAll('−', '-');
    assert.ok(
      course.endsWith(`mean reward: base ${base} → step 40 ${current}`),
      `${course}: what was sampled, and no dash`,
    );
    await toggle.focus();
    await page.keyboard.press('Enter');
    assert.match(await page.locator('.stage.base').innerText(), /3 of 8 right/);
    assert.match(await page.locator('.stage.base').innerText(), /majority 6/);
    assert.match(await page.locator('.stage.previous').innerText(), /previous checkpoint[\s\S]*not sampled yet/);
    const shown = (await page.locator('.stage.current').innerText()).replaceAll('−', '-');
    assert.match(shown, /7 of 8 right/);
    const gain = (Number(current) - Number(base)).toFixed(2);
    assert.match(shown, new RegExp(`\\+${gain}\\s+against base`), 'what was not sampled between them hides no change');
    const { rowKey } = questionSnapshot;
    await page.locator('.stage.previous').getByRole('button', { name: 'Sample alike' }).click();
    assert.deepEqual((await panel.posted()).at(-1), { type: 'sample-alike', rowKey, checkpoint: 'step-20' });
    assert.equal(await page.locator('.stage.base').getByRole('button', { name: 'Sample alike' }).count(), 0);
    await page.locator('.stage.base').getByRole('button', { name: 'Compare with this' }).click();
    assert.deepEqual((await panel.posted()).at(-1), { type: 'choose-comparison', rowKey, checkpoint: null });

    const sampled = structuredClone(questionSnapshot);
    sampled.stages[1]!.figures = { ...sampled.stages[2]!.figures!, meanReward: -0.75, alike: false };
    await panel.send({ type: 'snapshot', snapshot: sampled });
    const reward = async (role: string) =>
      (await page.locator(`.stage.${role} .number`).innerText()).replaceAll('−', '-');
    const mean = (i: number) => sampled.stages[i]!.figures!.meanReward;
    assert.match(await reward('previous'), new RegExp(`\\+${(mean(1) - mean(0)).toFixed(2)}`), 'against the base');
    assert.ok((await reward('current')).includes((mean(2) - mean(1)).toFixed(2)), 'against the previous checkpoint');
    assert.equal(await page.locator('.stage.previous').getByRole('button', { name: 'Sample alike' }).count(), 1);
    await page.locator('vscode-checkbox').click();
    const best = page.locator('.stage.previous .text');
    assert.ok(
      (await best.locator('del').count()) > 0 && (await best.locator('ins').count()) > 0,
      'a word diff with the base',
    );
    assert.deepEqual(await panel.seriousViolations(), []);
  });

  it('say when what is compared was drawn otherwise, and offer to draw it alike', async () => {
    const page = await open(questionSnapshot);
    assert.equal(await page.locator('.other-draw').count(), 0, 'both with the random numbers of update 41');
    const other = structuredClone(questionSnapshot);
    other.comparison!.temperature = 0.2;
    await panel.send({ type: 'snapshot', snapshot: other });
    await page.getByRole('button', { name: 'Sample base alike' }).click();
    const { rowKey } = questionSnapshot;
    assert.deepEqual((await panel.posted()).at(-1), { type: 'sample-alike', rowKey, checkpoint: 'base' });
  });

  it('name the previous checkpoint among the weights to compare with', async () => {
    const page = await open(questionSnapshot);
    const options = await page.locator('vscode-dropdown').nth(1).locator('vscode-option').allTextContents();
    assert.deepEqual(options, ['nothing', 'base', 'step 20 (previous checkpoint) (not sampled yet)']);
  });

  it('keep drafts, selection, sort and what is open through hiding, a reload, and another question', async () => {
    let page = await open(questionSnapshot);
    const second = row('step-40/1');
    await second.locator('.toggle').click();
    await second.getByRole('button', { name: 'Edit', exact: true }).click();
    await second.locator('vscode-text-area textarea').fill('half an edit');
    await page.getByRole('button', { name: 'Sample again' }).click();
    await page.locator('form.sampling-form vscode-text-field').first().locator('input').fill('17');
    await page.getByRole('button', { name: /Before and after/ }).click();
    await page.getByRole('button', { name: 'tok', exact: true }).click();
    const label = await page.locator('.strip-plot').getAttribute('aria-label');
    const holds = async () => {
      assert.equal(await row('step-40/1').locator('vscode-text-area textarea').inputValue(), 'half an edit');
      const k = page.locator('form.sampling-form vscode-text-field').first().locator('input');
      assert.equal(await k.inputValue(), '17');
      assert.equal(await page.locator('.stage-table').count(), 1);
      assert.equal(await page.locator('th[aria-sort]').innerText(), 'tok');
      assert.equal(await page.locator('.strip-plot').getAttribute('aria-label'), label);
    };
    await holds();
    await panel.send({ type: 'snapshot', snapshot: strategiesSnapshot });
    assert.equal(await page.locator('vscode-text-area, form.sampling-form').count(), 0, 'another question has none');
    await panel.send({ type: 'snapshot', snapshot: unsampledSnapshot });
    await panel.send({ type: 'snapshot', snapshot: questionSnapshot });
    await holds();
    const state = await page.evaluate('window.saved');
    await panel.close();
    page = await open(questionSnapshot, { state });
    await holds();
  });

  it('fit 280 px without scrolling sideways, stages open', async () => {
    const page = await open(keptSnapshot, {
      width: 280,
      state: { sort: { by: 'answer', descending: false }, wordDiff: false, stagesOpen: true },
    });
    assert.ok((await page.evaluate<number>('document.documentElement.scrollWidth')) <= 280);
  });
});
