/**
 * Which option a text chooses. Options are compared whole: "soil" does not choose "oil", "not heat" does not choose "heat", and
 * "3.5 meters" is not cut at its point, as the reference extractor does.
 */
import { answerStatements, firstLine, firstSentence, lastSentences, normalizeAnswer } from './statement.ts';

/** The chosen option as the row writes it, or null. */
export function extractChoice(text: string, choices: readonly string[], marker?: string): string | null {
  for (const statement of answerStatements(text, marker).reverse()) {
    const chosen = chooseOption(firstLine(statement), choices);
    if (chosen !== null) return chosen;
  }
  const last = lastSentences(text);
  return chooseOption(last.join(' '), choices) ?? chooseOption(last.at(-1) ?? '', choices);
}

/** What a text states when its options are not known: its last answer statement, or else its last line. */
export function extractOpenChoice(text: string, marker?: string): string | null {
  const statement = answerStatements(text, marker)
    .map(firstLine)
    .findLast((line) => normalizeAnswer(line) !== '');
  return normalizeAnswer(statement ?? lastSentences(text).join(' ')) || null;
}

export function isCorrectChoice(extracted: string, gold: string, choices: readonly string[] | undefined): boolean {
  if (choices === undefined) return chooseOption(extracted, [gold], 'texts') !== null;
  const [a, b] = [extracted, gold].map((option) => normalizer(choices)(option));
  return a === b;
}

/** Case counts only between options that differ in nothing else ("WW or Ww", "WW or ww"). */
function normalizer(choices: readonly string[]): (text: string) => string {
  const lower = choices.map((choice) => normalizeAnswer(choice).toLowerCase());
  return new Set(lower).size === choices.length ? (text) => normalizeAnswer(text).toLowerCase() : normalizeAnswer;
}

interface Candidate {
  readonly choice: string;
  readonly text: string;
}

/** @param by whether an option may also be chosen by its letter */
export function chooseOption(
  statement: string,
  choices: readonly string[],
  by: 'texts' | 'texts-and-letters' = 'texts-and-letters',
): string | null {
  const normalize = normalizer(choices);
  const candidates = choices
    .map((choice): Candidate => ({ choice, text: normalize(choice) }))
    .filter(({ text }) => text !== '');
  const said = normalize(statement);
  const first = leading(said, candidates);
  if (first) return isHedged(said.slice(first.text.length), first, candidates) ? null : first.choice;
  const letter = LETTER.exec(statement.replace(/[*_`~]/g, '').trim());
  if (letter && by === 'texts-and-letters') {
    const named = leading(normalize(letter.input.slice(letter[0].length)), candidates);
    const index = (letter[1] ?? letter[2] ?? letter[3] ?? '').toUpperCase().charCodeAt(0) - 65;
    return named?.choice ?? choices[index] ?? null;
  }
  const mentioned = mentions(normalize(firstSentence(statement)), candidates);
  return mentioned.length === 1 ? (mentioned[0] as Candidate).choice : null;
}

/** "(B)", "B." or "B)"; "option b"; or a lone "B". The article in "A planet" is none. */
const LETTER =
  /^(?:[("'[]*([A-Z])[)\].:]+["']*(?=\s|$)|(?:option|choice|letter)\s+[("'[]*([A-Za-z])\b[)\]"']*[.:]?|([A-Z])["']?$)/i;

/** The longest option with which the text begins. */
function leading(text: string, candidates: readonly Candidate[]): Candidate | undefined {
  return candidates
    .filter((candidate) => text.startsWith(candidate.text) && endsAt(text, candidate.text.length))
    .sort((a, b) => b.text.length - a.text.length)[0];
}

/** "heat or light" chooses neither. */
function isHedged(rest: string, first: Candidate, candidates: readonly Candidate[]): boolean {
  const others = candidates.filter((candidate) => candidate.text !== first.text);
  const alternative = /^\s*(?:,\s*)?(?:or|and\/or)\s+(.*)/i.exec(rest)?.[1] ?? '';
  return [alternative, alternative.replace(/^(?:an?|the)\s+/i, '')].some((text) => leading(text, others) !== undefined);
}

/** Options named as whole words and not rejected; one inside a longer one that is named there too does not count. */
function mentions(text: string, candidates: readonly Candidate[]): Candidate[] {
  const found = candidates.flatMap((candidate) =>
    occurrences(text, candidate.text).map((start) => ({ candidate, start, end: start + candidate.text.length })),
  );
  const outermost = found.filter(
    (a) => !found.some((b) => b !== a && b.start <= a.start && b.end >= a.end && b.end - b.start > a.end - a.start),
  );
  const accepted = outermost.filter(({ start }) => !REJECTION.test(text.slice(0, start)));
  return [...new Set(accepted.map(({ candidate }) => candidate))];
}

const REJECTION =
  /(?:\bnot|n't|\bnever|\bneither|\bnor|\brather than|\binstead of|\bexcept)\s+(?:(?:be|simply|just|an?|the|about|likely)\s+){0,3}$/i;

function occurrences(text: string, part: string): number[] {
  const starts: number[] = [];
  for (let at = text.indexOf(part); at !== -1; at = text.indexOf(part, at + 1)) {
    if (startsAt(text, at) && endsAt(text, at + part.length)) starts.push(at);
  }
  return starts;
}

/** Whether a word or a number may begin at `offset`: "4" does not begin inside "3/4" or "-4". */
function startsAt(text: string, offset: number): boolean {
  const inside = /\p{N}/u.test(text[offset] ?? '') ? /[\p{L}\p{N}.,/-]$/u : /[\p{L}\p{N}]$/u;
  return !inside.test(text.slice(Math.max(0, offset - 2), offset));
}

/** Whether a word or a number may end at `offset`: "3" does not end inside "3.5". */
function endsAt(text: string, offset: number): boolean {
  return !/^(?:[\p{L}\p{N}]|[.,/]\p{N}|-[\p{L}\p{N}])/u.test(text.slice(offset, offset + 4));
}
