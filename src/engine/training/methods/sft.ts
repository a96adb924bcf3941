/** Supervised fine-tuning on gold completions, under the prompt that evaluation uses (baselines/sft.ts). */
import { sftTokenWeight } from '../../baselines/sft.ts';
import { LatroError } from '../../common/errors.ts';
import { predictTokens } from '../../model/packing.ts';
import type { EncodedQuestion } from '../question_encoder.ts';
import type { Method, MethodContext } from './method.ts';
import { statisticsOf } from './sampling.ts';

export const sft: Method = async (context, { questions, state }) => {
  const completions = questions.map((question) => completionIds(question, context));
  const weight = sftTokenWeight(completions.map((ids) => ids.length));
  return {
    groups: questions.map(({ promptIds }, i) => ({
      prompt: promptIds,
      continuations: [{ ids: completions[i]!, predictions: predictTokens(completions[i]!, weight) }],
    })),
    sources: questions.map((_, i) => i),
    rollouts: [],
    statistics: statisticsOf([], [], 0),
    secondsSample: 0,
    secondsScore: 0,
    state,
  };
};

/** Gold rationale ⊕ y, or y alone. */
function completionIds({ row, answerIds }: EncodedQuestion, { config, task }: MethodContext): readonly number[] {
  const { target } = config.sft;
  const rationale = target === 'answer' ? undefined : row.goldRationale;
  if (rationale === undefined && target === 'rationale-and-answer') {
    throw new LatroError(
      'dataset-row',
      `Line ${row.line} has no gold rationale, and sft.target is "rationale-and-answer".`,
      'Add rationales to the dataset, or set sft.target to "answer".',
    );
  }
  if (rationale === undefined) return answerIds;
  return [...task.tokenizer.encode(rationale, { addSpecialTokens: false }), ...answerIds];
}
