/** What the panels derive of reasoning strategies: lines, leaders, matchings, and who is right where others are not. No browser needed. */
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { frequenciesOf } from '../../src/engine/forking/diversity.ts';
import { NewestWins, strategyNames, strategyWins } from '../../src/extension/runs/strategies.ts';
import type { EvaluationRow, RunEvent } from '../../src/protocol/records.ts';
import { bestGroup, groupByStrategy } from '../../webview/rationale_figures.ts';
import { runHistory } from '../../webview/run_history.ts';
import {
  knownMeasures,
  leader,
  MATCHING_WINDOW,
  matchingMatrix,
  strategyHistory,
  strategyLines,
} from '../../webview/strategy_history.ts';
import { strategyColour, strategyDash } from '../../webview/strategy_style.ts';
import { strategiesSnapshot } from '../webview/fixtures/rationales.ts';
import { finishedSnapshot, strategySnapshot } from '../webview/fixtures/run_events.ts';

const history = strategyHistory(runHistory(strategySnapshot.events))!;

describe('strategies over a run', () => {
  it('are those the log speaks of, and none for a run without', () => {
    assert.equal(strategyHistory(runHistory(finishedSnapshot.events)), null);
    assert.equal(history.count, 3);
    assert.equal(history.steps.length, 60);
    assert.ok(
      history.evaluations.every(({ step }) => step > 0),
      'the base was not looked at',
    );
  });

  it('have one value per strategy and step, and only measures that were taken', () => {
    assert.deepEqual(knownMeasures(history), ['probability', 'reward', 'correctShare', 'tokens']);
    const { steps, lines } = strategyLines(history, 'probability');
    assert.equal(steps.length, 60);
    steps.forEach((_, i) => {
      assert.ok(Math.abs(lines.reduce((sum, line) => sum + line[i]!, 0) - 1) < 1e-9);
    });
    const unscored = {
      ...history,
      steps: history.steps.map((each) => ({ ...each, metrics: { ...each.metrics, probabilities: null } })),
    };
    assert.deepEqual(knownMeasures(unscored), ['reward', 'correctShare', 'tokens']);
  });

  it('are led by the greatest value, by nobody on a tie', () => {
    assert.equal(leader([0.2, null, 0.7]), 3);
    assert.equal(leader([0.7, 0.2, 0.7]), null);
    assert.equal(leader([null, null]), null);
    assert.equal(leader([]), null);
  });

  it('are matched as often as the updates up to the cursor say', () =>
    fc.assert(
      fc.property(fc.option(fc.integer({ min: 1, max: 60 })), (cursor) => {
        const { from, to, counts, totals, sources, entropy } = matchingMatrix(history, cursor)!;
        assert.equal(to, Math.min(cursor ?? 40, 40), 'nothing was matched after step 40');
        assert.equal(from, Math.max(1, to + 1 - MATCHING_WINDOW));
        const shown = history.steps.filter(({ step }) => step >= from && step <= to);
        const all = shown.flatMap(({ metrics }) => metrics.matching!.counts.flat()).reduce((a, b) => a + b, 0);
        assert.equal(
          counts.flat().reduce((a, b) => a + b, 0),
          all,
        );
        assert.equal(
          totals.reduce((a, b) => a + b, 0),
          all,
        );
        assert.deepEqual(sources, ['forwards', 'backwards']);
        assert.ok(Math.abs(entropy - frequenciesOf(counts).entropy) < 1e-12, 'as the run itself reports it');
      }),
    ));

  it('look different without colour: neighbours differ in colour and in dash', () => {
    for (let strategy = 1; strategy <= 20; strategy++) {
      assert.notEqual(strategyColour(strategy), strategyColour(strategy + 1));
      assert.notEqual(strategyDash(strategy), strategyDash(strategy + 1));
    }
    const pairs = Array.from({ length: 20 }, (_, i) => `${strategyColour(i + 1)} ${strategyDash(i + 1)}`);
    assert.equal(new Set(pairs).size, 20);
  });

  it('of one question: the group with the highest mean self-reward is its best', () => {
    const groups = groupByStrategy(strategiesSnapshot.current!.rationales);
    const means = groups.map(
      ({ rationales }) => rationales.reduce((sum, { record }) => sum + record.selfReward, 0) / rationales.length,
    );
    assert.equal(bestGroup(groups), 1 + means.indexOf(Math.max(...means)));
    assert.equal(bestGroup(groups.slice(0, 1)), null);
    assert.equal(bestGroup([groups[0]!, groups[0]!]), null, 'a tie');
  });
});

