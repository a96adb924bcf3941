import { LatroError, unreachable } from '../common/errors.ts';
import { type AnswerScores, countedLogProbs, type RewardSettings, type SelfReward } from './reward.ts';
import { logProbabilityRewards } from './reward_log_probability.ts';
import { meanTokenProbabilityRewards } from './reward_mean_token_probability.ts';
import { probabilityRewards } from './reward_probability.ts';
import { spreadWeightedRewards } from './reward_spread_weighted.ts';

/**
 * The self-reward of every rationale of one question; null stays null (a rationale that could not be scored). JEPO's own
 * value is the log-probability: its bound is made of the whole group, in objective.ts.
 *
 * @param group (K), every entry the same gold answer y.
 * @throws LatroError `non-finite` when a log-probability is not a finite number.
 */
export function selfRewards(
  settings: RewardSettings,
  group: readonly (AnswerScores | null)[],
  noRationale: AnswerScores | null,
): (SelfReward | null)[] {
  const scored = group.filter((scores) => scores !== null);
  if (scored.length === 0) return group.map(() => null);
  checkScores(scored, group, settings);
  const values = rewardsByKind({ group: scored, noRationale, settings });
  let next = 0;
  return group.map((scores) => (scores === null ? null : (values[next++] as SelfReward)));
}

function rewardsByKind(input: Parameters<typeof logProbabilityRewards>[0]): SelfReward[] {
  const { kind } = input.settings;
  switch (kind) {
    case 'log-probability':
    case 'jepo':
      return logProbabilityRewards(input);
    case 'probability':
      return probabilityRewards(input);
    case 'mean-token-probability':
      return meanTokenProbabilityRewards(input);
    case 'spread-weighted':
      return spreadWeightedRewards(input);
    default:
      return unreachable(kind);
  }
}

function checkScores(
  scored: readonly AnswerScores[],
  group: readonly (AnswerScores | null)[],
  settings: RewardSettings,
): void {
  const tokens = countedLogProbs(scored[0] as AnswerScores, settings.over).length;
  for (const scores of scored) {
    const counted = countedLogProbs(scores, settings.over);
    if (counted.length === 0) {
      throw new LatroError(
        'dataset-row',
        'The gold answer has no token that the reward counts.',
        'Give the row an answer that is not empty.',
      );
    }
    if (counted.length !== tokens) throw new Error('the rationales of one question were scored on different answers');
    const bad = [...scores.answer, ...scores.template].find((logProb) => !Number.isFinite(logProb));
    if (bad !== undefined) {
      throw new LatroError(
        'non-finite',
        `Rationale ${group.indexOf(scores) + 1} has an answer token with log-probability ${bad}.`,
        'Go back to the last good checkpoint and lower the learning rate.',
      );
    }
  }
}
