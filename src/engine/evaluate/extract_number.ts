/** The number that a text gives as its answer. */
import { type FoundNumber, findNumbers, numberText, plainMath, sameNumber } from './number_text.ts';
import { answerStatements, firstLine, firstSentence, lastSentences, normalizeAnswer } from './statement.ts';

const BOLD = /\*\*([^*\n]+)\*\*/g;
/** "not 20": a number that the text rejects. */
const REJECTED = /(?:\bnot|n't|\bnever)(?:\s+(?:equal\s+to|simply|just))?\s+[-$€£]?\s?[\d.,/]*\d/giu;

/** "5 or 6" is no answer. */
const HEDGED = /\d(?:\s+\p{L}+)?\s+or\s+[-$€£]*\d/iu;

/** Plain digits, or null when the text names no number. The last answer statement that holds one counts; else the last result. */
export function extractNumber(text: string, marker?: string): string | null {
  for (const statement of answerStatements(text, marker).reverse()) {
    const found = statementNumber(statement);
    if (found === 'hedged') return null;
    if (found !== null) return found;
  }
  return unmarkedNumber(text);
}

export function isCorrectNumber(extracted: string, gold: string): boolean {
  const [a, b] = [numberText(extracted), numberText(gold)];
  if (a === null || b === null) return normalizeAnswer(extracted).toLowerCase() === normalizeAnswer(gold).toLowerCase();
  return sameNumber(a, b);
}

/** The number of one answer statement; null when it holds none. */
export function statementNumber(statement: string): string | 'hedged' | null {
  const line = plainMath(firstLine(statement)).replace(REJECTED, ' ');
  const sentence = firstSentence(line);
  if (HEDGED.test(sentence)) return 'hedged';
  return statedNumber(sentence) ?? statedNumber(line);
}

/** "48 + 24 = 72 clips (in May)" → 72; without a result behind "=", the first number, one in brackets only if there is no other. */
function statedNumber(text: string): string | null {
  const outside = text.replace(/\([^()]*\)/g, ' ');
  for (const part of [outside, text]) {
    const found = resultAfterEquals(part) ?? findNumbers(part)[0];
    if (found) return found.text;
  }
  return null;
}

/** The single number behind the last "=" or "≈"; undefined when more arithmetic follows there ("72 = 48 + 24"). */
function resultAfterEquals(text: string): FoundNumber | undefined {
  const equals = Math.max(text.lastIndexOf('='), text.lastIndexOf('≈'));
  if (equals === -1) return undefined;
  const right = text.slice(equals + 1);
  const [result] = findNumbers(right);
  return result && !/^\s*[-+*/×÷^]\s*[\d(]/.test(right.slice(result.end)) ? result : undefined;
}

/** No statement: the result of the last sentence that has one, its bold number, or the last number of all. */
function unmarkedNumber(text: string): string | null {
  const lines = text.split('\n').filter((line) => findNumbers(plainMath(line)).length > 0);
  const sentence = lastSentences(lines.at(-1) ?? '').findLast(
    (candidate) => findNumbers(plainMath(candidate)).length > 0,
  );
  if (sentence === undefined) return null;
  const bold = [...sentence.matchAll(BOLD)].flatMap((match) => findNumbers(plainMath(match[1] as string))).at(-1);
  const kept = plainMath(sentence).replace(REJECTED, ' ');
  return (bold ?? resultAfterEquals(kept) ?? findNumbers(kept).at(-1))?.text ?? null;
}
