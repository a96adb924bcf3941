/** The dashboard's curves and the tables behind them, in Chromium: each against the figures of the fixture's own log. */
import assert from 'node:assert/strict';
import type { StepMetrics } from '../../src/protocol/records.ts';
import { compact } from '../../webview/format.ts';
import { trainingSnapshot } from './fixtures/run_events.ts';
import { PanelUnderTest } from './panel_under_test.ts';

/** As the panel writes them, in the minus signs and spaces of this file. */
const plain = (text: string): string => text.replaceAll('−', '-').replaceAll(/\s+/g, ' ').trim();

const measured = trainingSnapshot.events.flatMap((event) => (event.type === 'step' ? [event.metrics] : []));
const ofSteps = (read: (metrics: StepMetrics) => number) =>
  measured.map((metrics) => ({ step: metrics.step, value: read(metrics) }));
const accuracies = trainingSnapshot.events.flatMap((event) =>
  event.type === 'evaluation'
    ? [{ step: Number(event.summary.checkpoint.replace(/^base$|^step-/, '')), value: event.summary.greedyAccuracy }]
    : [],
);
const short = (value: number): string => plain(compact(value));

/** What the fixture says of each curve, in the order of the cards. */
const figures: readonly {
  readonly title: string;
  readonly values: readonly { readonly step: number; readonly value: number }[];
  readonly written: (value: number) => string;
}[] = [
  { title: 'Reward', values: ofSteps((m) => m.meanReward), written: short },
  { title: 'Validation accuracy', values: accuracies, written: (value) => `${(100 * value).toFixed(1)} %` },
  { title: 'KL to the reference', values: ofSteps((m) => m.meanKl), written: short },
  { title: 'Advantage spread', values: ofSteps((m) => m.advantageSpread), written: short },
  {
    title: 'Rationale length',
    values: ofSteps((m) => m.meanRationaleTokens),
    written: (value) => `${short(value)} tokens`,
  },
  {
    title: 'Finished share',
    values: ofSteps((m) => m.finishedShare),
    written: (value) => `${(100 * value).toFixed(0)} %`,
  },
  { title: 'Loss', values: ofSteps((m) => m.loss), written: short },
  { title: 'Gradient norm', values: ofSteps((m) => m.gradientNorm), written: short },
  { title: 'Memory', values: ofSteps((m) => m.residentMegabytes), written: (value) => `${short(value)} MB` },
];

/** Where uPlot puts its point on each curve, and what the curve says of it. */
const pointsOf = `[...document.querySelectorAll('.card')].map((card) => {
  const point = card.querySelector('.u-cursor-pt').getBoundingClientRect();
  return { at: card.querySelector('[role=slider]').getAttribute('aria-valuetext'), y: point.top + point.height / 2 - card.querySelector('.u-over').getBoundingClientRect().top };
})`;

describe('run dashboard: curves', function () {
  this.timeout(60_000);
  const panel = new PanelUnderTest();
  beforeEach(async () => {
    await panel.open('dashboard_panel', { snapshot: trainingSnapshot, width: 1100 });
  });

  it('draws a curve for every figure, and each has the same values in its table', async () => {
    const { page } = panel;
    assert.equal(await page.locator('.card canvas').count(), figures.length);
    const titles = await page.locator('.card h3').allInnerTexts();
    assert.deepEqual(
      titles,
      figures.map(({ title }) => title),
    );
    for (const toggle of await page.locator('.table-toggle').all()) await toggle.click();
    assert.equal(await page.locator('.card canvas').count(), 0);
    for (const [i, { title, values, written }] of figures.entries()) {
      const card = page.locator('.card').nth(i);
      assert.deepEqual((await card.locator('thead th').allInnerTexts()).map(plain), ['step', title]);
      const rows = await page.evaluate<string[][]>(
        `[...[...document.querySelectorAll('.card')][${i}].querySelectorAll('tbody tr')].map((row) =>
          [row.querySelector('th button').textContent, row.querySelector('td').textContent])`,
      );
      assert.deepEqual(
        rows.map((row) => row.map(plain)),
        values.map(({ step, value }) => [String(step), written(value)]),
        title,
      );
      assert.equal(plain(await card.locator('.reading').innerText()), written(values.at(-1)!.value), title);
    }
    await page.locator('.card').first().getByRole('button', { name: '12', exact: true }).click();
    assert.deepEqual((await panel.posted()).at(-1), { type: 'open-step', runId: 'test-run-3', step: 12 });
  });

  it('draws each curve under its own title: at every step as high as the figure is there', async () => {
    const { page } = panel;
    await page.getByRole('slider', { name: 'Reward' }).focus();
    await page.keyboard.press('Home');
    const points: { at: string; y: number }[][] = figures.map(() => []);
    for (let step = 1; step <= 43; step++) {
      const drawn = await page.evaluate<{ at: string; y: number }[]>(pointsOf);
      for (const [i, point] of drawn.entries()) points[i]!.push(point);
      await page.keyboard.press('ArrowRight');
    }
    for (const [i, { title, values, written }] of figures.entries()) {
      const at = points[i]!.map((point) => {
        const [, step, reading] = /^step (\d+): (.+)$/.exec(plain(point.at))!;
        const { value } = values.find((each) => each.step === Number(step))!;
        assert.equal(reading, written(value), `${title} at step ${step}`);
        return { y: point.y, value };
      });
      assert.ok(new Set(at.map(({ value }) => value)).size >= Math.min(4, values.length), title);
      // The scale from the curve's own lowest and highest point: those between lie on the straight line through them.
      const rising = at.toSorted((a, b) => a.value - b.value);
      const [low, high] = [rising[0]!, rising.at(-1)!];
      assert.ok(low.y - high.y > 20, `${title}: ${low.y} to ${high.y}`);
      for (const { y, value } of at) {
        const expected = low.y + ((value - low.value) / (high.value - low.value)) * (high.y - low.y);
        assert.ok(Math.abs(y - expected) < 1.5, `${title}: ${value} at ${y} for ${expected}`);
      }
    }
  });
});
