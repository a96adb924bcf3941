/** The list of compared questions: outcome, filter, sort, tally of samples. Pure, no DOM. */
import {
  type AccuracyComparison,
  type ComparedQuestion,
  outcomeOf,
  type PairedOutcome,
} from '../src/protocol/panel_messages.ts';
import type { EvaluationRow } from '../src/protocol/records.ts';

export type Outcome = PairedOutcome | 'all';
export type RewardChange = 'any' | 'rose' | 'fell';
export type ComparedColumn = 'line' | 'before' | 'after' | 'change';

export interface ListView {
  readonly outcome: Outcome;
  readonly rewardChange: RewardChange;
  /** Searched in question, gold answer and both answers, whatever the case. */
  readonly text: string;
  readonly by: ComparedColumn;
  readonly descending: boolean;
}

/** log p(y | x, z) after − before. */
export function rewardChange({ before, after }: ComparedQuestion): number {
  return after.answerLogProb - before.answerLogProb;
}

export function listed(questions: readonly ComparedQuestion[], view: ListView): ComparedQuestion[] {
  const needle = view.text.trim().toLowerCase();
  const sign = view.descending ? -1 : 1;
  return questions
    .filter((question) => {
      if (view.outcome !== 'all' && outcomeOf(question) !== view.outcome) return false;
      const change = rewardChange(question);
      if (view.rewardChange === 'rose' && !(change > 0)) return false;
      if (view.rewardChange === 'fell' && !(change < 0)) return false;
      return needle === '' || searched(question).some((text) => text.toLowerCase().includes(needle));
    })
    .sort((a, b) => sign * (sortValue(a, view.by) - sortValue(b, view.by)) || a.line - b.line);
}

function searched({ question, goldAnswer, before, after }: ComparedQuestion): string[] {
  return [question, goldAnswer, before.extractedAnswer ?? '', after.extractedAnswer ?? ''];
}

function sortValue(question: ComparedQuestion, by: ComparedColumn): number {
  switch (by) {
    case 'line':
      return question.line;
    case 'before':
      return question.before.answerLogProb;
    case 'after':
      return question.after.answerLogProb;
    case 'change':
      return rewardChange(question);
  }
}

export function outcomeCount({ paired }: AccuracyComparison, outcome: Outcome): number {
  switch (outcome) {
    case 'all':
      return paired.questions;
    case 'fixed':
      return paired.fixed;
    case 'broken':
      return paired.broken;
    case 'both-right':
      return paired.bothRight;
    case 'both-wrong':
      return paired.bothWrong;
  }
}

export interface AnswerTally {
  readonly answer: string | null;
  readonly count: number;
  readonly correct: boolean;
}

/** How often each answer came out of the samples, the most frequent first. */
export function tally(samples: EvaluationRow['samples']): AnswerTally[] {
  const tallies = new Map<string | null, AnswerTally>();
  for (const { extractedAnswer: answer, correct } of samples)
    tallies.set(answer, { answer, correct, count: (tallies.get(answer)?.count ?? 0) + 1 });
  return [...tallies.values()].sort((a, b) => b.count - a.count);
}
