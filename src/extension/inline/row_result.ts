/** What a run left behind about one question, in the few figures that fit beside its row. Pure. */
import * as v from 'valibot';
import { majorityVote, mean } from '../../engine/evaluate/statistics.ts';
import { madeOf, SELF_REWARD_PARTS, type SelfRewardMade } from '../../protocol/counted_tokens.ts';
import { EvaluationRow, QuestionRollout, RationaleRecord } from '../../protocol/records.ts';

/** 'fixed' wrong → right, 'broken' right → wrong, 'unsolved' wrong now and not right before; null: right now and not fixed. */
export type RowOutcome = 'fixed' | 'broken' | 'unsolved' | null;

/** One look at a question by one set of weights. */
export interface RowAnswers {
  /** Updates behind the weights. */
  readonly updates: number;
  /** Answers that were right, of how many. */
  readonly right: number;
  readonly votes: number;
  /** Whether the one answer that counts is right: an evaluation's greedy answer, or the majority of a rollout's. */
  readonly solved: boolean;
  /** Mean self-reward of the answers: of the kind and in the unit that `made` says. */
  readonly meanReward: number;
  /** null: an older record that does not say it. */
  readonly made: SelfRewardMade | null;
  /** The greedy answer of an evaluation, which is the whole of it where nothing was sampled; null: a rollout has none. */
  readonly greedy: GreedyAnswer | null;
}

export interface GreedyAnswer {
  readonly right: boolean;
  readonly reward: number;
  /** What stands above it is of samples, and this beside them. */
  readonly besideSamples: boolean;
}

/** How the reward moved: the mean of the figures above, or that of the greedy answer where only one of the two looks sampled others. */
export interface RewardChange {
  readonly of: 'mean' | 'greedy';
  readonly now: number;
  readonly by: number;
}

/** Evaluations score the whole of y, whatever a run's own reward counts: log π(y | x ⊕ z), in nats. */
const EVALUATED: SelfRewardMade = { kind: 'log-probability', over: 'answer-and-template', subtractNoRationale: false };

export interface RowResult {
  readonly from: 'evaluation' | 'rollouts';
  readonly now: RowAnswers;
  /** The first look of the same kind; null when there is only one. */
  readonly before: RowAnswers | null;
  readonly outcome: RowOutcome;
  /** null: there is nothing to compare with. */
  readonly change: RewardChange | null;
}

export function rowResult(from: RowResult['from'], now: RowAnswers, before: RowAnswers | null): RowResult {
  return { from, now, before, outcome: outcomeOf(now, before), change: changeOf(now, before) };
}

/** Sampled answers are mostly worth less than the greedy one of the same weights: the one is never taken for a change of the other. */
function changeOf(now: RowAnswers, before: RowAnswers | null): RewardChange | null {
  if (before === null) return null;
  if (now.greedy !== null && before.greedy !== null && now.greedy.besideSamples !== before.greedy.besideSamples)
    return { of: 'greedy', now: now.greedy.reward, by: now.greedy.reward - before.greedy.reward };
  return { of: 'mean', now: now.meanReward, by: now.meanReward - before.meanReward };
}

function outcomeOf(now: RowAnswers, before: RowAnswers | null): RowOutcome {
  if (before === null) return now.solved ? null : 'unsolved';
  if (now.solved) return before.solved ? null : 'fixed';
  return before.solved ? 'broken' : 'unsolved';
}

/** What is read of a rollout: the rationales' tokens are most of it and are not looked at here. */
export const RolloutFigures = v.object({
  ...v.pick(QuestionRollout, ['step', 'rowKey']).entries,
  rationales: v.array(v.pick(RationaleRecord, ['text', 'extractedAnswer', 'correct', ...SELF_REWARD_PARTS])),
});
export type RolloutFigures = v.InferOutput<typeof RolloutFigures>;
export type RationaleFigures = Pick<RationaleRecord, 'text' | 'selfReward' | 'extractedAnswer' | 'correct'>;

