import {
  countedLogProbs,
  noRationaleLogProbs,
  type RewardInput,
  type SelfReward,
  spreadOverParts,
  sum,
} from './reward.ts';

/**
 * LaTRO's self-reward (arXiv 2411.04282, eq. 3 and 4): the log-probability of the gold answer given the rationale,
 *
 *     R(z) = log π_θ(y | x⊕z) = Σ_t log π_θ(y_t | x⊕z, y_<t)          ∂R/∂log π(y_t) = 1
 *
 * a sum over tokens, in nats, ≤ 0. With `subtractNoRationale` it is the information gain log π(y|x⊕z) − log π(y|x): an
 * empty rationale then scores exactly 0. The reference code sums one token too many (the rationale's last); ours does not.
 */
export function logProbabilityRewards(input: RewardInput): SelfReward[] {
  const { over } = input.settings;
  const withoutRationale = noRationaleLogProbs(input);
  return input.group.map((scores) => {
    const logProbs = countedLogProbs(scores, over);
    const value = sum(logProbs) - (withoutRationale === null ? 0 : sum(withoutRationale));
    return {
      value,
      gradient: spreadOverParts(
        logProbs.map(() => 1),
        scores,
        over,
      ),
    };
  });
}
