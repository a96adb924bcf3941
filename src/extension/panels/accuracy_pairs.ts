/** Two evaluations side by side: rows of the same question, found by content key. Pure. */
import type { ComparedQuestion, ComparedSide } from '../../protocol/panel_messages.ts';
import type { EvaluationRow } from '../../protocol/records.ts';
import { rowIds } from '../dataset/row_ids.ts';

export interface RowPair {
  readonly before: EvaluationRow;
  readonly after: EvaluationRow;
}

/** Pairs in the order of `after`. Rows that say the same share a key: they are paired in their order. */
export function pairRows(
  before: readonly EvaluationRow[],
  after: readonly EvaluationRow[],
): { readonly pairs: readonly RowPair[]; readonly onlyBefore: number; readonly onlyAfter: number } {
  const waiting = new Map<string, EvaluationRow[]>();
  for (const row of before) waiting.set(row.rowKey, [...(waiting.get(row.rowKey) ?? []), row]);
  const pairs = after.flatMap((row): RowPair[] => {
    const partner = waiting.get(row.rowKey)?.shift();
    return partner === undefined ? [] : [{ before: partner, after: row }];
  });
  return { pairs, onlyBefore: before.length - pairs.length, onlyAfter: after.length - pairs.length };
}

/** What tells the pairs apart, equal rows too, in the order of `pairs`. */
export function pairIds(pairs: readonly RowPair[]): string[] {
  return rowIds(pairs.map(({ after }) => after.rowKey));
}

export function comparedQuestions(pairs: readonly RowPair[]): ComparedQuestion[] {
  const ids = pairIds(pairs);
  return pairs.map(({ before, after }, i) => {
    const { rowKey, line, question, goldAnswer } = after;
    return { id: ids[i]!, rowKey, line, question, goldAnswer, before: side(before), after: side(after) };
  });
}

function side({ greedy, answerLogProbGreedy, samples }: EvaluationRow): ComparedSide {
  return {
    extractedAnswer: greedy.extractedAnswer,
    correct: greedy.correct,
    answerLogProb: answerLogProbGreedy,
    tokens: greedy.tokens,
    samplesRight: samples.length === 0 ? null : samples.filter(({ correct }) => correct).length,
  };
}
