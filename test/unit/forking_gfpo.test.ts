import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { LatroError } from '../../src/engine/common/errors.ts';
import {
  type ExactForkInput,
  type ExactForkSettings,
  exactForkUpdate,
  logSoftmax,
  sampledForkWeights,
} from '../../src/engine/forking/gfpo.ts';
import { stratifiedUpdate } from '../../src/engine/forking/stratified.ts';
import type { ObjectiveSettings, ScoredRationale } from '../../src/engine/latro/objective.ts';

function numericGradient(f: (x: readonly number[]) => number, x: readonly number[], h = 1e-3): number[] {
  return x.map((_, i) => {
    const at = (offset: number) => f(x.map((value, j) => (j === i ? value + offset : value)));
    return (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
  });
}
const largestDifference = (a: readonly number[], b: readonly number[]) =>
  Math.max(...a.map((value, i) => Math.abs(value - (b[i] as number))));
const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

const value = fc.double({ min: -4, max: 0, noNaN: true });
const forks = fc.integer({ min: 2, max: 6 }).chain((n) =>
  fc.record({
    tagLogProbs: fc.array(value, { minLength: n, maxLength: n }),
    referenceTagLogProbs: fc.array(value, { minLength: n, maxLength: n }),
    meanRewards: fc.array(value, { minLength: n, maxLength: n }),
  }),
);
const forkSettings: fc.Arbitrary<ExactForkSettings> = fc.record({
  beta: fc.constantFrom(0, 0.05, 1),
  entropyFloor: fc.constantFrom(0, 0.5, 1),
  entropyCoefficient: fc.constantFrom(0, 0.3),
});

describe('GFPO, exact over the tags', () => {
  it('the closed form is the numeric gradient of J_g with respect to the tag logits', () => {
    fc.assert(
      fc.property(forks, forkSettings, (input, settings) => {
        const { gradient, entropy } = exactForkUpdate(input, settings);
        const n = gradient.length;
        // J_g written out again, from its definition.
        const objective = (logits: readonly number[]) => {
          const logP = logSoftmax(logits);
          const logP0 = logSoftmax(input.referenceTagLogProbs);
          const terms = logP.map(
            (lp, i) => Math.exp(lp) * ((input.meanRewards[i] as number) - settings.beta * (lp - (logP0[i] as number))),
          );
          const h = -sum(logP.map((lp) => Math.exp(lp) * lp));
          return sum(terms) - settings.entropyCoefficient * Math.max(0, settings.entropyFloor * Math.log(n) - h);
        };
        fc.pre(Math.abs(settings.entropyFloor * Math.log(n) - entropy) > 0.01); // the floor is a kink
        assert.ok(largestDifference(gradient, numericGradient(objective, input.tagLogProbs)) < 1e-8);
        assert.ok(Math.abs(exactForkUpdate(input, settings).objective - objective(input.tagLogProbs)) < 1e-12);
      }),
    );
  });

  it('as weights on log p_i it is the same gradient, and it does not move the tags’ mass', () => {
    fc.assert(
      fc.property(forks, forkSettings, (input, settings) => {
        const { gradient: weights, probabilities } = exactForkUpdate(input, settings);
        assert.ok(Math.abs(sum(weights)) < 1e-12);
        // Σ_i w_i ∂log p_i/∂ℓ_j = w_j − p_j Σ_i w_i.
        const throughLogP = weights.map((w, j) => w - (probabilities[j] as number) * sum(weights));
        assert.ok(largestDifference(throughLogP, weights) < 1e-12);
      }),
    );
  });

  it('permuting the tags permutes the update', () => {
    fc.assert(
      fc.property(forks, forkSettings, (input, settings) => {
        const reversed: ExactForkInput = {
          tagLogProbs: input.tagLogProbs.toReversed(),
          referenceTagLogProbs: input.referenceTagLogProbs.toReversed(),
          meanRewards: input.meanRewards.toReversed(),
        };
        assert.deepEqual(
          exactForkUpdate(reversed, settings).gradient.toReversed(),
          exactForkUpdate(input, settings).gradient,
        );
      }),
    );
  });

  /** p after plain gradient ascent on the tag logits. */
  const ascend = (settings: ExactForkSettings) => {
    let logits: readonly number[] = [0, 0, 0];
    for (let step = 0; step < 4000; step++) {
      const { gradient } = exactForkUpdate(
        { tagLogProbs: logits, referenceTagLogProbs: [0, 0, 0], meanRewards: [-1, -1.1, -2] },
        settings,
      );
      logits = logits.map((logit, i) => logit + 0.5 * (gradient[i] as number));
    }
    return exactForkUpdate(
      { tagLogProbs: logits, referenceTagLogProbs: null, meanRewards: [0, 0, 0] },
      { ...settings, beta: 0 },
    );
  };

  it('collapses onto the best tag, unless the entropy floor or KL holds it', () => {
    const off = { beta: 0, entropyFloor: 0, entropyCoefficient: 0 };
    assert.ok((ascend(off).probabilities[0] as number) > 0.98);
    const floored = ascend({ ...off, entropyFloor: 0.6, entropyCoefficient: 2 });
    assert.ok(Math.abs(floored.entropy - 0.6 * Math.log(3)) < 0.05, String(floored.entropy));
    assert.ok((floored.probabilities[0] as number) > (floored.probabilities[2] as number));
    // With KL to a uniform reference the optimum is p ∝ exp(r̄/β).
    const expected = logSoftmax([-1, -1.1, -2].map((r) => r / 0.5)).map(Math.exp);
    assert.ok(largestDifference(ascend({ ...off, beta: 0.5 }).probabilities, expected) < 1e-6);
    assert.throws(
      () =>
        exactForkUpdate({ tagLogProbs: [0, 0], referenceTagLogProbs: null, meanRewards: [0, 0] }, { ...off, beta: 1 }),
      /reference/,
    );
  });
});

describe('GFPO, sampled', () => {
  it('weighs A_i/(N·G) on the fork when the rollouts are of the current weights', () => {
    const rewards = [1, 0, 0, 1].map((reward) => ({ reward, logRatio: 0 }));
    const weights = sampledForkWeights(rewards, { advantage: 'group-normalised', clip: 0.2 }, 2);
    const deviation = Math.sqrt(1 / 3) + 1e-4;
    assert.ok(
      largestDifference(
        weights,
        [0.5, -0.5, -0.5, 0.5].map((a) => a / deviation / 8),
      ) < 1e-12,
    );
    const continuous = [-1, -2, -4, -9].map((reward) => ({ reward, logRatio: 0 }));
    const loo = sampledForkWeights(continuous, { advantage: 'leave-one-out', clip: 0.2 }, 1);
    assert.ok(
      largestDifference(
        loo,
        [4, 8 / 3, 0, -20 / 3].map((a) => a / 4),
      ) < 1e-12,
    );
  });

  it('is the gradient of the clipped surrogate with respect to log π(g|x)', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ reward: value, logRatio: fc.double({ min: -0.6, max: 0.6, noNaN: true }) }), {
          minLength: 2,
          maxLength: 6,
        }),
        (samples) => {
          const clip = 0.2;
          const edges = [Math.log(1 + clip), Math.log(1 - clip)];
          fc.pre(samples.every((s) => edges.every((edge) => Math.abs(s.logRatio - edge) > 0.01)));
          const weights = sampledForkWeights(samples, { advantage: 'leave-one-out', clip }, 1);
          const mean = sum(samples.map((s) => s.reward)) / samples.length;
          const surrogate = (logRatios: readonly number[]) =>
            sum(
              logRatios.map((logRatio, i) => {
                const advantage = ((samples[i]?.reward as number) - mean) * (samples.length / (samples.length - 1));
                const ratio = Math.exp(logRatio);
                return Math.min(ratio * advantage, Math.min(Math.max(ratio, 1 - clip), 1 + clip) * advantage);
              }),
            ) / samples.length;
          assert.ok(
            largestDifference(
              weights,
              numericGradient(
                surrogate,
                samples.map((s) => s.logRatio),
              ),
            ) < 1e-7,
          );
        },
      ),
    );
  });

  it('is on average over the draws the exact form, and moves no token that is no tag', () => {
    // A vocabulary of 5 of which 3 are tags; all draws of G rollouts, tags drawn from p.
    const logits = [0.3, -0.7, 1.1, 0.2, -0.4];
    const rewards = [-1.2, -0.3, -2.5];
    const logPi = logSoftmax(logits);
    const tagLogProbs = logPi.slice(0, 3);
    const p = logSoftmax(tagLogProbs).map(Math.exp);
    const draws = (rollouts: number): number[][] =>
      rollouts === 0 ? [[]] : draws(rollouts - 1).flatMap((drawn) => [0, 1, 2].map((tag) => [...drawn, tag]));
    for (const rollouts of [2, 3]) {
      const gradient = logits.map(() => 0);
      for (const drawn of draws(rollouts)) {
        const samples = drawn.map((tag) => ({ reward: rewards[tag] as number, logRatio: 0 }));
        const weights = sampledForkWeights(samples, { advantage: 'leave-one-out', clip: 0.2 }, 1);
        const probability = drawn.reduce((product, tag) => product * (p[tag] as number), 1);
        drawn.forEach((tag, k) => {
          for (const [v, lp] of logPi.entries()) {
            const score = (v === tag ? 1 : 0) - Math.exp(lp);
            gradient[v] = (gradient[v] as number) + probability * (weights[k] as number) * score;
          }
        });
      }
      const exact = exactForkUpdate(
        { tagLogProbs, referenceTagLogProbs: null, meanRewards: rewards },
        { beta: 0, entropyFloor: 0, entropyCoefficient: 0 },
      );
      assert.ok(largestDifference(gradient, [...exact.gradient, 0, 0]) < 1e-12);
    }
  });
});

