import assert from 'node:assert/strict';
import fc from 'fast-check';
import { compareEvaluations } from '../../src/engine/evaluate/compare.ts';
import { mcNemarExact } from '../../src/engine/evaluate/statistics.ts';
import type { EvaluationRow } from '../../src/protocol/records.ts';
import { expectLatroError } from '../support/expect_latro_error.ts';

function row(rowKey: string, line: number, correct: boolean, more: Partial<EvaluationRow> = {}): EvaluationRow {
  return {
    rowKey,
    line,
    question: `question ${rowKey}`,
    goldAnswer: '1',
    greedy: { text: '', extractedAnswer: correct ? '1' : '2', correct, tokens: 5, finished: true },
    samples: [],
    majorityAnswer: null,
    majorityCorrect: null,
    answerLogProbWithoutRationale: -3,
    answerLogProbGreedy: -2,
    answerLogProbSampled: null,
    ...more,
  };
}

describe('evaluate: comparing two evaluations', () => {
  it('counts fixed, broken and the same, and says how sure it is', () => {
    const before = [row('a', 1, false), row('b', 2, true), row('c', 3, true), row('d', 4, false), row('e', 5, false)];
    const after = [
      row('a', 1, true, { answerLogProbGreedy: -0.5 }),
      row('b', 2, false),
      row('c', 3, true),
      row('d', 4, false),
      row('e', 5, true),
    ];
    const comparison = compareEvaluations(before, after);
    const {
      questions,
      fixed,
      broken,
      sameRight,
      sameWrong,
      beforeAccuracy,
      afterAccuracy,
      difference,
      mcNemarP,
      interval,
      perQuestion,
    } = comparison;
    assert.deepEqual([questions, fixed, broken, sameRight, sameWrong], [5, 2, 1, 1, 1]);
    assert.deepEqual([beforeAccuracy, afterAccuracy], [0.4, 0.6]);
    assert.ok(Math.abs(difference - 0.2) < 1e-12);
    assert.equal(mcNemarP, mcNemarExact(2, 1));
    assert.ok(interval[0] <= difference && difference <= interval[1]);
    assert.deepEqual(
      perQuestion.map((question) => question.outcome),
      ['fixed', 'broken', 'same-right', 'same-wrong', 'fixed'],
    );
    assert.deepEqual(perQuestion[0], {
      rowKey: 'a',
      line: 1,
      question: 'question a',
      goldAnswer: '1',
      outcome: 'fixed',
      beforeAnswer: '2',
      afterAnswer: '1',
      rewardChange: 1.5,
    });
    assert.deepEqual([comparison.onlyBefore, comparison.onlyAfter], [[], []]);
    assert.deepEqual(compareEvaluations(before, after), comparison, 'the same seed, the same interval');
    assert.deepEqual(compareEvaluations(before, after).interval, comparison.interval);
  });

  it('joins by content, whatever the order, and names what only one side holds', () => {
    const before = [row('a', 1, false), row('b', 2, true), row('gone', 3, true)];
    const after = [row('new', 1, true), row('b', 2, true), row('a', 7, true)];
    const { questions, fixed, sameRight, onlyBefore, onlyAfter, perQuestion } = compareEvaluations(before, after);
    assert.deepEqual([questions, fixed, sameRight], [2, 1, 1]);
    assert.deepEqual(
      perQuestion.map(({ rowKey, line }) => [rowKey, line]),
      [
        ['b', 2],
        ['a', 7],
      ],
    );
    assert.deepEqual(onlyBefore, [{ rowKey: 'gone', line: 3, question: 'question gone' }]);
    assert.deepEqual(onlyAfter, [{ rowKey: 'new', line: 1, question: 'question new' }]);
  });

  it('pairs equal rows one to one, in order', () => {
    const before = [row('a', 1, false), row('a', 2, true), row('a', 3, true)];
    const after = [row('a', 5, false), row('a', 6, false)];
    const { questions, broken, sameWrong, onlyBefore } = compareEvaluations(before, after);
    assert.deepEqual([questions, broken, sameWrong, onlyBefore.map((r) => r.line)], [2, 1, 1, [3]]);
  });

  it('can compare majority answers, and refuses what cannot be compared', async () => {
    const voted = (correct: boolean) => row('a', 1, !correct, { majorityAnswer: 'm', majorityCorrect: correct });
    const { fixed, perQuestion } = compareEvaluations([voted(false)], [voted(true)], { answers: 'majority' });
    assert.deepEqual([fixed, perQuestion[0]?.afterAnswer], [1, 'm']);
    await expectLatroError(
      () => compareEvaluations([row('a', 4, true)], [row('a', 4, true)], { answers: 'majority' }),
      'bad-request',
      'line 4',
    );
    await expectLatroError(
      () => compareEvaluations([row('a', 1, true)], [row('b', 1, true)]),
      'bad-request',
      'no question',
    );
    await expectLatroError(() => compareEvaluations([], []), 'bad-request');
  });

  it('turning it round swaps fixed and broken, and the order of rows changes no figure', () => {
    const evaluation = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), fc.boolean()), {
      minLength: 1,
      maxLength: 12,
    });
    const rows = (list: [string, boolean][]) => list.map(([key, correct], i) => row(key, i + 1, correct));
    fc.assert(
      fc.property(evaluation, evaluation, (x, y) => {
        fc.pre(x.some(([key]) => y.some(([other]) => other === key)));
        const there = compareEvaluations(rows(x), rows(y));
        const back = compareEvaluations(rows(y), rows(x));
        assert.deepEqual(
          [there.fixed, there.broken, there.sameRight, there.sameWrong],
          [back.broken, back.fixed, back.sameRight, back.sameWrong],
        );
        assert.equal(there.mcNemarP, back.mcNemarP);
        assert.equal(there.fixed + there.broken + there.sameRight + there.sameWrong, there.questions);
        assert.equal(there.questions + there.onlyBefore.length, x.length);
        assert.equal(there.questions + there.onlyAfter.length, y.length);
        assert.ok(Math.abs(there.difference - (there.afterAccuracy - there.beforeAccuracy)) < 1e-12);
      }),
      { numRuns: 50 },
    );
  }).timeout(30_000);
});
