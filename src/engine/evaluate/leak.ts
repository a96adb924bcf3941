/**
 * Whether a rationale states the gold answer ("the answer: 72", "72 is the answer") instead of merely arriving at it ("48 + 24 = 72").
 * y then only copies, and the reward says nothing about the reasoning. LaTRO's stop phrases ought to cut such a statement off.
 */
import { unreachable } from '../common/errors.ts';
import type { AnswerKind } from '../datasets/row.ts';
import { chooseOption, isCorrectChoice } from './extract_choice.ts';
import { exactAnswer, isCorrectExact } from './extract_exact.ts';
import { isCorrectNumber, statementNumber } from './extract_number.ts';
import { findNumbers, plainMath } from './number_text.ts';
import { answerStatements, firstLine, firstSentence, normalizeAnswer } from './statement.ts';

/** "… is the answer", "… as our final answer", "… so the answer". */
const ANSWER_BEHIND =
  /(?:\b(?:is|as|be|was)\s+(?:(?!not\b)\p{L}+\s+){0,2}answer\b|\bso\s+(?:(?!not\b)\p{L}+\s+){0,2}answer\b)/giu;

export function answerLeaks(rationale: string, gold: string, kind: AnswerKind, choices?: readonly string[]): boolean {
  if (answerStatements(rationale).some((statement) => states(statement, gold, kind, choices))) return true;
  return [...rationale.matchAll(ANSWER_BEHIND)].some((match) =>
    endsWithAnswer(sentenceBefore(rationale, match.index), gold, kind),
  );
}

function states(statement: string, gold: string, kind: AnswerKind, choices: readonly string[] | undefined): boolean {
  const line = firstLine(statement);
  switch (kind) {
    case 'number': {
      const number = statementNumber(statement);
      return number !== null && number !== 'hedged' && isCorrectNumber(number, gold);
    }
    case 'choice': {
      const chosen = choices === undefined ? line : chooseOption(line, choices);
      return chosen !== null && isCorrectChoice(chosen, gold, choices);
    }
    case 'exact':
      return isCorrectExact(exactAnswer(line) ?? '', gold);
    case 'free-text':
      return normalizeAnswer(statement).toLowerCase().includes(normalizeAnswer(gold).toLowerCase());
    default:
      return unreachable(kind);
  }
}

/** "… 16 + 56 = 72" before "so the answer", "heat" before "is the answer". */
function endsWithAnswer(before: string, gold: string, kind: AnswerKind): boolean {
  if (kind === 'number') {
    const last = findNumbers(plainMath(before)).at(-1)?.text;
    return last !== undefined && isCorrectNumber(last, gold);
  }
  const [said, right] = [before, gold].map((text) => normalizeAnswer(text).toLowerCase()) as [string, string];
  return said.endsWith(right) && !/[\p{L}\p{N}]$/u.test(said.slice(0, said.length - right.length));
}

/** What stands before `index` in its own sentence. */
function sentenceBefore(text: string, index: number): string {
  let before = text.slice(text.lastIndexOf('\n', index - 1) + 1, index);
  for (let sentence = firstSentence(before); sentence.length < before.length; sentence = firstSentence(before)) {
    before = before.slice(sentence.length).trimStart();
  }
  return before;
}
