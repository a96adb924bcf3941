/** The dashboard's reading of an event log and the accuracy diff's list: no browser needed. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type DashboardUpdate, outcomeOf } from '../../src/protocol/panel_messages.ts';
import type { RunEvent, StepMetrics } from '../../src/protocol/records.ts';
import { type ListView, listed, outcomeCount, rewardChange, tally } from '../../webview/compared.ts';
import {
  accuracyCurve,
  axisEnd,
  beforeAndAfter,
  nearest,
  questionSet,
  runHistory,
  smoothed,
  withUpdate,
} from '../../webview/run_history.ts';
import { comparedRows, comparisonSnapshot } from '../webview/fixtures/comparison.ts';
import { finishedSnapshot, trainingSnapshot } from '../webview/fixtures/run_events.ts';

const template = trainingSnapshot.events.find((event) => event.type === 'step')!.metrics;
const step = (n: number, meanReward = 0): RunEvent => ({
  type: 'step',
  time: '',
  metrics: { ...template, step: n, meanReward } satisfies StepMetrics,
});
const resumed = (n: number): RunEvent => ({ type: 'resumed', time: '', step: n });
const health = (n: number, check: string): RunEvent => ({
  type: 'health',
  time: '',
  step: n,
  check,
  message: '',
  cure: '',
});

describe('run history', () => {
  it('drops what was done after the step a run was continued from', () => {
    const history = runHistory([
      step(1, 1),
      step(2, 2),
      step(3, 3),
      health(3, 'kl'),
      resumed(1),
      step(2, 20),
      health(2, 'kl'),
    ]);
    assert.deepEqual(
      history.steps.map((m) => [m.step, m.meanReward]),
      [
        [1, 1],
        [2, 20],
      ],
    );
    assert.deepEqual(
      history.health.map((warning) => warning.step),
      [2],
    );
    assert.deepEqual(history.resumedAt, [1]);
  });

  it('has each step once, rising, whatever is continued from where', () => {
    const event = fc.oneof(
      fc.nat(20).map((n) => step(n)),
      fc.nat(20).map(resumed),
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        const steps = runHistory(events).steps.map((m) => m.step);
        assert.deepEqual(
          steps,
          [...new Set(steps)].toSorted((a, b) => a - b),
        );
      }),
    );
  });

  it('marks a health warning where it began, once', () => {
    const history = runHistory([step(1), health(1, 'kl'), step(2), health(2, 'kl'), health(2, 'length')]);
    assert.deepEqual(
      history.health.map(({ step: at, check }) => [at, check]),
      [
        [1, 'kl'],
        [2, 'length'],
      ],
    );
  });

  it('puts evaluations of one dataset on the accuracy curve', () => {
    const { evaluations } = runHistory(finishedSnapshot.events);
    const other = { step: 0, summary: { ...evaluations[0]!.summary, dataset: 'another.jsonl' } };
    assert.deepEqual(
      accuracyCurve([other, ...evaluations]).map((e) => e.step),
      [0, 10, 20, 30, 40, 50, 60],
    );
    assert.deepEqual(accuracyCurve([]), []);
  });

  it('says before and after of each of the run’s own sets, the test questions first, and which set a curve is about', () => {
    const { evaluations } = runHistory(finishedSnapshot.events);
    const [first] = evaluations;
    const named = (name: string, at: number) => ({ step: at, summary: { ...first!.summary, name, checkpoint: name } });
    const tests = [named('base-test', 0), named('step-000060-test', 60)];
    const asked = named('step-000010-other-test-20260101', 10);
    const notes = beforeAndAfter([...evaluations, ...tests, asked]);
    assert.deepEqual(
      notes.map(({ set, before, after }) => [set, before.name, after.name]),
      [
        ['test', 'base-test', 'step-000060-test'],
        ['validation', 'base-validation', 'step-000060-validation'],
      ],
    );
    assert.deepEqual(beforeAndAfter([tests[0]!, asked]), []);
    assert.equal(questionSet(evaluations), 'validation');
    assert.equal(questionSet(tests), 'test');
    assert.equal(questionSet([asked]), 'other');
    assert.equal(questionSet([...tests, evaluations[0]!]), 'other');
  });

  it('takes updates in any slicing to the same run, and notices a gap', () => {
    const { kind: _, name: __, model: ___, dataset: ____, startedAt: _____, ...live } = finishedSnapshot;
    const all = finishedSnapshot.events;
    const update = (from: number, to: number): DashboardUpdate => ({
      ...live,
      type: 'update',
      firstEvent: from,
      events: all.slice(from, to),
    });
    fc.assert(
      fc.property(fc.array(fc.nat(all.length), { maxLength: 6 }), (cuts) => {
        let run = { ...trainingSnapshot, events: all.slice(0, 5) };
        for (const end of [...cuts.filter((cut) => cut > 5).sort((a, b) => a - b), all.length]) {
          const overlap = Math.max(0, run.events.length - 2);
          run = withUpdate(run, update(overlap, Math.max(end, run.events.length)))!;
        }
        assert.deepEqual(run, finishedSnapshot);
      }),
    );
    assert.equal(withUpdate({ ...trainingSnapshot, events: all.slice(0, 5) }, update(6, 8)), null);
    assert.equal(withUpdate({ ...trainingSnapshot, runId: 'another' }, update(5, 8)), null);
  });

  it('smooths without lag: a straight line and a constant stay what they are away from the ends', () => {
    const line = Array.from({ length: 40 }, (_, i) => 3 * i - 7);
    const inner = smoothed(line, 5).slice(5, -5);
    for (const [i, value] of inner.entries()) assert.ok(Math.abs(value - line[i + 5]!) < 1e-9);
    assert.deepEqual(smoothed([2, 2, 2], 2), [2, 2, 2]);
    assert.deepEqual(
      smoothed([1, Number.NaN, 3], 1).map((v) => Math.round(v * 100) / 100),
      [1, 2, 3],
    );
  });

  it('ends its axis with the run, sooner while only its beginning is there, and never before what there is', () => {
    assert.deepEqual(
      [axisEnd(0, 12), axisEnd(3, 12), axisEnd(25, 5000), axisEnd(0, 5000), axisEnd(1250, 5000), axisEnd(7, 0)],
      [12, 12, 40, 20, 5000, 7],
    );
    fc.assert(
      fc.property(fc.nat(3000), fc.nat(3000), (done, more) => {
        const [end, later] = [axisEnd(done, done + more), axisEnd(done + 1, done + more + 1)];
        assert.ok(end >= done && end <= Math.max(done + more, done) && later >= done + 1);
      }),
    );
  });

  it('finds the nearest step', () => {
    assert.equal(nearest([1, 5, 9], 6), 5);
    assert.equal(nearest([], 6), undefined);
  });
});

describe('compared questions', () => {
  const view: ListView = { outcome: 'all', rewardChange: 'any', text: '', by: 'change', descending: false };
  const { questions, paired } = comparisonSnapshot;

  it('falls into four outcomes that add up to the 2 × 2 table', () => {
    for (const outcome of ['fixed', 'broken', 'both-right', 'both-wrong'] as const) {
      const of = listed(questions, { ...view, outcome });
      assert.equal(of.length, outcomeCount(comparisonSnapshot, outcome));
      assert.ok(of.every((question) => outcomeOf(question) === outcome));
    }
    assert.equal(paired.fixed + paired.broken + paired.bothRight + paired.bothWrong, questions.length);
  });

  it('sorts and filters by change of log p, and finds text whatever its case', () => {
    const all = listed(questions, view).map(rewardChange);
    assert.deepEqual(
      all,
      all.toSorted((a, b) => a - b),
    );
    assert.ok(listed(questions, { ...view, rewardChange: 'rose' }).every((q) => rewardChange(q) > 0));
    const mia = listed(questions, { ...view, text: ' mia ' });
    assert.ok(mia.length > 0 && mia.every((q) => q.question.includes('Mia')));
  });

  it('tallies the answers of the samples, the most frequent first', () => {
    for (const { before } of comparedRows.slice(0, 20)) {
      const counts = tally(before.samples).map((entry) => entry.count);
      assert.equal(
        counts.reduce((a, b) => a + b, 0),
        before.samples.length,
      );
      assert.deepEqual(
        counts,
        counts.toSorted((a, b) => b - a),
      );
    }
  });
});
