/** Rejection-sampling fine-tuning: sample, keep what reaches the right answer, learn it as if it were gold (baselines/rejection_sampling.ts). */
import { figuresMade } from '../../../protocol/figures_made.ts';
import { selectRejectionSamples } from '../../baselines/rejection_sampling.ts';
import { sftTokenWeight } from '../../baselines/sft.ts';
import { answerLeakIndex } from '../../latro/answer_leak.ts';
import { latroBatchUpdate } from '../../latro/objective.ts';
import { objectiveSettings } from '../../latro/objective_settings.ts';
import { isFinished } from '../../latro/truncation.ts';
import { predictTokens } from '../../model/packing.ts';
import { questionRollout, withWeights } from '../rollout_record.ts';
import { scoredQuestion } from './latro.ts';
import type { Method } from './method.ts';
import { sampleQuestions, statisticsOf } from './sampling.ts';

/** Kept per question and update: RFT's gain comes from different paths, and more than a few rarely differ. */
const MOST_PER_QUESTION = 4;

export const rejectionSampling: Method = async (context, request) => {
  const { config, task } = context;
  const { minRationaleTokens } = config.sampling;
  const start = performance.now();
  const sampled = await sampleQuestions(context, request, 0);
  const secondsSample = (performance.now() - start) / 1000;

  // Rewards and advantages are only shown: the same numbers as LaTRO's, so that methods can be compared.
  const shown = latroBatchUpdate(
    sampled.map((question) => scoredQuestion(question)),
    { ...objectiveSettings(config), beta: 0 },
  );
  const random = { seed: config.seed, step: request.step };
  const made = figuresMade(config, sampled.length);
  const judged = sampled.map((question, i) => questionRollout(question, shown[i]!.rationales, task, random, made));
  const chosen = sampled.map(({ rationales }, q) =>
    selectRejectionSamples(
      rationales.map((rationale, k) => {
        const record = judged[q]!.rationales[k]!;
        return {
          text: record.text,
          tokens: rationale.ids.length,
          correct: record.correct,
          finished: isFinished(rationale.stopReason, rationale.ids.length, minRationaleTokens),
          leaksAnswer: answerLeakIndex(record.text) !== null,
        };
      }),
      MOST_PER_QUESTION,
    ),
  );
  const selected = sampled.map(({ encoded, rationales }, q) =>
    chosen[q]!.map((k) => [...rationales[k]!.ids, ...encoded.answerIds]),
  );
  const lengths = selected.flat().map((ids) => ids.length);
  const weight = lengths.length === 0 ? 0 : sftTokenWeight(lengths);
  const rollouts = judged.map((rollout, q) => withWeights(rollout, new Map(chosen[q]!.map((k) => [k, weight]))));
  const kept = sampled.flatMap((question, i) =>
    selected[i]!.length > 0 ? [{ question, ids: selected[i]!, source: i }] : [],
  );
  return {
    groups: kept.map(({ question, ids }) => ({
      prompt: question.encoded.promptIds,
      continuations: ids.map((sequence) => ({ ids: sequence, predictions: predictTokens(sequence, weight) })),
    })),
    sources: kept.map(({ source }) => source),
    rollouts,
    statistics: statisticsOf(
      rollouts,
      selected.map((ids) => ids.length === 0),
      minRationaleTokens,
    ),
    secondsSample,
    secondsScore: 0,
    state: request.state,
  };
};
