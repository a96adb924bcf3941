/** The questions of an evaluation set and what evaluated answers say of them. Pure. */
import type { EvaluationRow } from '../../protocol/records.ts';

export interface Verdict {
  readonly passed: boolean;
  readonly expected: string;
  /** The extracted answer; null when none could be found in the text. */
  readonly actual: string | null;
  /** The whole greedy answer. */
  readonly text: string;
}

export function verdictOf({ greedy, goldAnswer }: EvaluationRow): Verdict {
  return { passed: greedy.correct, expected: goldAnswer, actual: greedy.extractedAnswer, text: greedy.text };
}

/** A question as a list shows it. */
export function excerpt(question: string, longest = 80): string {
  const line = question.trim().replaceAll(/\s+/g, ' ');
  return line.length <= longest ? line : `${line.slice(0, longest - 1)}…`;
}