/** The rollout of update s was sampled by the weights that s − 1 updates had made. */
export function answersOfRollout({ step, rationales }: RolloutFigures): RowAnswers {
  const majority = majorityVote(rationales.map(({ extractedAnswer }) => extractedAnswer));
  return {
    updates: Math.max(0, step - 1),
    right: rationales.filter(({ correct }) => correct).length,
    votes: rationales.length,
    solved: rationales.some(({ extractedAnswer, correct }) => correct && extractedAnswer === majority),
    meanReward: mean(rationales.map(({ selfReward }) => selfReward)),
    made: rewardMade(rationales),
    greedy: null,
  };
}

const rewardMade = ([first]: RolloutFigures['rationales']): SelfRewardMade | null =>
  first === undefined ? null : madeOf(first);

export const EvaluationFigures = v.pick(EvaluationRow, [
  'rowKey',
  'line',
  'greedy',
  'samples',
  'answerLogProbGreedy',
  'answerLogProbSampled',
]);
export type EvaluationFigures = v.InferOutput<typeof EvaluationFigures>;

/** The samples vote when there are any, else the greedy answer alone does; which of them is judged is always the greedy one. */
export function answersOfEvaluation(row: EvaluationFigures, updates: number): RowAnswers {
  const { greedy, samples, answerLogProbGreedy, answerLogProbSampled } = row;
  const voters = samples.length > 0 ? samples : [greedy];
  return {
    updates,
    right: voters.filter(({ correct }) => correct).length,
    votes: voters.length,
    solved: greedy.correct,
    meanReward: answerLogProbSampled ?? answerLogProbGreedy,
    made: EVALUATED,
    greedy: { right: greedy.correct, reward: answerLogProbGreedy, besideSamples: samples.length > 0 },
  };
}

/** What was thought about a row, best and worst, and where it was sampled; or why there is nothing to show. */
export type ShownRationales =
  | {
      readonly kind: 'samples' | 'rollout';
      readonly count: number;
      readonly shown: readonly RationaleFigures[];
      /** What the self-rewards of these are; as in `RowAnswers`. */
      readonly made: SelfRewardMade | null;
    }
  /** Only the greedy answer was evaluated. */
  | { readonly kind: 'greedy-only' }
  /** Evaluated by a version that kept no reward of each sample. */
  | { readonly kind: 'no-rewards' };

/** Those of the evaluation itself if it kept any with their rewards, else those of the newest rollout. */
export function shownRationales(
  evaluated: EvaluationFigures | null,
  rollout: RolloutFigures | undefined,
): ShownRationales {
  const samples = evaluated === null ? [] : scoredSamples(evaluated);
  if (samples.length > 0)
    return { kind: 'samples', count: samples.length, shown: bestAndWorst(samples), made: EVALUATED };
  if (rollout !== undefined || evaluated === null) {
    const rationales = rollout?.rationales ?? [];
    return { kind: 'rollout', count: rationales.length, shown: bestAndWorst(rationales), made: rewardMade(rationales) };
  }
  return { kind: evaluated.samples.length === 0 ? 'greedy-only' : 'no-rewards' };
}

const scoredSamples = ({ samples }: EvaluationFigures): RationaleFigures[] =>
  samples.flatMap(({ text, extractedAnswer, correct, answerLogProb }) =>
    answerLogProb === undefined ? [] : [{ text, selfReward: answerLogProb, extractedAnswer, correct }],
  );

/** The rationales with the highest and the lowest self-reward; of one rationale there is only a best. */
export function bestAndWorst(rationales: readonly RationaleFigures[]): RationaleFigures[] {
  const sorted = [...rationales].sort((a, b) => b.selfReward - a.selfReward);
  return [...sorted.slice(0, 1), ...sorted.slice(1).slice(-1)];
}
