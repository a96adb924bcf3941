import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { LatroError } from '../../src/engine/common/errors.ts';
import { answerLeakIndex } from '../../src/engine/latro/answer_leak.ts';
import { type AnswerScores, joinParts, type RewardSettings, splitParts } from '../../src/engine/latro/reward.ts';
import { jepoAnswerWeights, jepoBound, jepoLeaveOneOutBounds } from '../../src/engine/latro/reward_jepo.ts';
import { selfRewards } from '../../src/engine/latro/reward_registry.ts';
import { tokenWeightsBySpread } from '../../src/engine/latro/reward_spread_weighted.ts';

const settings = (partial: Partial<RewardSettings>): RewardSettings => ({
  kind: 'log-probability',
  over: 'answer-and-template',
  subtractNoRationale: false,
  ...partial,
});
const values = (s: RewardSettings, group: readonly (AnswerScores | null)[], noRationale: AnswerScores | null = null) =>
  selfRewards(s, group, noRationale).map((reward) => reward?.value ?? null);
function near(actual: number | null | undefined, expected: number, tolerance = 1e-12): void {
  assert.ok(Math.abs((actual ?? Number.NaN) - expected) <= tolerance, `${actual} is not ${expected}`);
}

const logProb = fc.double({ min: -12, max: -1e-3, noNaN: true });
/** K rationales scored on one answer segment, (K, answer) and (K, template). */
const groups = fc
  .record({ k: fc.integer({ min: 2, max: 6 }), answer: fc.integer({ min: 1, max: 4 }), template: fc.nat(4) })
  .chain(({ k, answer, template }) =>
    fc.array(
      fc.record({
        answer: fc.array(logProb, { minLength: answer, maxLength: answer }),
        template: fc.array(logProb, { minLength: template, maxLength: template }),
      }),
      { minLength: k, maxLength: k },
    ),
  );
const anySettings = fc.record({
  kind: fc.constantFrom<RewardSettings['kind']>(
    'log-probability',
    'probability',
    'mean-token-probability',
    'jepo',
    'spread-weighted',
  ),
  over: fc.constantFrom<RewardSettings['over']>('answer', 'answer-and-template'),
  subtractNoRationale: fc.constant(false),
});

