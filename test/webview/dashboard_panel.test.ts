/** The run dashboard in Chromium. */
import assert from 'node:assert/strict';
import type { DashboardRun } from '../../src/protocol/panel_messages.ts';
import {
  finishedSnapshot,
  interruptedSnapshot,
  strategySnapshot,
  trainingSnapshot,
  youngSnapshot,
} from './fixtures/run_events.ts';
import { type OpenPanel, rulesFor, themeNames } from './harness.ts';
import { PanelUnderTest } from './panel_under_test.ts';

const states: Record<string, unknown> = {
  training: trainingSnapshot,
  young: youngSnapshot,
  interrupted: interruptedSnapshot,
  finished: finishedSnapshot,
  strategies: strategySnapshot,
  paused: { ...trainingSnapshot, status: 'paused', controls: ['continue', 'stop', 'roll-back', 'export'] },
  loading: { kind: 'loading', what: 'Reading the run…' },
  failed: {
    kind: 'failed',
    failure: {
      code: 'run-damaged',
      reason: 'run.json is not valid JSON.',
      nextStep: 'Restore it from a copy.',
      actions: ['open-log', 'retry'],
    },
  },
};

describe('run dashboard', function () {
  this.timeout(60_000);
  const panel = new PanelUnderTest();

  const open = async (snapshot: unknown, options: { state?: unknown; width?: number } = {}): Promise<OpenPanel> => {
    return await panel.open('dashboard_panel', { snapshot, width: 1100, ...options });
  };

  it('stays within its size budget', () => {
    const bytes = Buffer.byteLength(panel.bundle('dashboard_panel'));
    assert.ok(bytes > 0 && bytes <= 300_000, `${bytes} bytes`);
  });

  for (const theme of themeNames) {
    it(`has no serious accessibility violation in any state, ${theme}`, async () => {
      const rules = rulesFor(theme);
      await panel.open('dashboard_panel', { theme, width: 1100 });
      for (const [name, snapshot] of Object.entries(states)) {
        await panel.send({ type: 'snapshot', snapshot });
        assert.deepEqual(await panel.seriousViolations(rules), [], name);
        await panel.picture(`dashboard-${name}-${theme}`);
      }
      await panel.send({ type: 'snapshot', snapshot: trainingSnapshot });
      await panel.page.locator('.table-toggle').first().click();
      assert.deepEqual(await panel.seriousViolations(rules), [], 'table');
      await panel.send({ type: 'snapshot', snapshot: finishedSnapshot });
      for (const name of ['Roll back…', 'Export…']) {
        await panel.page.getByRole('button', { name, exact: true }).click();
        assert.equal(await panel.page.locator('.form').count(), 1, name);
        assert.deepEqual(await panel.seriousViolations(rules), [], name);
      }
    });
  }

  it('shows phase, progress, rate and time left', async () => {
    const { page } = await open(trainingSnapshot);
    assert.equal(await page.locator('[aria-current=step]').innerText(), 'Train');
    assert.match(
      await page.locator('.progress').innerText(),
      /2 min 59 s left\s*update 43 of 60 · 7\.4 updates\/min · 6 min 35 s elapsed/,
    );
    assert.equal(await page.getByRole('progressbar').getAttribute('aria-valuenow'), '43');
    assert.match(await page.getByRole('status').innerText(), /Train, running, 70 %/);
  });

  it('tells when it began in the language the host sends', async () => {
    const { page } = await open(trainingSnapshot);
    await panel.send({ type: 'strings', locale: 'ja', strings: { 'dashboard.started': '開始 {0}' } });
    assert.match(await page.locator('header .dim').first().innerText(), /開始 2026\/\d\d\/\d\d \d+:\d\d$/);
  });

  it('walks a curve by keyboard and opens the step', async () => {
    const { page } = await open(trainingSnapshot);
    const curve = page.getByRole('slider', { name: 'Reward' });
    await curve.focus();
    await page.keyboard.press('Home');
    await page.keyboard.press('ArrowRight');
    assert.match((await curve.getAttribute('aria-valuetext')) ?? '', /^step 2: −/);
    assert.match(
      await page.locator('section.card', { has: page.getByRole('slider', { name: 'Loss' }) }).innerText(),
      /step 2/,
    );
    await page.keyboard.press('Enter');
    assert.deepEqual((await panel.posted()).at(-1), { type: 'open-step', runId: 'test-run-3', step: 2 });
  });

  it('opens the step under the pointer', async () => {
    const { page } = await open(trainingSnapshot);
    const over = page.locator('.card').first().locator('.u-over');
    const box = (await over.boundingBox())!;
    await over.click({ position: { x: box.width / 2, y: box.height / 2 } });
    assert.deepEqual((await panel.posted()).at(-1), { type: 'open-step', runId: 'test-run-3', step: 30 });
  });

  it('takes new events in, and asks for a snapshot when some are missing', async () => {
    const { page } = await open(trainingSnapshot);
    const all = finishedSnapshot.events;
    const { kind: _, name: __, model: ___, dataset: ____, startedAt: _____, ...rest } = trainingSnapshot;
    const from = trainingSnapshot.events.length;
    const update = {
      ...rest,
      type: 'update',
      firstEvent: from,
      events: all.slice(from, from + 3),
      progress: { ...rest.progress, done: 46 },
    };
    await panel.send(update);
    assert.match(await page.locator('.progress').innerText(), /update 46 of 60/);
    assert.equal(await page.getByRole('slider', { name: 'Reward' }).getAttribute('aria-valuemax'), '46');
    await panel.send({ ...update, firstEvent: from + 40 });
    assert.deepEqual(
      (await panel.posted()).map((intent) => intent.type),
      ['ready', 'ready'],
    );
  });

  it('offers only the controls that make sense, and sends them', async () => {
    const { page } = await open(trainingSnapshot);
    const press = async (name: string): Promise<unknown> => {
      await page.getByRole('button', { name, exact: true }).click();
      return (await panel.posted()).at(-1);
    };
    assert.equal(await page.getByRole('button', { name: 'Resume' }).count(), 0);
    assert.deepEqual(await press('Pause'), { type: 'pause', runId: 'test-run-3' });
    assert.deepEqual(await press('Stop and save'), { type: 'stop', runId: 'test-run-3' });
    await press('Export…');
    assert.deepEqual(await press('Metrics as CSV'), { type: 'export', runId: 'test-run-3', what: 'metrics-csv' });
    assert.deepEqual(await press('Compare question by question'), {
      type: 'compare',
      runId: 'test-run-3',
      before: 'base-validation',
      after: 'step-000040-validation',
    });
    const paused = { ...trainingSnapshot, status: 'paused', controls: ['continue', 'stop'] } satisfies DashboardRun;
    await panel.send({ type: 'snapshot', snapshot: paused });
    assert.deepEqual(await press('Resume'), { type: 'continue', runId: 'test-run-3' });
    assert.equal(await page.getByRole('button', { name: 'Pause', exact: true }).count(), 0);
    await panel.send({ type: 'snapshot', snapshot: { ...interruptedSnapshot, failure: null } satisfies DashboardRun });
    assert.deepEqual(await press('Resume'), { type: 'resume', runId: 'test-run-3' });
    await press('Roll back…');
    await page.getByRole('combobox').click();
    await page.locator('vscode-option', { hasText: 'step 20' }).click();
    assert.deepEqual(await press('Roll back to step 20'), { type: 'roll-back', runId: 'test-run-3', step: 20 });
  });

  it('keeps the focus on a control that can do nothing any more', async () => {
    const { page } = await open(trainingSnapshot);
    for (const name of ['Stop and save', 'Roll back…', 'Export…']) {
      await panel.send({ type: 'snapshot', snapshot: trainingSnapshot });
      await panel.send({
        type: 'snapshot',
        snapshot: { ...trainingSnapshot, controls: ['pause', 'stop', 'roll-back', 'export'] },
      });
      await page.getByRole('button', { name, exact: true }).focus();
      await panel.send({ type: 'snapshot', snapshot: { ...trainingSnapshot, controls: ['pause'] } });
      assert.equal((await page.locator('vscode-button:focus').innerText()).trim(), name);
      assert.equal(await page.getByRole('button', { name, exact: true, disabled: true }).count(), 1);
      const sent = (await panel.posted()).length;
      await page.keyboard.press('Enter');
      assert.deepEqual([(await panel.posted()).length, await page.locator('.form').count()], [sent, 0]);
    }
  });

  it('says where a health warning began and what cures it', async () => {
    const { page } = await open(trainingSnapshot);
    const health = page.getByRole('region', { name: 'Health' });
    assert.match(await health.innerText(), /1\s+step 36 KL to the reference doubled within 20 updates\. Raise β/);
    await health.getByRole('button', { name: 'step 36' }).click();
    assert.deepEqual((await panel.posted()).at(-1), { type: 'open-step', runId: 'test-run-3', step: 36 });
  });

  it('keeps the marks of warnings that began close together apart, so that each can be pointed at', async () => {
    const steps = trainingSnapshot.events.filter((event) => event.type === 'step').slice(0, 12);
    const short = steps.map((event) => ({ ...event, metrics: { ...event.metrics, totalSteps: 12 } }));
    const health = trainingSnapshot.events.find((event) => event.type === 'health')!;
    const warned = [10, 11, 12, 12, 3].map((step, i) => ({
      ...health,
      step,
      check: `check-${i}`,
      message: `Warning ${i}.`,
    }));
    const { page } = await open({ ...trainingSnapshot, events: short });
    // They come while the dashboard is open: the room above the curve grows.
    await panel.send({ type: 'snapshot', snapshot: { ...trainingSnapshot, events: [...short, ...warned] } });
    for (const width of [1100, 640, 300]) {
      await page.setViewportSize({ width, height: 900 });
      await page.waitForTimeout(200);
      for (const card of await page.locator('.card').all()) {
        await card.scrollIntoViewIfNeeded();
        const plot = (await card.locator('.u-over').boundingBox())!;
        const marks = await card.locator('.mark').all();
        const boxes = await Promise.all(marks.map(async (mark) => (await mark.boundingBox())!));
        assert.equal(boxes.length, warned.length);
        for (const [i, a] of boxes.entries()) {
          const at = plot.x + (warned[i]!.step / 12) * plot.width;
          assert.ok(Math.abs(a.x + a.width / 2 - at) < 1.5, `mark ${i} stands over its step`);
          for (const b of boxes.slice(i + 1)) {
            const apart =
              a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y;
            assert.ok(apart, `${JSON.stringify(a)} covers ${JSON.stringify(b)} at ${width}`);
          }
        }
        assert.ok(plot.height > 40, `${plot.height} pixels are left for the curve`);
      }
    }
    for (const [i, { step }] of warned.entries()) {
      await page.locator('.card').first().locator('.mark').nth(i).click();
      assert.deepEqual((await panel.posted()).at(-1), { type: 'open-step', runId: 'test-run-3', step });
    }
  });

  it('marks each health warning on every curve at the step where it began, and says it there by keyboard alone', async () => {
    const health = trainingSnapshot.events.find((event) => event.type === 'health')!;
    const early = {
      ...health,
      step: 12,
      check: 'length-collapse',
      message: 'Rationales are shrinking.',
      cure: 'Stop.',
    };
    // Told again later, a warning still began where it began.
    const again = { ...early, step: 30 };
    const { page } = await open({ ...trainingSnapshot, events: [...trainingSnapshot.events, early, again] });
    const last = trainingSnapshot.events.findLast((event) => event.type === 'step')!;
    assert(health.type === 'health' && last.type === 'step');
    assert.equal(await page.locator('.card .mark').count(), 9 * 2);
    for (const width of [1100, 640]) {
      await page.setViewportSize({ width, height: 900 });
      await page.waitForTimeout(200);
      for (const card of await page.locator('.card').all()) {
        const plot = (await card.locator('.u-over').boundingBox())!;
        for (const [i, step] of [health.step, early.step].entries()) {
          const mark = (await card.locator('.mark').nth(i).boundingBox())!;
          const expected = plot.x + (step / last.metrics.totalSteps) * plot.width;
          assert.ok(Math.abs(mark.x + mark.width / 2 - expected) < 1.5, `${mark.x} for ${expected}`);
          assert.ok(mark.y + mark.height <= plot.y + 1, 'above the curve, not on it');
        }
      }
    }
    const card = page.locator('.card').first();
    await card.locator('.table-toggle').focus();
    await page.keyboard.press('Tab');
    assert.equal(
      await page.evaluate('document.activeElement.getAttribute("aria-label")'),
      `Warning 1, from step 36 on: ${health.message}`,
    );
    assert.equal(
      await page
        .locator('#tooltip')
        .innerText()
        .then((text) => text.includes(health.cure)),
      true,
    );
    await page.keyboard.press('ArrowRight');
    assert.match(
      await page.locator('#tooltip').innerText(),
      /Warning 2, from step 12 on: Rationales are shrinking\.\s*Stop\./,
    );
    await page.keyboard.press('Enter');
    assert.deepEqual((await panel.posted()).at(-1), { type: 'open-step', runId: 'test-run-3', step: 12 });
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate('document.activeElement.getAttribute("role")'), 'slider', 'one tab stop for all');
    await card.locator('.table-toggle').click();
    assert.match(await card.locator('tbody tr').nth(11).innerText(), /Warning 2, from step 12 on/);
  });

  it('shows how each strategy does, and marks the first of every column', async () => {
    const { page } = await open(strategySnapshot);
    const rows = page.locator('.standings tbody tr');
    assert.equal(await rows.count(), 3);
    const cells = (await rows.first().innerText())
      .split(/\s*[\t\n]\s*/)
      .join(' ')
      .replaceAll('−', '-');
    const last = strategySnapshot.events.findLast((event) => event.type === 'step')!;
    assert(last.type === 'step');
    const { probabilities, perStrategy } = last.metrics.strategies!;
    for (const value of [
      `${(100 * probabilities![0]!).toFixed(1)} %`,
      perStrategy[0]!.reward.toFixed(2),
      '87.5 %',
      '31',
      '280',
    ])
      assert.ok(cells.includes(value), `${value} in ${cells}`);
    assert.match(cells, /<think1>/);
    assert.equal(await page.locator('.standings tbody tr').nth(1).locator('strong').count(), 0);
    const heading = await page.locator('.strategies h2').innerText();
    assert.match(heading, /step 60: sampled vote over strategies 90\.5.% right · tag information 0\.62 of 1\.10 nats/);
    assert.equal(await page.locator('.heat-card').last().locator('td').first().innerText(), '441');
  });

  it('draws a line for every strategy and measure, by keyboard too, with the same values in the table', async () => {
    const { page } = await open(strategySnapshot);
    const chart = page.locator('.strategy-chart');
    const plot = chart.getByRole('slider');
    assert.equal(await chart.locator('.strategy-plot path.line').count(), 3);
    const dashes = await page.evaluate<string[]>(
      '[...document.querySelectorAll(".strategy-plot path.line")].map((line) => line.getAttribute("stroke-dasharray"))',
    );
    assert.equal(new Set(dashes).size, 3, 'told apart without colour');
    assert.deepEqual((await chart.locator('.end').allInnerTexts()).toSorted(), ['1', '2', '3']);
    await plot.focus();
    await page.keyboard.press('Home');
    await page.keyboard.press('ArrowRight');
    assert.match((await plot.getAttribute('aria-valuetext'))!, /^step 2: <think1> 37\.\d.%, <think2> /);
    assert.match(
      await page.locator('section.card', { has: page.getByRole('slider', { name: 'Loss' }) }).innerText(),
      /step 2/,
    );
    await page.keyboard.press('Enter');
    assert.deepEqual((await panel.posted()).at(-1), { type: 'open-step', runId: 'test-run-3', step: 2 });
    await chart.locator('vscode-dropdown').click();
    await chart.locator('vscode-option', { hasText: 'Reward' }).click();
    await chart.locator('.table-toggle').click();
    const step = strategySnapshot.events.find((event) => event.type === 'step')!;
    assert(step.type === 'step');
    const figures = (await chart.locator('tbody tr').first().innerText()).replaceAll('−', '-').split(/\s+/);
    const expected = step.metrics.strategies!.perStrategy.map((each) => each!.reward.toFixed(2));
    assert.deepEqual(figures, ['1', ...expected]);
    assert.deepEqual(await page.evaluate('window.saved.measure'), 'reward');
  });

  it('adds matchings up to the step looked at, as shares of each source', async () => {
    const { page } = await open(strategySnapshot);
    const card = page.locator('.heat-card').first();
    assert.match(
      await card.innerText(),
      /Who learns from whom\s+steps 21 to 40 · entropy of the matching 0\.\d\d of 1\.10 nats/,
    );
    assert.deepEqual((await card.locator('thead th').allInnerTexts()).slice(1), ['forwards', 'backwards']);
    const matched = strategySnapshot.events.flatMap((event) =>
      event.type === 'step' && event.metrics.step > 20
        ? (event.metrics.strategies!.matching?.counts ?? []).slice(0)
        : [],
    );
    const first = matched.filter((_, i) => i % 3 === 0).reduce((sum, row) => sum + row[0]!, 0);
    const all = matched.reduce((sum, row) => sum + row[0]!, 0);
    assert.equal(await card.locator('td').first().innerText(), `${Math.round((100 * first) / all)} %`);
    assert.equal(await card.locator('td.first').count(), 2, 'one leader per source');
    const plot = page.locator('.strategy-chart').getByRole('slider');
    await plot.focus();
    await page.keyboard.press('Home');
    assert.match(await card.innerText(), /Who learns from whom\s+step 1\s/);
  });

  it('says nothing of strategies for a run without any', async () => {
    const { page } = await open(trainingSnapshot);
    assert.equal(await page.locator('.strategies').count(), 0);
  });

  it('keeps tables open over a reload, and fits 400 px', async () => {
    const { page } = await open(trainingSnapshot, { state: { tables: ['kl'] }, width: 400 });
    assert.equal(await page.locator('.value-table').count(), 1);
    assert.ok((await page.evaluate<number>('document.documentElement.scrollWidth')) <= 400);
    await panel.picture('dashboard-narrow-dark');
    await panel.send({ type: 'snapshot', snapshot: strategySnapshot });
    assert.ok((await page.evaluate<number>('document.documentElement.scrollWidth')) <= 400, 'with strategies');
  });
});
