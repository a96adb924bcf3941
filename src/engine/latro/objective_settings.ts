import type { RunConfig } from '../../protocol/run_config.ts';
import type { StandardDeviationFilterSettings } from './advantage.ts';
import type { AnswerTermSettings, ObjectiveSettings } from './objective.ts';
import type { RewardSettings } from './reward.ts';
import type { TruncationSettings } from './truncation.ts';

/** The parts of `latro.json` that make the objective. */
type ObjectiveConfig = Pick<RunConfig, 'reward' | 'sftWeight'> & {
  readonly sampling: Pick<RunConfig['sampling'], 'minRationaleTokens'>;
};

/** From a run's settings to the objective's. */
export function objectiveSettings({ reward, sftWeight, sampling }: ObjectiveConfig): ObjectiveSettings {
  return {
    reward: rewardSettings(reward),
    beta: reward.klCoefficient,
    truncation: truncationSettings(reward),
    minTokens: sampling.minRationaleTokens,
    answerTerm: answerTermSettings(reward, sftWeight),
    // A question-minimum penalty is a constant in θ, and the product rule gives a constant no answer term; the released
    // code's estimator learns y after every rationale.
    answerTermOnUnfinished: reward.truncationRule !== 'question-minimum',
    advantageClip: reward.advantageClip,
  };
}

/** Decay and start are RLPR's; null when the filter is off. */
export function filterSettings(reward: RunConfig['reward']): StandardDeviationFilterSettings | null {
  const factor = reward.standardDeviationFilter;
  return factor === null ? null : { factor, decay: 0.99, fromStep: 11 };
}

function rewardSettings({ kind, spreadWeights, over, subtractNoRationale }: RunConfig['reward']): RewardSettings {
  return { kind: spreadWeights && kind === 'log-probability' ? 'spread-weighted' : kind, over, subtractNoRationale };
}

function truncationSettings({
  truncationRule: rule,
  truncationPenalty: penalty,
}: RunConfig['reward']): TruncationSettings {
  return rule === 'none' ? { rule } : { rule, penalty };
}

/** JEPO has an answer weight of its own, π_k/Σπ_j; sftWeight is then its coefficient β_sup. */
function answerTermSettings(reward: RunConfig['reward'], sftWeight: RunConfig['sftWeight']): AnswerTermSettings {
  if (sftWeight === 'answer-probability') return { type: 'answer-probability', coefficient: 1 };
  return { type: reward.kind === 'jepo' ? 'reward-gradient' : 'constant', coefficient: sftWeight };
}