describe('self-rewards', () => {
  const z: AnswerScores = { answer: [Math.log(0.5), Math.log(0.25)], template: [Math.log(0.8)] };
  const other: AnswerScores = { answer: [Math.log(0.5), Math.log(0.75)], template: [Math.log(0.8)] };
  const none: AnswerScores = { answer: [Math.log(0.5), Math.log(0.1)], template: [Math.log(0.2)] };

  it('have the values of their equations', () => {
    near(values(settings({}), [z])[0], Math.log(0.1));
    near(values(settings({ over: 'answer' }), [z])[0], Math.log(0.125));
    near(values(settings({ subtractNoRationale: true }), [z], none)[0], Math.log(0.1 / 0.01));
    near(values(settings({ kind: 'probability' }), [z])[0], 0.1);
    near(values(settings({ kind: 'probability', subtractNoRationale: true }), [z], none)[0], 0.09);
    near(values(settings({ kind: 'mean-token-probability' }), [z])[0], 1.55 / 3);
    near(values(settings({ kind: 'mean-token-probability', subtractNoRationale: true }), [z], none)[0], 0.75 / 3);
    near(values(settings({ kind: 'jepo' }), [z])[0], Math.log(0.1));
  });

  it("RLPR's clip leaves neither reward nor gradient below the no-rationale score", () => {
    const [reward] = selfRewards(settings({ kind: 'mean-token-probability', subtractNoRationale: true }), [none], z);
    assert.equal(reward?.value, 0);
    assert.deepEqual(reward?.gradient, { answer: [0, 0], template: [0] });
  });

  it('R3 weighs only the tokens that a rationale changes', () => {
    const [a, b] = values(settings({ kind: 'spread-weighted' }), [z, other]);
    // Two of three tokens never vary: the whole weight, 3, lies on the second answer token.
    near(a, 3 * Math.log(0.25));
    near(b, 3 * Math.log(0.75));
    assert.deepEqual(
      tokenWeightsBySpread([
        [-1, -2],
        [-1, -2],
      ]),
      [1, 1],
    );
  });

  it('a rationale that could not be scored stays out of every other one', () => {
    for (const kind of ['log-probability', 'probability', 'spread-weighted'] as const) {
      const with3 = values(settings({ kind }), [z, null, other]);
      const with2 = values(settings({ kind }), [z, other]);
      assert.deepEqual(with3, [with2[0], null, with2[1]]);
    }
  });

  it('the stated gradient is the derivative of the value', () => {
    fc.assert(
      fc.property(groups, anySettings, (group, s) => {
        fc.pre(s.kind !== 'spread-weighted'); // its weights are constants by definition (stop-gradient)
        const first = group[0] as AnswerScores;
        const [reward] = selfRewards(s, group, null);
        const h = 1e-5;
        const at = (j: number, offset: number) => {
          const moved = { ...first, answer: first.answer.map((value, i) => (i === j ? value + offset : value)) };
          return values(s, [moved, ...group.slice(1)])[0] as number;
        };
        first.answer.forEach((_, j) => {
          near(reward?.gradient.answer[j], (at(j, h) - at(j, -h)) / (2 * h), 1e-6);
        });
        if (s.over === 'answer') assert.ok(reward?.gradient.template.every((slope) => slope === 0));
      }),
    );
  });

  it('permuting the rationales permutes the rewards and changes nothing else', () => {
    fc.assert(
      fc.property(groups, anySettings, fc.infiniteStream(fc.nat()), (group, s, keys) => {
        const order = group.map((_, k) => [keys.next().value as number, k] as const).sort((a, b) => a[0] - b[0]);
        const permuted = order.map(([, k]) => group[k] as AnswerScores);
        const rewards = values(s, group);
        assert.deepEqual(
          values(s, permuted),
          order.map(([, k]) => rewards[k]),
        );
      }),
    );
  });

  it('refuses scores that are not numbers, and answers without tokens', () => {
    const bad = { answer: [-1, Number.NaN], template: [-1] };
    assert.throws(
      () => values(settings({}), [z, bad]),
      (e: LatroError) => e.code === 'non-finite',
    );
    const negativeInfinity = { answer: [Number.NEGATIVE_INFINITY, -1], template: [-1] };
    assert.throws(
      () => values(settings({}), [negativeInfinity]),
      (e: LatroError) => e.code === 'non-finite',
    );
    const empty = { answer: [], template: [-1] };
    assert.throws(
      () => values(settings({ over: 'answer' }), [empty]),
      (e: LatroError) => e.code === 'dataset-row',
    );
    assert.throws(() => values(settings({ subtractNoRationale: true }), [z]), /no score without rationale/);
  });

  it('splits y into its parts and joins it again; a rationale without scores has 0', () => {
    assert.deepEqual(joinParts({ answer: [], template: [] }, ['template', 'answer']), [0, 0]);
    fc.assert(
      fc.property(fc.array(fc.tuple(logProb, fc.constantFrom('answer', 'template'))), (tokens) => {
        const parts = tokens.map(([, part]) => part);
        assert.deepEqual(
          joinParts(
            splitParts(
              tokens.map(([v]) => v),
              parts,
            ),
            parts,
          ),
          tokens.map(([v]) => v),
        );
      }),
    );
  });
});

describe('JEPO', () => {
  it('bounds between mean and maximum, weights that sum to 1', () => {
    fc.assert(
      fc.property(fc.array(logProb, { minLength: 2, maxLength: 8 }), (logProbs) => {
        const mean = logProbs.reduce((a, b) => a + b, 0) / logProbs.length;
        assert.ok(jepoBound(logProbs) >= mean - 1e-12 && jepoBound(logProbs) <= Math.max(...logProbs) + 1e-12);
        near(
          jepoAnswerWeights(logProbs).reduce((a, b) => a + b, 0),
          1,
          1e-12,
        );
        // With two rationales the others' bound is the other one's log-probability.
        const pair = logProbs.slice(0, 2);
        assert.deepEqual(jepoLeaveOneOutBounds(pair), [...pair].reverse());
      }),
    );
  });
});

describe('hack probes', () => {
  it('finds the announcement of an answer where the rationale ought to have been cut', () => {
    assert.equal(answerLeakIndex('The answer is 72'), 4);
    for (const leak of [
      '**The answer is** 72.',
      '6 · 12 = 72.\n\nThe final answer is 72',
      'Answer: 72',
      '#### 72',
      'so \\boxed{72}',
    ]) {
      assert.notEqual(answerLeakIndex(leak), null, leak);
    }
    for (const sound of [
      '6 boxes of 12 make 72.',
      'To answer this we multiply: 6 · 12 = 72',
      'She answers 3 letters a day.',
      '',
    ]) {
      assert.equal(answerLeakIndex(sound), null, sound);
    }
  });

  it('an empty rationale does not beat a helpful one under the information-gain reward', () => {
    const noRationale: AnswerScores = { answer: [-3], template: [-0.5] };
    const helpful: AnswerScores = { answer: [-0.2], template: [-0.5] };
    const harmful: AnswerScores = { answer: [-4], template: [-0.5] };
    // z = "" makes y's context the prompt alone: it scores what the question scores without a rationale.
    const gains = values(settings({ subtractNoRationale: true }), [noRationale, helpful, harmful], noRationale);
    assert.equal(gains[0], 0);
    assert.ok((gains[1] as number) > 0 && (gains[2] as number) < 0);
  });
});
