/**
 * KL to the frozen reference at sequence level, with the single-sample estimator "k1": for z sampled from π_θ,
 *
 *     KL[π_θ(z|x) ‖ π_0(z|x)] ≈ log π_θ(z|x) − log π_0(z|x) = Σ_t ( log π_θ(z_t|…) − log π_0(z_t|…) )
 *
 * It enters through the reward only (LaTRO, arXiv 2411.04282, A.1): the pathwise part of its gradient, E_z[∇log π_θ(z|x)],
 * is 0. A single sample may be negative.
 */

/**
 * Σ_t (log π_θ − log π_0) over one rationale's tokens, in nats. Exactly 0 when both were scored by the same numbers, as at
 * θ = θ_0 with one graph and one precision.
 */
export function sequenceLogRatio(logProbs: readonly number[], referenceLogProbs: readonly number[]): number {
  if (logProbs.length !== referenceLogProbs.length) throw new Error('policy and reference scored different rationales');
  return logProbs.reduce((sum, logProb, t) => sum + (logProb - (referenceLogProbs[t] as number)), 0);
}

/**
 * β · (log π_θ(z|x) − log π_0(z|x)), subtracted from the reward. `referenceLogProb` may be null (not scored) only at β = 0.
 *
 * @param beta KL coefficient β ≥ 0. The paper: 0.05 on GSM8K, 0.25 on ARC-Challenge; 1 makes eq. 3 the exact ELBO.
 */
export function klPenalty(beta: number, logProb: number, referenceLogProb: number | null): number {
  if (beta === 0) return 0;
  if (referenceLogProb === null) throw new Error(`beta = ${beta}, but the rationale has no reference log-probability`);
  return beta * (logProb - referenceLogProb);
}
