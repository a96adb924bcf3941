/** The word or short text that a text gives as its answer: last letters, yes or no. */
import { answerStatements, firstLine, lastSentences, normalizeAnswer } from './statement.ts';

/** Where an answer ends and its explanation begins. */
const EXPLANATION =
  /[.!?](?=["'”’)*_]*(?:\s|$))|;|\s\(|\s(?:because|since|as)\s|,\s*(?:so|because|since|the|as|it|which|and|but)\b/i;
const QUOTED = /["“]([^"“”\n]+)["”]|\*\*([^*\n]+)\*\*|`([^`\n]+)`/;
/** Without a statement, only a last sentence of so few words is taken for an answer. */
const LONGEST_BARE_ANSWER = 5;

export function extractExact(text: string, marker?: string): string | null {
  const statement = answerStatements(text, marker)
    .map(firstLine)
    .findLast((line) => normalizeAnswer(line) !== '');
  if (statement !== undefined) return exactAnswer(statement);
  const sentence = lastSentences(text).at(-1) ?? '';
  const quoted = [...sentence.matchAll(new RegExp(QUOTED, 'g'))].at(-1);
  if (quoted) return normalizeAnswer(quoted[1] ?? quoted[2] ?? quoted[3] ?? '') || null;
  const verdict = /^(?:so,?\s+)?(yes|no)\b(?=[,.;:!]|\s*$)/i.exec(sentence);
  if (verdict) return verdict[1] as string;
  return sentence.split(/\s+/).length <= LONGEST_BARE_ANSWER ? normalizeAnswer(sentence) || null : null;
}

export function isCorrectExact(extracted: string, gold: string): boolean {
  const [said, right] = [extracted, gold].map((text) => normalizeAnswer(text).toLowerCase()) as [string, string];
  return right !== '' && said === right;
}

/** The answer at the beginning of a statement, without its explanation. */
export function exactAnswer(statement: string): string | null {
  const quoted = new RegExp(`^\\s*(?:${QUOTED.source})`).exec(statement);
  const answer = quoted ? (quoted[1] ?? quoted[2] ?? quoted[3] ?? '') : (statement.split(EXPLANATION, 1)[0] ?? '');
  return normalizeAnswer(answer) || null;
}
