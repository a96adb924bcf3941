/**
 * KL to the frozen reference at sequence level, with the single-sample estimator "k1": for z sampled from π_θ,
 *
 *     KL[π_θ(z|x) ‖ π_0(z|x)] ≈ log π_θ(z|x) − log π_0(z|x) = Σ_t ( log π_θ(z_t|…) − log π_0(z_t|…) )
 *
 * It enters through the reward only (LaTRO, arXiv 2411.04282, A.1): the pathwise part of its gradient, E_z[∇log π_θ(z|x)],
 * is 0. A single sample may be negative.
 */

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
