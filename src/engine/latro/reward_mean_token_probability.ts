import {
  countedLogProbs,
  noRationaleLogProbs,
  type RewardInput,
  type SelfReward,
  spreadOverParts,
  sum,
} from './reward.ts';

/**
 * RLPR's reward (arXiv 2506.18254): the mean token probability, debiased by the score r' without a rationale,
 *
 *     r(z) = (1/m) Σ_t π_θ(y_t | x⊕z, y_<t)          R(z) = clip(r(z) − r', 0, 1)          ∂R/∂log π(y_t) = π(y_t)/m
 *
 * in [0, 1]; the gradient is 0 where the clip holds. In the paper r' comes from the initial model, computed once; which
 * model scored `noRationale` is the caller's choice. Without `subtractNoRationale` R = r. Known weaknesses: filler tokens
 * of high probability lift the mean, and the clip silences answers that the model already knows.
 */
export function meanTokenProbabilityRewards(input: RewardInput): SelfReward[] {
  const { over } = input.settings;
  const withoutRationale = noRationaleLogProbs(input);
  const bias = withoutRationale === null ? 0 : meanProbability(withoutRationale);
  return input.group.map((scores) => {
    const logProbs = countedLogProbs(scores, over);
    const gain = meanProbability(logProbs) - bias;
    const slope = gain > 0 ? 1 / logProbs.length : 0;
    return {
      value: Math.min(Math.max(gain, 0), 1),
      gradient: spreadOverParts(
        logProbs.map((logProb) => slope * Math.exp(logProb)),
        scores,
        over,
      ),
    };
  });
}

function meanProbability(logProbs: readonly number[]): number {
  return sum(logProbs.map(Math.exp)) / logProbs.length;
}
