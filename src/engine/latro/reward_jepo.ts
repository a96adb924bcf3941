/**
 * JEPO, the multi-sample Jensen bound (Tang et al., arXiv 2503.19618). The n rationales of a question earn one bound
 * together, tighter than LaTRO's, which is its n = 1 case without KL:
 *
 *     L⁽ⁿ⁾ = E[ log (1/n) Σ_i π_θ(y | x⊕z_i) ]
 *     ∇L⁽ⁿ⁾ = E[ Σ_i A_i ∇log π(z_i|x)  +  Σ_i w_i ∇log π(y|x⊕z_i) ]
 *     A_i = log (1/n) Σ_j π_j − log (1/(n−1)) Σ_{j≠i} π_j          w_i = π_i / Σ_j π_j
 *
 * Both sums run over the question's rationales without a factor 1/n. The best rationale is rewarded and the worst barely
 * punished, where the leave-one-out advantage of log π is dominated by the worst. All functions take
 * log π_i = log π(y | x⊕z_i), in nats, and need at least one value (two for leave-one-out).
 */
import { logMeanExp, logSumExp } from './log_space.ts';

/** log (1/n) Σ_i π_i, in nats. */
export function jepoBound(logProbs: readonly number[]): number {
  return logMeanExp(logProbs);
}

/** log (1/(n−1)) Σ_{j≠i} π_j for every i, in nats: the bound that the others would have earned. */
export function jepoLeaveOneOutBounds(logProbs: readonly number[]): number[] {
  return logProbs.map((_, i) => logMeanExp(logProbs.filter((_, j) => j !== i)));
}

/** w_i = π_i / Σ_j π_j, in [0, 1], with sum 1. */
export function jepoAnswerWeights(logProbs: readonly number[]): number[] {
  const total = logSumExp(logProbs);
  return logProbs.map((logProb) => Math.exp(logProb - total));
}