describe('who wins where', () => {
  const output = fc.record({ correct: fc.boolean(), logProb: fc.integer({ min: -5, max: 0 }) });
  const table = fc
    .integer({ min: 1, max: 5 })
    .chain((count) =>
      fc.array(fc.array(output, { minLength: count, maxLength: count }), { minLength: 1, maxLength: 20 }),
    );
  const rowOf = (outputs: readonly { correct: boolean; logProb: number }[]): EvaluationRow =>
    ({
      strategies: {
        outputs: outputs.map(({ correct, logProb }) => ({ greedy: { correct }, answerLogProbGreedy: logProb })),
      },
    }) as unknown as EvaluationRow;

  it('counts every question once, and each strategy as often as it is right', () =>
    fc.assert(
      fc.property(table, (questions) => {
        const wins = strategyWins(questions.map(rowOf), 'step-3')!;
        assert.equal(wins.questions, questions.length);
        wins.rightWhereWrong.forEach((row, i) => {
          const right = questions.filter((outputs) => outputs[i]!.correct).length;
          assert.equal(row[i], right);
          row.forEach((count, j) => {
            const both = questions.filter((outputs) => outputs[i]!.correct && outputs[j]!.correct).length;
            assert.equal(count, i === j ? right : right - both);
          });
          assert.ok(wins.onlyRight[i]! <= Math.min(...row));
        });
        assert.equal(wins.none, questions.filter((outputs) => !outputs.some(({ correct }) => correct)).length);
        assert.ok(wins.best.reduce((a, b) => a + b, 0) <= questions.length);
        const [first] = questions as [(typeof questions)[number]];
        if (first.length === 1) assert.equal(wins.best[0], questions.length);
      }),
    ));

  it('takes the greatest log-probability as the best, and a tie as nobody’s', () => {
    const rows = [
      [-1, -2],
      [-3, -3],
      [-4, -1],
      [-4, -2],
    ].map((logProbs) => rowOf(logProbs.map((logProb) => ({ correct: true, logProb }))));
    assert.deepEqual(strategyWins(rows, 'base')!.best, [1, 2]);
  });

  it('has nothing to say of evaluations without tags', () => {
    assert.equal(strategyWins([], 'base'), null);
    assert.equal(strategyWins([rowOf([])], 'base'), null);
  });

  it('names strategies by their tags', () => {
    const strategies = { count: 2, carrier: 'text', tag: '<think{n}>\n', weighting: 'equal' } as const;
    assert.deepEqual(strategyNames({ strategies }), { '1': '<think1>', '2': '<think2>' });
    assert.deepEqual(strategyNames({ strategies: { ...strategies, count: 0 } }), {});
  });
});

describe('who is right where others are not, after a roll back', () => {
  it('is nobody until the weights are evaluated again, and then by what that evaluation says, whose name is the same', async () => {
    const evaluated = strategySnapshot.events.filter((event) => event.type === 'evaluation').at(-1)! as RunEvent & {
      type: 'evaluation';
    };
    const tagged = (): RunEvent => structuredClone(evaluated);
    const rows = (right: boolean): EvaluationRow[] => [
      {
        strategies: { outputs: [{ greedy: { correct: right }, answerLogProbGreedy: -1 }] },
      } as unknown as EvaluationRow,
    ];
    const wins = new NewestWins();
    const before = tagged();
    assert.deepEqual((await wins.of([before], async () => rows(true)))?.onlyRight, [1]);
    assert.deepEqual((await wins.of([before], assert.fail))?.onlyRight, [1], 'read once');
    assert.equal(await wins.of([], assert.fail), null);
    assert.deepEqual((await wins.of([tagged()], async () => rows(false)))?.onlyRight, [0]);
  });
});
