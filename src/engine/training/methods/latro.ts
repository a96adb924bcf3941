/** LaTRO: sample, score the known answer, weigh by the leave-one-out advantage. The equations stand in latro/objective.ts. */

import { figuresMade } from '../../../protocol/figures_made.ts';
import type { RunConfig } from '../../../protocol/run_config.ts';
import { initialFilterState, standardDeviationFilter } from '../../latro/advantage.ts';
import { approvedCoefficient, approvedTokenWeight } from '../../latro/approved_rationales.ts';
import {
  latroBatchUpdate,
  type QuestionUpdate,
  type RationaleUpdate,
  type ScoredQuestion,
} from '../../latro/objective.ts';
import { filterSettings, objectiveSettings } from '../../latro/objective_settings.ts';
import { splitParts } from '../../latro/reward.ts';
import { type Continuation, type PromptGroup, predictTokens } from '../../model/packing.ts';
import type { EncodedQuestion } from '../question_encoder.ts';
import { continuation, type SampledQuestion, trainingGroup } from '../rollout.ts';
import { questionRollout } from '../rollout_record.ts';
import type { Method, MethodContext, MethodState, RolloutStatistics } from './method.ts';
import { sampleQuestions, statisticsOf } from './sampling.ts';

export const latro: Method = async (context, request) => {
  const { config, task } = context;
  const settings = objectiveSettings(config);
  const start = performance.now();
  const sampled = await sampleQuestions(context, request, settings.beta);
  const secondsSample = (performance.now() - start) / 1000;

  const bonuses = sampled.map((question) => ratingBonuses(question, context));
  const updates = latroBatchUpdate(
    sampled.map((question, i) => scoredQuestion(question, bonuses[i])),
    settings,
  );
  const { keep, state } = filterQuestions(updates, config.reward, request.state);
  // A question that the filter leaves out still has what a person approved of it.
  const groups = sampled.map((question, i): PromptGroup => {
    const own = trainingGroup(question, updates[i]!.rationales, config.sampling.countStopTokens);
    const approved = approvedContinuations(question.encoded, sampled.length, context);
    return { prompt: own.prompt, continuations: [...(keep[i] ? own.continuations : []), ...approved] };
  });
  const kept = groups.flatMap((group, source) => (group.continuations.length > 0 ? [{ group, source }] : []));
  const random = { seed: config.seed, step: request.step };
  const made = figuresMade(config, sampled.length);
  const rollouts = sampled.map((question, i) => {
    const { rationales } = updates[i]!;
    const shown = keep[i] ? rationales : rationales.map(withoutWeight);
    return questionRollout(question, shown, task, random, made, bonuses[i]);
  });
  const statistics = statisticsOf(
    rollouts,
    updates.map((update) => update.zeroVariance),
    config.sampling.minRationaleTokens,
  );
  return {
    groups: kept.map(({ group }) => group),
    sources: kept.map(({ source }) => source),
    rollouts,
    statistics: { ...statistics, ...ratingsUsed(sampled, bonuses, context) },
    secondsSample,
    secondsScore: 0,
    state,
  };
};

/** What ratings add to the rewards of a question's rationales, (K). */
export function ratingBonuses({ encoded, rationales }: SampledQuestion, { ratings, task }: MethodContext): number[] {
  const { rowKey } = encoded.row;
  if (ratings === null || !ratings.judges(rowKey)) return rationales.map(() => 0);
  return rationales.map(({ ids }) => ratings.bonus(rowKey, task.tokenizer.decode(ids)));
}

/**
 * x ⊕ z* ⊕ y for each approved rationale (the weight is derived in latro/approved_rationales.ts). Counted tokens are those that count in a
 * sample which the answer template's own words ended: z*, those words when stop tokens count, and of y what the reward counts.
 */
function approvedContinuations(
  { row, answerIds, answerParts }: EncodedQuestion,
  questions: number,
  { ratings, config: { sampling, reward, sftWeight } }: MethodContext,
): Continuation[] {
  const approved = ratings?.approved(row.rowKey) ?? [];
  const counts = { questions, rationales: sampling.rationalesPerQuestion, approved: approved.length };
  const weight = approvedTokenWeight(approvedCoefficient(sftWeight), counts);
  const marker = answerParts.indexOf('answer');
  return approved.map((ids) => {
    const onAnswer = answerIds.map((target, t) => {
      const counted =
        reward.over === 'answer-and-template' ||
        answerParts[t] === 'answer' ||
        (sampling.countStopTokens && t < marker);
      return { at: ids.length + t, target, weight: counted ? weight : 0 };
    });
    const predictions = [...predictTokens(ids, weight), ...onAnswer.filter((prediction) => prediction.weight > 0)];
    return continuation(ids, answerIds, predictions);
  });
}

function ratingsUsed(
  questions: readonly SampledQuestion[],
  bonuses: readonly (readonly number[])[],
  { ratings }: MethodContext,
): Pick<RolloutStatistics, 'ratedRationales' | 'approvedRationales'> {
  if (ratings === null) return {};
  return {
    ratedRationales: bonuses.flat().filter((bonus) => bonus !== 0).length,
    approvedRationales: questions.reduce((sum, { encoded }) => sum + ratings.approved(encoded.row.rowKey).length, 0),
  };
}

/** The objective's view of a rollout: y's log-probabilities with the template apart. */
export function scoredQuestion(
  { encoded, rationales, answerLogProbsWithoutRationale }: SampledQuestion,
  bonuses: readonly number[] = [],
): ScoredQuestion {
  return {
    rationales: rationales.map((rationale, k) => ({
      tokens: rationale.ids.length,
      stopReason: rationale.stopReason,
      logProb: rationale.logProb,
      referenceLogProb: rationale.referenceLogProb,
      scores: splitParts(rationale.answerLogProbs, encoded.answerParts),
      ratingBonus: bonuses[k] ?? 0,
    })),
    noRationale: splitParts(answerLogProbsWithoutRationale, encoded.answerParts),
  };
}

/** What RLPR's filter leaves of a rationale. */
export function withoutWeight(rationale: RationaleUpdate): RationaleUpdate {
  return { ...rationale, rationaleWeight: 0, answerWeights: { answer: [], template: [] } };
}

/** Which of them RLPR's filter keeps, by the spread of their rewards. */
export function filterQuestions(
  updates: readonly QuestionUpdate[],
  reward: RunConfig['reward'],
  state: MethodState,
): { keep: readonly boolean[]; state: MethodState } {
  const settings = filterSettings(reward);
  if (settings === null) return { keep: updates.map(() => true), state };
  const before =
    state.spreadAverage === null ? initialFilterState : { steps: state.spreadSteps, average: state.spreadAverage };
  const filtered = standardDeviationFilter(
    before,
    updates.map((update) => update.rewardSpread),
    settings,
  );
  return { keep: filtered.keep, state: { spreadSteps: filtered.state.steps, spreadAverage: filtered.state.average } };
}
