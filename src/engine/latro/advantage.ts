/**
 * From the K rewards of one question to its advantages. A reward of `null` marks a rationale that could not be scored:
 * it is left out of its siblings' baseline and its own advantage is 0, as in TRL.
 */
import { GROUP_EPSILON } from '../../protocol/group_epsilon.ts';
import { LatroError } from '../common/errors.ts';
import { orderFreeMean, orderFreeSum } from './log_space.ts';

/** Below this spread (in the reward's own unit) the K rewards count as equal: what differs is float32 rounding. */
export const ZERO_SPREAD = 1e-6;

/** @throws LatroError `config-invalid` when K < 2: a leave-one-out baseline needs another rationale. */
export function requireSeveralRationales(k: number): void {
  if (k >= 2) return;
  throw new LatroError(
    'config-invalid',
    `K = ${k}, but the leave-one-out baseline of a rationale is the mean reward of the question's other rationales.`,
    'Sample at least K = 2 rationales per question.',
  );
}

/**
 * b_k = (1/(K−1)) Σ_{j≠k} r_j (RLOO: Kool et al. 2019; LaTRO, arXiv 2411.04282, eq. 4), over the scored rationales.
 * null where there is none: for an unscored rationale, and when fewer than two are scored.
 *
 * @throws LatroError `config-invalid` when K < 2.
 */
export function leaveOneOutBaseline(rewards: readonly (number | null)[]): (number | null)[] {
  requireSeveralRationales(rewards.length);
  const scored = rewards.filter((reward) => reward !== null);
  if (scored.length < 2) return rewards.map(() => null);
  // Differences to the smallest: equal rewards then have exactly their own value as baseline, and advantage 0.
  const smallest = Math.min(...scored);
  const total = orderFreeSum(scored.map((reward) => reward - smallest));
  return rewards.map((reward) =>
    reward === null ? null : smallest + (total - (reward - smallest)) / (scored.length - 1),
  );
}

/**
 * A_k = r_k − b_k = K/(K−1) · (r_k − mean_j r_j), with Σ_k A_k = 0. Unscored rationales have 0.
 *
 * @throws LatroError `config-invalid` when K < 2.
 */
export function leaveOneOutAdvantages(rewards: readonly (number | null)[]): number[] {
  return advantagesOver(rewards, leaveOneOutBaseline(rewards));
}

/** r_k − b_k, and 0 where either is missing. */
export function advantagesOver(rewards: readonly (number | null)[], baselines: readonly (number | null)[]): number[] {
  return rewards.map((reward, k) => {
    const baseline = baselines[k] ?? null;
    return reward === null || baseline === null ? 0 : reward - baseline;
  });
}

/** Sample standard deviation (divisor n − 1, as torch.std); exactly 0 for equal values and for fewer than two. */
export function standardDeviation(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const mean = orderFreeMean(values);
  return Math.sqrt(orderFreeSum(values.map((value) => (value - mean) ** 2)) / (values.length - 1));
}

/**
 * Ã = clip(A / spread, −limit, limit) (JEPO, arXiv 2503.19618, with limit 1), where `spread` is the standard deviation of
 * the question's scored advantages. A question without spread (below `ZERO_SPREAD`) has no signal: all 0 rather than
 * rounding noise blown up to ±limit.
 */
export function clipAdvantages(advantages: readonly number[], spread: number, limit = 1): number[] {
  if (spread < ZERO_SPREAD) return advantages.map(() => 0);
  return advantages.map((advantage) => Math.min(Math.max(advantage / spread, -limit), limit));
}

/**
 * (r_k − mean r) / (std r + ε) over the scored rewards: GRPO (DeepSeekMath, arXiv 2402.03300, §4.1.2), ε as in TRL.
 * 0 for unscored rationales and for a question whose rewards are all equal.
 *
 * @throws LatroError `config-invalid` when fewer than two rewards are given.
 */
export function groupNormalisedAdvantages(rewards: readonly (number | null)[], epsilon = GROUP_EPSILON): number[] {
  requireSeveralRationales(rewards.length);
  const scored = rewards.filter((reward) => reward !== null);
  if (scored.length < 2) return rewards.map(() => 0);
  const mean = orderFreeMean(scored);
  const scale = standardDeviation(scored) + epsilon;
  return rewards.map((reward) => (reward === null ? 0 : (reward - mean) / scale));
}

export interface StandardDeviationFilterSettings {
  /** A question is dropped when std(r) < factor · EMA. RLPR: 0.5. */
  readonly factor: number;
  /** Decay of the moving average per update, in [0, 1). RLPR: 0.99. */
  readonly decay: number;
  /** First update (1-based) at which questions are dropped. RLPR: 11. */
  readonly fromStep: number;
}

/** Plain data, so that a checkpoint can hold it. */
export interface StandardDeviationFilterState {
  /** Updates seen. */
  readonly steps: number;
  /** Moving average of the per-update mean spread; null before the first update. */
  readonly average: number | null;
}

export const initialFilterState: StandardDeviationFilterState = { steps: 0, average: null };

/**
 * RLPR's standard-deviation filter (arXiv 2506.18254): questions whose K rewards barely differ (known or hopeless) are
 * dropped, by a threshold that follows the run. Ours, where the text leaves it open: an update is judged by the average of
 * the updates before it, and then enters it with the mean spread of all its questions, the dropped ones included.
 *
 * @param spreads standard deviation of each question's rewards.
 * @returns for each question whether it stays, and the state for the next update.
 */
export function standardDeviationFilter(
  state: StandardDeviationFilterState,
  spreads: readonly number[],
  settings: StandardDeviationFilterSettings,
): { keep: boolean[]; state: StandardDeviationFilterState } {
  const { average } = state;
  const active = average !== null && state.steps + 1 >= settings.fromStep;
  const keep = spreads.map((spread) => !active || spread >= settings.factor * average);
  if (spreads.length === 0) return { keep, state };
  const mean = orderFreeMean(spreads);
  const next = average === null ? mean : settings.decay * average + (1 - settings.decay) * mean;
  return { keep, state: { steps: state.steps + 1, average: next } };
}
