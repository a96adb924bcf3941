/** From a sampled rationale to what is scored and what is learned: which tokens count, on the path a run takes. */
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import type { Prediction } from '../../src/engine/model/packing.ts';
import type { EncodedQuestion } from '../../src/engine/training/question_encoder.ts';
import {
  rationalePredictions,
  rollOut,
  type SampledQuestion,
  type SampledRationale,
  trainingGroup,
} from '../../src/engine/training/rollout.ts';
import { tinyModel } from '../support/tiny_model.ts';

const id = fc.integer({ min: 3, max: 30 });
const parts = fc.array(fc.constantFrom<('template' | 'answer')[]>('template', 'answer'), {
  minLength: 1,
  maxLength: 6,
});

function encoded(promptIds: readonly number[], answerIds: readonly number[], answerParts: ('template' | 'answer')[]) {
  const row = { line: 1, rowKey: '0000000000000001', question: '', answer: '' };
  return { row, prompt: '', promptIds, answer: '', answerIds, answerParts } satisfies EncodedQuestion;
}

function sampled(ids: readonly number[], stopIds: readonly number[]): SampledRationale {
  const stopReason = stopIds.length === 0 ? 'length' : 'stop-phrase';
  const own = {
    ids,
    stopIds,
    stopReason,
    tailIds: [],
    logProbs: ids.map(() => -1),
    stopLogProbs: stopIds.map(() => -1),
  };
  return { ...own, answerLogProbs: [], logProb: 0, referenceLogProb: null } as SampledRationale;
}

const at = (predictions: readonly Prediction[]) => predictions.map(({ at: position, target }) => [position, target]);

describe('which tokens an update learns', () => {
  it('every token of z with the weight of z, every token of y with its own, and no other', () => {
    fc.assert(
      fc.property(fc.array(id, { minLength: 1, maxLength: 6 }), parts, fc.boolean(), (ids, answerParts, counted) => {
        const answerIds = answerParts.map((_, t) => 40 + t);
        const question: SampledQuestion = {
          encoded: encoded([1, 2], answerIds, answerParts),
          rationales: [sampled(ids, [])],
          answerLogProbsWithoutRationale: [],
        };
        const weight = (t: number) => 0.5 + t;
        const answerWeights = {
          answer: answerParts.flatMap((part, t) => (part === 'answer' ? [weight(t)] : [])),
          template: answerParts.flatMap((part, t) => (part === 'template' ? [weight(t)] : [])),
        };
        const { prompt, continuations } = trainingGroup(question, [{ rationaleWeight: -0.25, answerWeights }], counted);
        assert.deepEqual(prompt, [1, 2]);
        assert.equal(continuations.length, 1);
        const { ids: sequence, predictions } = continuations[0]!;
        const wanted = [
          ...ids.map((target, t) => ({ at: t, target, weight: -0.25 })),
          ...answerIds.map((target, t) => ({ at: ids.length + t, target, weight: weight(t) })),
        ];
        assert.deepEqual(predictions, wanted);
        // What predicts a token must be there to be read: everything but the last token.
        assert.deepEqual(sequence, [...ids, ...answerIds].slice(0, -1));
      }),
    );
  });

  it('with no advantage only y: the last token of z is no part of it, as it is in the reference code', () => {
    const question: SampledQuestion = {
      encoded: encoded([1], [40, 41], ['template', 'answer']),
      rationales: [sampled([7, 8, 9], [])],
      answerLogProbsWithoutRationale: [],
    };
    const weights = { rationaleWeight: 0, answerWeights: { answer: [1], template: [1] } };
    const [continuation] = trainingGroup(question, [weights], true).continuations;
    assert.deepEqual(at(continuation!.predictions), [
      [3, 40],
      [4, 41],
    ]);
    const nothing = { rationaleWeight: 0, answerWeights: { answer: [], template: [] } };
    assert.deepEqual(trainingGroup(question, [nothing], true).continuations, []);
  });

  it('what stopped z counts where asked, as far as y begins alike', () => {
    const rationale = sampled([7, 8], [40, 41, 50, 51]);
    const counted = (answerIds: readonly number[], stops: boolean) =>
      at(rationalePredictions(rationale, answerIds, 1, stops)).slice(2);
    assert.deepEqual(counted([40, 41, 42, 43], false), []);
    // 50 is predicted where y has 42; 51 would follow 50, which is not there.
    assert.deepEqual(counted([40, 41, 42, 43], true), [
      [2, 40],
      [3, 41],
      [4, 50],
    ]);
    assert.deepEqual(counted([60], true), [[2, 40]]);
  });
});

describe('what a rollout scores', () => {
  it('the reward is exactly the m tokens of y after z, and KL the sum over z and what stopped it', async () => {
    const model = tinyModel('adapter', 3);
    try {
      const question = encoded([3, 7, 8], [9, 10, 2], ['template', 'answer', 'template']);
      const [result] = await rollOut(
        model,
        [question],
        {
          generate: {
            temperature: 1,
            topP: 1,
            topK: 0,
            maxTokens: 9,
            maxAnswerTokens: 0,
            stopTokenIds: new Set([2]),
            maxRows: 64,
          },
          rationales: 8,
          countStopTokens: true,
          tokenBudget: 10_000,
        },
        { seed: 4, step: 1 },
        (groups) => model.score(groups, { policy: 'reference', tokenBudget: 10_000 }),
        () => ({ push: () => null }),
      );
      const { rationales } = result!;
      assert.ok(rationales.some(({ stopReason }) => stopReason === 'end-token'));
      for (const { ids, stopIds, answerLogProbs, logProb, referenceLogProb } of rationales) {
        const sequence = [...ids, ...question.answerIds];
        const score = async (targets: readonly Prediction[], policy: 'current' | 'reference') =>
          (
            await model.score(
              [{ prompt: question.promptIds, continuations: [{ ids: sequence, predictions: targets }] }],
              {
                policy,
                tokenBudget: 10_000,
              },
            )
          )[0]![0]!;
        const onAnswer = question.answerIds.map((target, t) => ({ at: ids.length + t, target, weight: 1 }));
        const fresh = await score(onAnswer, 'current');
        assert.equal(answerLogProbs.length, question.answerIds.length);
        answerLogProbs.forEach((value, t) => {
          assert.ok(Math.abs(value - fresh[t]!) < 1e-5);
        });
        const own = [...ids, ...stopIds].map((target, t) => ({ at: t, target, weight: 1 }));
        const total = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
        assert.ok(Math.abs(logProb - total(await score(own, 'current'))) < 1e-4);
        assert.ok(Math.abs(referenceLogProb! - total(await score(own, 'reference'))) < 1e-4);
        assert.notEqual(logProb, referenceLogProb);
      }
    } finally {
      await model.dispose();
    }
  });
});
