/**
 * GFPO, global forking policy optimisation (arXiv 2510.05132): reinforcement learning of the first decision only, which
 * reasoning strategy g to use for a question. The weights below stand on the tag's tokens; every other token of the rollout
 * weighs 0. (Of a tag spelled `<`, `think`, `2`, `>` only the digit distinguishes strategies: in the exact form the weights
 * of the shared tokens cancel over the tags.)
 */
import { groupNormalisedAdvantages, leaveOneOutAdvantages } from '../latro/advantage.ts';
import { logSumExp, orderFreeSum } from '../latro/log_space.ts';

/** One rollout o = (g, r) of a question. */
export interface ForkSample {
  /** 0/1 of a verifier, or the LaTRO self-reward log π(y|x⊕o). */
  readonly reward: number;
  /** log π_θ(g|x) − log π_old(g|x): 0 when the rollout is of the current weights. */
  readonly logRatio: number;
}

export interface SampledForkSettings {
  /** `group-normalised` is GRPO's, for 0/1 rewards; `leave-one-out` keeps the scale of continuous rewards. */
  readonly advantage: 'group-normalised' | 'leave-one-out';
  /** ε_c of the PPO clip; no value is known from the paper. */
  readonly clip: number;
}

/**
 * Sampled form (§6.4 of the design): the weight of log π_θ(g_i|x) for each of the question's G rollouts, the gradient of
 *
 *     J = (1/G) Σ_i min( ρ_i A_i, clip(ρ_i, 1−ε_c, 1+ε_c) A_i )          ρ_i = π_θ(g_i|x) / π_old(g_i|x)
 *
 * which is ρ_i A_i / (N·G), and 0 where the clip holds.
 *
 * @param questions N, the questions of the whole update.
 */
export function sampledForkWeights(
  samples: readonly ForkSample[],
  settings: SampledForkSettings,
  questions: number,
): number[] {
  const advantages = sampledForkAdvantages(samples, settings.advantage);
  return samples.map(({ logRatio }, i) => {
    const advantage = advantages[i] as number;
    const ratio = Math.exp(logRatio);
    const clipped = advantage > 0 ? ratio > 1 + settings.clip : ratio < 1 - settings.clip;
    return clipped ? 0 : (ratio * advantage) / (questions * samples.length);
  });
}

/** A_i of the question's rollouts; they sum to 0. */
export function sampledForkAdvantages(
  samples: readonly Pick<ForkSample, 'reward'>[],
  advantage: SampledForkSettings['advantage'],
): number[] {
  const rewards = samples.map((sample) => sample.reward);
  return advantage === 'leave-one-out' ? leaveOneOutAdvantages(rewards) : groupNormalisedAdvantages(rewards);
}

export interface ExactForkInput {
  /** ℓ_i = log π_θ(g^(i)|x) of every tag, (N), summed over the tag's tokens. */
  readonly tagLogProbs: readonly number[];
  /** The same under π_0; null only when β = 0. */
  readonly referenceTagLogProbs: readonly number[] | null;
  /** r̄_i: mean reward of the rationales under tag i, with β·KL(z'|g_i) already subtracted, (N). */
  readonly meanRewards: readonly number[];
}

export interface ExactForkSettings {
  readonly beta: number;
  /** Floor of the entropy of p as a share of log N, in [0, 1]; 0: off. */
  readonly entropyFloor: number;
  /** α: how strongly p is pushed back above the floor, nats of reward per nat of missing entropy. */
  readonly entropyCoefficient: number;
}

/** One question's fork: what it learned and what a person sees of it. */
export interface ForkUpdate {
  /** p_i, (N), sum 1. */
  readonly probabilities: number[];
  /** J_g, the expected reward over the tags minus KL(g), minus the floor's penalty. */
  readonly objective: number;
  /** ∂J_g/∂ℓ_i, (N), sum 0; equally the weights w_i of Σ_i w_i ∇log p_i. */
  readonly gradient: number[];
  /** H(p), nats, in [0, log N]. */
  readonly entropy: number;
}

/**
 * Exact form over the N tags (§7.2 of the design): no sampling noise over g.
 *
 *     p = softmax(ℓ)          f_i = r̄_i − β log(p_i/p0_i)
 *     J_g = Σ_i p_i f_i − α max(0, h − H(p))
 *     ∂J_g/∂ℓ_i = p_i ( f_i − Σ_j p_j f_j )  −  [H < h] α p_i ( log p_i + H(p) )
 *
 * The tags are renormalised, so the gradient sums to 0 and does not move the tags' mass against other tokens. In
 * L(θ) = −Σ w_t log π_θ(token_t) tag i's forking token weighs gradient[i]/N_questions. The entropy floor is ours: without
 * it the fork collapses onto one tag as soon as one is slightly better on average.
 */
export function exactForkUpdate(input: ExactForkInput, settings: ExactForkSettings): ForkUpdate {
  const logP = logSoftmax(input.tagLogProbs);
  const p = logP.map(Math.exp);
  const logRatios = logRatiosToReference(logP, input, settings.beta);
  const f = input.meanRewards.map((reward, i) => reward - settings.beta * (logRatios[i] as number));
  const expected = dot(p, f);
  const entropy = -dot(p, logP);
  const missing = Math.max(0, settings.entropyFloor * Math.log(p.length) - entropy);
  const push = missing > 0 ? settings.entropyCoefficient : 0;
  return {
    probabilities: p,
    objective: expected - settings.entropyCoefficient * missing,
    gradient: p.map((p_i, i) => p_i * ((f[i] as number) - expected - push * ((logP[i] as number) + entropy))),
    entropy,
  };
}

/** log p_i of the tags renormalised among themselves. */
export function logSoftmax(logits: readonly number[]): number[] {
  const total = logSumExp(logits);
  return logits.map((logit) => logit - total);
}

function logRatiosToReference(logP: readonly number[], input: ExactForkInput, beta: number): number[] {
  if (beta === 0) return logP.map(() => 0);
  if (input.referenceTagLogProbs === null)
    throw new Error(`beta = ${beta}, but the tags have no reference probability`);
  const logP0 = logSoftmax(input.referenceTagLogProbs);
  return logP.map((value, i) => value - (logP0[i] as number));
}

const dot = (a: readonly number[], b: readonly number[]) => orderFreeSum(a.map((value, i) => value * (b[i] as number)));
