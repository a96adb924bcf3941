/** LaTRO: sample, score the known answer, weigh by the leave-one-out advantage. The equations stand in latro/objective.ts. */
import { initialFilterState, standardDeviationFilter } from '../../latro/advantage.ts';
import { latroBatchUpdate, type QuestionUpdate, type ScoredQuestion } from '../../latro/objective.ts';
import { filterSettings, objectiveSettings } from '../../latro/objective_settings.ts';
import { type SampledQuestion, splitParts, trainingGroup } from '../rollout.ts';
import { questionRollout } from '../rollout_record.ts';
import type { Method, MethodState } from './method.ts';
import { sampleQuestions, statisticsOf } from './sampling.ts';

export const latro: Method = async (context, request) => {
  const { config, task } = context;
  const settings = objectiveSettings(config);
  const start = performance.now();
  const sampled = await sampleQuestions(context, request, settings.beta);
  const secondsSample = (performance.now() - start) / 1000;

  const updates = latroBatchUpdate(sampled.map(scoredQuestion), settings);
  const { keep, state } = filterQuestions(updates, filterSettings(config.reward), request.state);
  const kept = sampled.flatMap((question, i) => (keep[i] ? [{ question, update: updates[i]!, source: i }] : []));
  const random = { seed: config.seed, step: request.step };
  const rollouts = sampled.map((question, i) => questionRollout(question, updates[i]!.rationales, task, random));
  return {
    groups: kept.map(({ question, update }) =>
      trainingGroup(question, update.rationales, config.sampling.countStopTokens),
    ),
    sources: kept.map(({ source }) => source),
    rollouts,
    statistics: statisticsOf(
      rollouts,
      updates.map((update) => update.zeroVariance),
      config.sampling.minRationaleTokens,
    ),
    secondsSample,
    secondsScore: 0,
    state,
  };
};

/** The objective's view of a rollout: y's log-probabilities with the template apart. */
export function scoredQuestion({
  encoded,
  rationales,
  answerLogProbsWithoutRationale,
}: SampledQuestion): ScoredQuestion {
  return {
    rationales: rationales.map((rationale) => ({
      tokens: rationale.ids.length,
      stopReason: rationale.stopReason,
      logProb: rationale.logProb,
      referenceLogProb: rationale.referenceLogProb,
      scores: splitParts(rationale.answerLogProbs, encoded.answerParts),
    })),
    noRationale: splitParts(answerLogProbsWithoutRationale, encoded.answerParts),
  };
}

function filterQuestions(
  updates: readonly QuestionUpdate[],
  settings: ReturnType<typeof filterSettings>,
  state: MethodState,
): { keep: readonly boolean[]; state: MethodState } {
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
