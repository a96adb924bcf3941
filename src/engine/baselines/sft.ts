/**
 * Supervised fine-tuning on gold completions (a gold rationale with its answer, or the answer alone), prompt masked:
 *
 *     L(θ) = − (1/T) Σ_sequences Σ_{t in completion} log π_θ(token_t | …)          T = completion tokens in the batch
 *
 * the completion-only token mean of Hugging Face's trainers, as in LaTRO's own SFT baseline (sft_baseline.py). Unlike there,
 * the prompt is the one that evaluation uses: the paper's SFT rows are trained on another prompt than they are tested on.
 */

/**
 * w_t of every completion token of the update; prompt tokens weigh 0.
 *
 * @param completionTokens tokens of each completion of the whole update, not of a micro-batch; at least one in all.
 */
export function sftTokenWeight(completionTokens: readonly number[]): number {
  const total = completionTokens.reduce((sum, tokens) => sum + tokens, 0);
  if (total === 0) throw new Error('there is no completion token to learn');
  return 1 / total;
}
