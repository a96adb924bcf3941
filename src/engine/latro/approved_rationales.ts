/**
 * Rationales z* that a person approved join the supervised term of eq. 4. With M_i of them for question i:
 *
 *     ∇̂J = (1/(N·K)) Σ_i Σ_k [ A_k ∇log π(z_k|x_i) + c_sft ∇log π(y_i|x_i⊕z_k) ]                                      (eq. 4)
 *         + (1/N) Σ_i  c_h / max(K, M_i)  Σ_{j≤M_i} [ ∇log π(z*_ij|x_i) + ∇log π(y_i|x_i⊕z*_ij) ]                   (ours)
 *
 * so every counted token of an approved sequence weighs c_h/(N·max(K, M_i)) in L(θ). One approved rationale is then one more sample of
 * its question, with an advantage of c_h where a sampled one has A_k: it weighs as much as one sample, however many tokens or
 * questions there are, and many of them together never outweigh the c_sft term of the K samples. Where a sample's own c_sft is π(y|x⊕z)
 * (sftWeight "answer-probability": a rationale that does not lead to y teaches nothing), the person's word stands for it: c_h = 1.
 *
 * z* gets a weight as well as y, unlike a sample's z: it was not drawn from π_θ, so no policy gradient speaks for it. It has no reward
 * and no KL share, and is in no baseline.
 */

import type { RunConfig } from '../../protocol/run_config.ts';

/** c_h: the coefficient of the supervised term; 0 switches approved rationales off with it. */
export function approvedCoefficient(sftWeight: RunConfig['sftWeight']): number {
  return sftWeight === 'answer-probability' ? 1 : sftWeight;
}

/**
 * w of every counted token of one approved sequence.
 * @param questions N, of the whole update
 * @param rationales K, sampled for each question
 * @param approved M_i, of this question; at least 1
 */
export function approvedTokenWeight(
  coefficient: number,
  { questions, rationales, approved }: { questions: number; rationales: number; approved: number },
): number {
  return coefficient / (questions * Math.max(rationales, approved));
}
