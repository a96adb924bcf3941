/** What kind of error an answer is: wrong arithmetic, or a sound calculation of something else. Says what limits a small model. */
import type { EvaluationRow } from '../../src/protocol/records.ts';

export type ArithmeticOutcome = 'right' | 'arithmetic' | 'reading' | 'no-answer';

const EQUATION = /(\d+) ([-+*/]) (\d+) = (\d+)/g;

/** Whether "29 + 10 = 39" holds. */
function holds([, left, operator, right, result]: RegExpMatchArray): boolean {
  const [a, b, c] = [Number(left), Number(right), Number(result)];
  if (operator === '+') return a + b === c;
  if (operator === '-') return a - b === c;
  return operator === '*' ? a * b === c : c * b === a;
}

/** `arithmetic`: an equation of the rationale does not hold; `reading`: all hold (or there is none), and the answer is another. */
export function arithmeticOutcome({ greedy }: Pick<EvaluationRow, 'greedy'>): ArithmeticOutcome {
  if (greedy.correct) return 'right';
  if (greedy.extractedAnswer === null) return 'no-answer';
  return [...greedy.text.matchAll(EQUATION)].every(holds) ? 'reading' : 'arithmetic';
}

/** "57 right, 12 with an equation that does not hold, 53 with no such equation but another answer, 0 without an answer". */
export function describeOutcomes(rows: readonly EvaluationRow[]): string {
  const count = (outcome: ArithmeticOutcome): number => rows.filter((row) => arithmeticOutcome(row) === outcome).length;
  return `${count('right')} right, ${count('arithmetic')} with an equation that does not hold, ${count('reading')} with no such equation but another answer, ${count('no-answer')} without an answer`;
}
