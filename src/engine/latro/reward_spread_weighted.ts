import { standardDeviation } from './advantage.ts';
import { orderFreeMean } from './log_space.ts';
import {
  countedLogProbs,
  noRationaleLogProbs,
  type RewardInput,
  type SelfReward,
  spreadOverParts,
  sum,
} from './reward.ts';

/**
 * DRO's Reasoning Reflection Reward, R3 (arXiv 2506.13351): answer tokens weigh by how much they vary across rationales,
 *
 *     R(z) = Σ_j w(σ_j) · [ log π(y_j | x⊕z, y_<j) − log π(y_j | x, y_<j) ]          ∂R/∂log π(y_j) = w(σ_j)
 *
 * with σ_j the standard deviation of log π(y_j | …) over the question's rationales. Tokens that no rationale changes drop
 * out; so do tokens that teacher forcing repairs whatever was reasoned. Ours: w(σ_j) = σ_j / mean(σ), so that the weights
 * average 1 and the reward keeps the scale of a log-probability; 1 for all tokens when nothing varies. The weights are
 * constants in θ (stop-gradient). The paper's masked baseline is `subtractNoRationale`.
 */
export function spreadWeightedRewards(input: RewardInput): SelfReward[] {
  const { over } = input.settings;
  const counted = input.group.map((scores) => countedLogProbs(scores, over));
  const weights = tokenWeightsBySpread(counted);
  const withoutRationale = noRationaleLogProbs(input);
  return input.group.map((scores, k) => {
    const gains = (counted[k] as readonly number[]).map(
      (logProb, j) => (weights[j] as number) * (logProb - (withoutRationale?.[j] ?? 0)),
    );
    return { value: sum(gains), gradient: spreadOverParts(weights, scores, over) };
  });
}

/** w(σ_j) for every counted token. `group` is (K, m); the result is (m) with mean 1. */
export function tokenWeightsBySpread(group: readonly (readonly number[])[]): number[] {
  const tokens = group[0]?.length ?? 0;
  const spreads = Array.from({ length: tokens }, (_, j) => standardDeviation(group.map((row) => row[j] as number)));
  const mean = orderFreeMean(spreads);
  return mean > 0 ? spreads.map((spread) => spread / mean) : spreads.map(() => 1);
}
