import {
  countedLogProbs,
  noRationaleLogProbs,
  type RewardInput,
  type SelfReward,
  spreadOverParts,
  sum,
} from './reward.ts';

/**
 * VeriFree's reward (arXiv 2505.21493): the probability itself,
 *
 *     R(z) = π_θ(y | x⊕z) = exp Σ_t log π_θ(y_t | x⊕z, y_<t)          ∂R/∂log π(y_t) = R
 *
 * in [0, 1]. It is the expectation of "sample the answer and check that it equals y", so it does not punish confident
 * misses without bound as a logarithm does; it vanishes for long answers (the paper keeps answers below 7 tokens).
 */
export function probabilityRewards(input: RewardInput): SelfReward[] {
  const { over } = input.settings;
  const withoutRationale = noRationaleLogProbs(input);
  return input.group.map((scores) => {
    const logProbs = countedLogProbs(scores, over);
    const probability = Math.exp(sum(logProbs));
    const value = probability - (withoutRationale === null ? 0 : Math.exp(sum(withoutRationale)));
    return {
      value,
      gradient: spreadOverParts(
        logProbs.map(() => probability),
        scores,
        over,
      ),
    };
  });
}
