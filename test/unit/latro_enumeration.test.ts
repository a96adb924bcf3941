/**
 * The estimator against the truth, by exact enumeration: a tabular model with a vocabulary of 3, rationales of L = 2 tokens
 * and an answer segment of one template and one answer token. The expectation over *all* groups of K rationales of the
 * gradient that our token weights make must equal the numeric gradient of the objective.
 */
import assert from 'node:assert/strict';
import { RandomStream } from '../../src/engine/common/random.ts';
import { latroUpdate, type ObjectiveSettings, type ScoredRationale } from '../../src/engine/latro/objective.ts';
import type { AnswerScores } from '../../src/engine/latro/reward.ts';

const V = 3;
const GOLD = { template: 1, answer: 2 };
// θ: logits of z_1 (1 row), z_2 given z_1 (3), the template token given z (9), the answer token given z and the template (9).
const ROWS = { first: 0, second: 1, template: 4, answer: 13 };
const PARAMETERS = (13 + 9) * V;
type Rationale = readonly [number, number];
const RATIONALES: readonly Rationale[] = Array.from({ length: V * V }, (_, i) => [Math.floor(i / V), i % V] as const);

function parameters(seed: number, scale = 1): number[] {
  const random = new RandomStream(seed);
  return Array.from({ length: PARAMETERS }, () => scale * random.nextNormal());
}

/** log softmax of one row of θ at `token`; its gradient is added to `gradient`, times `weight`. */
function logProb(theta: readonly number[], row: number, token: number, gradient?: number[], weight = 0): number {
  const logits = theta.slice(row * V, row * V + V);
  const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
  if (gradient !== undefined) {
    logits.forEach((logit, v) => {
      const at = row * V + v;
      gradient[at] = (gradient[at] as number) + weight * ((v === token ? 1 : 0) - Math.exp(logit) / total);
    });
  }
  return (logits[token] as number) - Math.log(total);
}

const rationaleLogProb = (theta: readonly number[], [a, b]: Rationale, gradient?: number[], weight = 0) =>
  logProb(theta, ROWS.first, a, gradient, weight) + logProb(theta, ROWS.second + a, b, gradient, weight);

const templateLogProb = (theta: readonly number[], [a, b]: Rationale, gradient?: number[], weight = 0) =>
  logProb(theta, ROWS.template + a * V + b, GOLD.template, gradient, weight);

const answerLogProb = (theta: readonly number[], [a, b]: Rationale, gradient?: number[], weight = 0) =>
  logProb(theta, ROWS.answer + a * V + b, GOLD.answer, gradient, weight);

const scoresOf = (theta: readonly number[], z: Rationale): AnswerScores => ({
  answer: [answerLogProb(theta, z)],
  template: [templateLogProb(theta, z)],
});

/** All groups of K rationales. */
function groups(k: number): Rationale[][] {
  return k === 0 ? [[]] : groups(k - 1).flatMap((group) => RATIONALES.map((z) => [...group, z]));
}

/** E over all groups of K rationales of the gradient that the token weights make (N = 1). */
function expectedGradient(
  theta: readonly number[],
  reference: readonly number[],
  settings: ObjectiveSettings,
  k: number,
) {
  const expected = Array<number>(PARAMETERS).fill(0);
  for (const group of groups(k)) {
    const rationales = group.map(
      (z): ScoredRationale => ({
        tokens: 2,
        stopReason: 'end-token',
        logProb: rationaleLogProb(theta, z),
        referenceLogProb: rationaleLogProb(reference, z),
        scores: scoresOf(theta, z),
      }),
    );
    const probability = Math.exp(rationales.reduce((sum, r) => sum + r.logProb, 0));
    const noRationale = { answer: [-1.1], template: [-0.6] };
    const update = latroUpdate({ rationales, noRationale }, settings, { questions: 1, meanSelfReward: null });
    update.rationales.forEach(({ rationaleWeight, answerWeights }, i) => {
      const z = group[i] as Rationale;
      rationaleLogProb(theta, z, expected, probability * rationaleWeight);
      answerLogProb(theta, z, expected, probability * (answerWeights.answer[0] as number));
      templateLogProb(theta, z, expected, probability * (answerWeights.template[0] as number));
    });
  }
  return expected;
}

