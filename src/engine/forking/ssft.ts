/**
 * SSFT, set supervised fine-tuning with global forking tokens (Jia et al., ICLR 2026, arXiv 2510.05132). For a question x
 * with M distinct correct traces r^(1..M) and N ≥ M tags g^(1..N):
 *
 *     C[i][j] = − sg[ (1/L_j) Σ_{t ≤ L_j} log π_θ(r_t^(j) | x, g^(i), r_<t^(j)) ]          L_j = min(T_j, L')
 *     σ̂ = argmin_σ Σ_j C[σ(j)][j]                                      (hungarian.ts; per question, per step)
 *     L_SSFT(θ) = − Σ_j Σ_t log π_θ(r_t^(j) | x, g^(σ̂(j)), r_<t^(j))
 *
 * Ours where the paper's text was not reachable: the tag itself has weight 0 (its sum starts at r; GFPO then learns
 * log π(g|x)); the loss is the mean over the update's trace tokens, as in SFT, so that one learning rate serves both.
 */
import { unreachable } from '../common/errors.ts';
import type { RandomStream } from '../common/random.ts';
import { orderFreeMean } from '../latro/log_space.ts';
import { matchTracesToTags } from './hungarian.ts';

/**
 * How traces find their tags. The two controls show what the matching itself is worth: `mixed` is plain SFT on all traces
 * without any tag, `random` an injective assignment drawn anew at every step.
 */
export type SsftMatching = 'matched' | 'random' | 'mixed';

/**
 * C, (N, M), row = tag, column = trace: mean −log π of each trace's first L' tokens under each tag, nats per token.
 *
 * @param logProbs (N, M, ≥ 1): log π of trace j's tokens with tag i in front; longer than L' is allowed.
 * @param prefixTokens L' ≥ 1; the paper about 1,000, 64 to 256 for short rationales.
 */
export function matchingCosts(logProbs: readonly (readonly (readonly number[])[])[], prefixTokens: number): number[][] {
  return logProbs.map((row) => row.map((trace) => -mean(trace.slice(0, prefixTokens))));
}

/** Tag of every trace (0-based), or null for all of them without tags. `random` is read only by that control. */
export function assignTags(
  cost: readonly (readonly number[])[],
  matching: SsftMatching,
  random: RandomStream,
): (number | null)[] {
  const traces = cost[0]?.length ?? 0;
  switch (matching) {
    case 'matched':
      return matchTracesToTags(cost);
    case 'random':
      // The same check of shape and numbers as the matched form.
      matchTracesToTags(cost);
      return random.shuffled(cost.map((_, tag) => tag)).slice(0, traces);
    case 'mixed':
      return Array.from({ length: traces }, () => null);
    default:
      return unreachable(matching);
  }
}

/** Numbers of tokens of x, the tag (0 without one), the trace and the answer segment y (0 when it is not trained). */
export interface TraceLengths {
  readonly prompt: number;
  readonly tag: number;
  readonly trace: number;
  readonly answer: number;
}

/**
 * w (T) of one matched sequence x ⊕ g ⊕ r ⊕ y: 0 on prompt and tag, 1/tokens on the trace, answerCoefficient/tokens on y.
 *
 * @param traceTokens tokens of all traces (and answer segments) of the whole update.
 */
export function ssftSequenceWeights(lengths: TraceLengths, traceTokens: number, answerCoefficient = 0): Float32Array {
  const start = lengths.prompt + lengths.tag;
  const weights = new Float32Array(start + lengths.trace + lengths.answer);
  weights.fill(1 / traceTokens, start, start + lengths.trace);
  weights.fill(answerCoefficient / traceTokens, start + lengths.trace);
  return weights;
}

function mean(values: readonly number[]): number {
  if (values.length === 0) throw new Error('a trace has no token to match by');
  return orderFreeMean(values);
}
