/**
 * GRPO with a 0/1 verifier (DeepSeekMath, arXiv 2402.03300, eq. 3 and 4), one update per batch of rollouts, so that the
 * PPO ratio is 1 and never clipped:
 *
 *     A_k = ( R_k − mean R ) / ( std R + ε )          R_k = 1 when the extracted answer is right, else 0
 *     ∇̂J = (1/(N·K)) Σ_i Σ_k (1/|o_k|) Σ_t [ A_k + β ( π_0(o_t)/π_θ(o_t) − 1 ) ] ∇log π_θ(o_t | …)
 *
 * o_k is everything the model wrote, rationale and answer. Unlike LaTRO, KL is a loss term per token (the paper's
 * non-negative estimator "k3", π_0/π_θ − log π_0/π_θ − 1, whose gradient is the second term above).
 */
import { groupNormalisedAdvantages } from '../latro/advantage.ts';

export interface GrpoSettings {
  readonly beta: number;
  /** ε beside the standard deviation; TRL: 1e-4. */
  readonly epsilon: number;
  /** 1/|o_k| as in the paper; 'none' leaves it out as Dr. GRPO does (arXiv 2503.20783), whose bias it cures. */
  readonly lengthNormalisation: 'sequence' | 'none';
}

/** One sampled completion o_k. */
export interface GrpoSample {
  /** null when the verifier could not judge it. */
  readonly correct: boolean | null;
  /** log π_θ of every token of o_k, (T). */
  readonly logProbs: readonly number[];
  /** log π_0 of the same tokens; null only when β = 0. */
  readonly referenceLogProbs: readonly number[] | null;
}

export interface GrpoUpdate {
  readonly advantage: number;
  /** w_t of every token of o_k, (T). */
  readonly tokenWeights: number[];
}

/**
 * The update of one question.
 *
 * @param questions N, the questions of the whole update.
 * @throws LatroError `config-invalid` when K < 2.
 */
export function grpoUpdate(samples: readonly GrpoSample[], settings: GrpoSettings, questions: number): GrpoUpdate[] {
  const rewards = samples.map(({ correct }) => (correct === null ? null : Number(correct)));
  const advantages = groupNormalisedAdvantages(rewards, settings.epsilon);
  return samples.map((sample, k) => {
    const advantage = advantages[k] as number;
    const length = settings.lengthNormalisation === 'sequence' ? Math.max(sample.logProbs.length, 1) : 1;
    const scale = 1 / (questions * samples.length * length);
    const pulls = klPulls(sample, settings.beta);
    return { advantage, tokenWeights: pulls.map((pull) => (advantage + pull) * scale) };
  });
}

/** −β ∂k3/∂log π_θ(o_t) = β (π_0/π_θ − 1), per token. */
function klPulls({ logProbs, referenceLogProbs }: GrpoSample, beta: number): number[] {
  if (beta === 0) return logProbs.map(() => 0);
  if (referenceLogProbs === null || referenceLogProbs.length !== logProbs.length) {
    throw new Error(`beta = ${beta}, but the completion has no reference log-probabilities`);
  }
  return logProbs.map((logProb, t) => beta * Math.expm1((referenceLogProbs[t] as number) - logProb));
}