describe('LaTRO under stratified tags, joined with GFPO', () => {
  // Exact enumeration: 2 tags in a vocabulary of 3 at the fork, z' one of 3 tokens under each tag, one answer token.
  const V = 3;
  const TAGS = 2;
  const theta = Array.from({ length: (1 + TAGS + TAGS * V) * V }, (_, i) => Math.sin(7 * i + 1) * 1.3);
  const reference = theta.map((_, i) => Math.cos(3 * i));
  const gold = 2;
  const row = (t: readonly number[], r: number) => logSoftmax(t.slice(r * V, r * V + V));
  const tagLogProbs = (t: readonly number[]) => row(t, 0).slice(0, TAGS);
  const zLogProb = (t: readonly number[], g: number, z: number) => row(t, 1 + g)[z] as number;
  const yLogProb = (t: readonly number[], g: number, z: number) => row(t, 1 + TAGS + g * V + z)[gold] as number;
  const beta = 0.4;
  const settings: ObjectiveSettings = {
    reward: { kind: 'log-probability', over: 'answer', subtractNoRationale: false },
    beta,
    truncation: { rule: 'question-minimum', penalty: 2 },
    minTokens: 0,
    answerTerm: { type: 'constant', coefficient: 1 },
    answerTermOnUnfinished: false,
    advantageClip: null,
  };
  const exact: ExactForkSettings = { beta, entropyFloor: 0, entropyCoefficient: 0 };

  /** J of §7.1, tags renormalised, with both parts of the KL. */
  const joint = (t: readonly number[]) => {
    const logP = logSoftmax(tagLogProbs(t));
    const logP0 = logSoftmax(tagLogProbs(reference));
    return sum(
      logP.map((lp, g) => {
        const inner = [0, 1, 2].map((z) => {
          const kl = zLogProb(t, g, z) - zLogProb(reference, g, z);
          return Math.exp(zLogProb(t, g, z)) * (yLogProb(t, g, z) - beta * kl);
        });
        return Math.exp(lp) * (sum(inner) - beta * (lp - (logP0[g] as number)));
      }),
    );
  };

  const addGradient = (into: number[], r: number, token: number, weight: number) => {
    row(theta, r).forEach((lp, v) => {
      into[r * V + v] = (into[r * V + v] as number) + weight * ((v === token ? 1 : 0) - Math.exp(lp));
    });
  };
  const rationaleOf = (g: number, z: number): ScoredRationale => ({
    tokens: 1,
    stopReason: 'end-token',
    logProb: zLogProb(theta, g, z),
    referenceLogProb: zLogProb(reference, g, z),
    scores: { answer: [yLogProb(theta, g, z)], template: [] },
  });

  it('the two updates together are the numeric gradient of the joint objective', () => {
    const p = logSoftmax(tagLogProbs(theta)).map(Math.exp);
    const expected = theta.map(() => 0);
    const pairs = [0, 1, 2].flatMap((a) => [0, 1, 2].map((b) => [a, b] as const));
    for (const first of pairs) {
      for (const second of pairs) {
        const drawn = [first, second].map((zs, g) => ({ tag: g, rationales: zs.map((z) => rationaleOf(g, z)) }));
        const probability = Math.exp(sum(drawn.flatMap(({ rationales }) => rationales.map((r) => r.logProb))));
        const updates = stratifiedUpdate(
          drawn,
          null,
          settings,
          { questions: 1, meanSelfReward: null },
          'probability',
          p,
        );
        const fork = exactForkUpdate(
          {
            tagLogProbs: tagLogProbs(theta),
            referenceTagLogProbs: tagLogProbs(reference),
            meanRewards: updates.map((u) => u.meanReward as number),
          },
          exact,
        );
        fork.gradient.forEach((weight, g) => {
          addGradient(expected, 0, g, probability * weight);
        });
        updates.forEach(({ update }, g) => {
          update.rationales.forEach((r, s) => {
            const z = [first, second][g]?.[s] as number;
            addGradient(expected, 1 + g, z, probability * r.rationaleWeight);
            addGradient(expected, 1 + TAGS + g * V + z, gold, probability * (r.answerWeights.answer[0] as number));
          });
        });
      }
    }
    assert.ok(largestDifference(expected, numericGradient(joint, theta)) < 1e-8);
  });

  it('baselines stay within the tag: a better tag gives its rationales no advantage', () => {
    const scored = (selfReward: number): ScoredRationale => ({
      ...rationaleOf(0, 0),
      referenceLogProb: zLogProb(theta, 0, 0),
      scores: { answer: [selfReward], template: [] },
    });
    const groups = [
      { tag: 0, rationales: [scored(-1), scored(-1)] },
      { tag: 1, rationales: [scored(-9), scored(-9)] },
    ];
    const updates = stratifiedUpdate(groups, null, settings, { questions: 1, meanSelfReward: null }, 'equal', []);
    assert.ok(updates.every(({ update }) => update.rationales.every((r) => r.advantage === 0)));
    assert.deepEqual(
      updates.map((u) => u.meanReward),
      [-1, -9],
    );
    assert.equal(updates[0]?.update.rationales[0]?.answerWeights.answer[0], 0.25);
  });

  it('refuses tags with one rationale, or unequal numbers of them', () => {
    const groups = [
      { tag: 0, rationales: [rationaleOf(0, 0), rationaleOf(0, 1)] },
      { tag: 1, rationales: [rationaleOf(1, 0)] },
    ];
    for (const bad of [groups, groups.slice(1), []]) {
      assert.throws(
        () => stratifiedUpdate(bad, null, settings, { questions: 1, meanSelfReward: null }, 'equal', []),
        (e: LatroError) => e.code === 'config-invalid',
      );
    }
  });
});
