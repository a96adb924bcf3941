/**
 * Rationales that did not finish within L tokens (or stopped before the minimum length) have no rationale worth scoring:
 * a penalty takes the place of their reward (LaTRO, arXiv 2411.04282, §4.3: "a constant penalty", γ = 2).
 */
import type { StopReason } from '../../protocol/records.ts';

export type TruncationSettings =
  /**
   * Ours: the smallest reward of the question's finished rationales, minus `penalty` (γ, nats), whatever KL the unfinished
   * rationale has. So it is always the worst of its group, and finishing always pays.
   */
  | { readonly rule: 'question-minimum'; readonly penalty: number }
  /**
   * The released code: `penalty` (γ, a factor) × the mean self-reward of the whole batch, truncated rationales included; KL is still
   * subtracted. Kept for parity although it is wrong: the penalty depends on other prompts and fades as rewards
   * approach 0, and on a prompt harder than average running out of length is *better* than finishing. With rewards above 0
   * (probabilities) it turns into a prize.
   */
  | { readonly rule: 'batch-mean'; readonly penalty: number }
  /** Unfinished rationales keep their own reward. */
  | { readonly rule: 'none' };

/** A rationale counts as finished when it stopped by itself after at least `minTokens` tokens. */
export function isFinished(stopReason: StopReason, tokens: number, minTokens: number): boolean {
  return stopReason !== 'length' && tokens >= minTokens;
}

/**
 * min over the finished rationales of `values`, minus `penalty`: what every unfinished rationale of the question gets.
 * When none finished, all of them get the same, so that the question gives no signal.
 *
 * @param values (K), at least one.
 */
export function questionMinimum(values: readonly number[], finished: readonly boolean[], penalty: number): number {
  const finishedValues = values.filter((_, k) => finished[k]);
  return Math.min(...(finishedValues.length > 0 ? finishedValues : values)) - penalty;
}