/** Fourth-order central differences. */
function numericGradient(f: (theta: readonly number[]) => number, theta: readonly number[]): number[] {
  const h = 2e-3;
  return theta.map((_, i) => {
    const at = (offset: number) => f(theta.map((value, j) => (j === i ? value + offset : value)));
    return (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
  });
}

/** J(θ) = E_z[R(z)] − β KL, R as a function of the answer segment's scores. */
function objective(
  theta: readonly number[],
  reference: readonly number[],
  beta: number,
  reward: (s: AnswerScores) => number,
) {
  return RATIONALES.reduce((sum, z) => {
    const logPi = rationaleLogProb(theta, z);
    const kl = logPi - rationaleLogProb(reference, z);
    return sum + Math.exp(logPi) * (reward(scoresOf(theta, z)) - beta * kl);
  }, 0);
}

const largestDifference = (a: readonly number[], b: readonly number[]) =>
  Math.max(...a.map((value, i) => Math.abs(value - (b[i] as number))));

const exact: ObjectiveSettings = {
  reward: { kind: 'log-probability', over: 'answer-and-template', subtractNoRationale: false },
  beta: 0.3,
  truncation: { rule: 'question-minimum', penalty: 2 },
  minTokens: 0,
  answerTerm: { type: 'constant', coefficient: 1 },
  answerTermOnUnfinished: false,
  advantageClip: null,
};
const logProbability = (s: AnswerScores) => (s.answer[0] as number) + (s.template[0] as number);

describe('exact enumeration on a toy model', () => {
  const theta = parameters(1);
  const reference = parameters(2, 0.5);

  for (const k of [2, 3]) {
    it(`eq. 4 with the SFT term is the gradient of eq. 3, K = ${k}`, () => {
      const truth = numericGradient((t) => objective(t, reference, exact.beta, logProbability), theta);
      assert.ok(Math.max(...truth.map(Math.abs)) > 0.05, 'the toy has a gradient worth comparing');
      assert.ok(largestDifference(expectedGradient(theta, reference, exact, k), truth) <= 1e-8);
    });
  }

  it('without the SFT term it is not', () => {
    const truth = numericGradient((t) => objective(t, reference, exact.beta, logProbability), theta);
    const released: ObjectiveSettings = { ...exact, answerTerm: { type: 'constant', coefficient: 0 } };
    assert.ok(largestDifference(expectedGradient(theta, reference, released, 2), truth) > 1e-2);
  });

  it('counts the answer alone when told so', () => {
    const settings: ObjectiveSettings = { ...exact, reward: { ...exact.reward, over: 'answer' } };
    const truth = numericGradient((t) => objective(t, reference, exact.beta, (s) => s.answer[0] as number), theta);
    assert.ok(largestDifference(expectedGradient(theta, reference, settings, 2), truth) <= 1e-8);
  });

  const rewards: [ObjectiveSettings['reward'], (s: AnswerScores) => number][] = [
    [
      { kind: 'log-probability', over: 'answer-and-template', subtractNoRationale: true },
      (s) => logProbability(s) + 1.7,
    ],
    [
      { kind: 'probability', over: 'answer-and-template', subtractNoRationale: false },
      (s) => Math.exp(logProbability(s)),
    ],
    [
      { kind: 'mean-token-probability', over: 'answer-and-template', subtractNoRationale: false },
      (s) => (Math.exp(s.answer[0] as number) + Math.exp(s.template[0] as number)) / 2,
    ],
    [
      { kind: 'mean-token-probability', over: 'answer', subtractNoRationale: true },
      (s) => Math.max(0, Math.exp(s.answer[0] as number) - Math.exp(-1.1)),
    ],
  ];
  for (const [reward, value] of rewards) {
    it(`the reward's own gradient makes ${reward.kind} over ${reward.over} exact`, () => {
      const settings: ObjectiveSettings = { ...exact, reward, answerTerm: { type: 'reward-gradient', coefficient: 1 } };
      const truth = numericGradient((t) => objective(t, reference, exact.beta, value), theta);
      assert.ok(largestDifference(expectedGradient(theta, reference, settings, 2), truth) <= 1e-8);
    });
  }

  it("VeriFree's answer term is weighted by the probability; weight 1 is wrong for it", () => {
    const reward = { kind: 'probability', over: 'answer-and-template', subtractNoRationale: false } as const;
    const truth = numericGradient(
      (t) => objective(t, reference, exact.beta, (s) => Math.exp(logProbability(s))),
      theta,
    );
    const veriFree: ObjectiveSettings = {
      ...exact,
      reward,
      answerTerm: { type: 'answer-probability', coefficient: 1 },
    };
    assert.ok(largestDifference(expectedGradient(theta, reference, veriFree, 2), truth) <= 1e-8);
    assert.ok(largestDifference(expectedGradient(theta, reference, { ...exact, reward }, 2), truth) > 1e-2);
  });

  for (const k of [2, 3]) {
    it(`JEPO's weights are the gradient of its ${k}-sample bound`, () => {
      const reward = { kind: 'jepo', over: 'answer-and-template', subtractNoRationale: false } as const;
      const settings: ObjectiveSettings = { ...exact, reward, answerTerm: { type: 'reward-gradient', coefficient: 1 } };
      const bound = (t: readonly number[]) =>
        groups(k).reduce((sum, group) => {
          const logPi = group.reduce((total, z) => total + rationaleLogProb(t, z), 0);
          const kl = logPi - group.reduce((total, z) => total + rationaleLogProb(reference, z), 0);
          const mean = group.reduce((total, z) => total + Math.exp(logProbability(scoresOf(t, z))), 0) / k;
          return sum + Math.exp(logPi) * (Math.log(mean) - (exact.beta * kl) / k);
        }, 0);
      assert.ok(
        largestDifference(expectedGradient(theta, reference, settings, k), numericGradient(bound, theta)) <= 1e-8,
      );
    });
  }

  it('eq. 3 at β = 1 is a lower bound of log π(y|x), tight at the posterior', () => {
    for (let seed = 0; seed < 50; seed++) {
      const t = parameters(100 + seed, 1.5);
      const prior = parameters(200 + seed, 1.5);
      const joint = RATIONALES.map((z) => rationaleLogProb(prior, z) + logProbability(scoresOf(t, z)));
      const evidence = Math.log(joint.reduce((sum, value) => sum + Math.exp(value), 0));
      assert.ok(objective(t, prior, 1, logProbability) <= evidence);

      // π(z|x) := π_0(z|x) π(y|x⊕z) / Σ_z …, written into θ's tables: logits of z_1 are its marginals, of z_2 the joint.
      const posterior = [...t];
      for (let a = 0; a < V; a++) {
        const row = joint.slice(a * V, a * V + V);
        posterior[ROWS.first * V + a] = Math.log(row.reduce((sum, value) => sum + Math.exp(value), 0));
        row.forEach((value, b) => {
          posterior[(ROWS.second + a) * V + b] = value;
        });
      }
      assert.ok(Math.abs(objective(posterior, prior, 1, logProbability) - evidence) < 1e-12);
    }
  });
});
