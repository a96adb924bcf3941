/** Where a text states its answer: after "The answer is", "Answer:", "#### " or in "\boxed{}", in any case, markdown or not. */
import { phraseSource } from './stop.ts';

const GAP = '[*_`~"\\s]*';
const VERB = '(?:is|are|was|equals|would be|should be|must be|will be|comes to)\\b';

/** Sources of the patterns after which an answer is stated. */
const MARKERS: readonly string[] = [
  // "the answer is", "Final **Answer**:", "the answer to the question is"
  `\\banswer(?:\\s+(?:to|for|of)\\s[^.:\\n]{1,80}?)?${GAP}(?:${VERB}|[:=])${GAP}:?`,
  // A heading "### Final answer" over the answer.
  '^[#*_ \\t]*(?:the |final )*answer[*_ \\t]*\\n',
  // GSM8K's "#### 72", but not a heading "#### 1. First step".
  '####(?=[ \\t]*[-−+$€£\\\\]*[ \\t]*[\\d.,]*\\d(?:[%.]|[ \\t]\\p{L}+)?[ \\t]*$)',
  '\\\\boxed\\s*\\{',
];

/**
 * What follows each answer marker of the text, in order, up to the next marker. The last one that says something is the answer.
 * @param marker the answer template's own marker, when it is not among the usual ones
 */
export function answerStatements(text: string, marker = ''): string[] {
  const matches = findMarkers(text, marker);
  return matches.map((match, i) => {
    const start = match.index + match[0].length;
    const end = matches[i + 1]?.index ?? text.length;
    return match[0].startsWith('\\boxed') ? braced(text, start) : text.slice(start, end);
  });
}

/** All that follows the first answer marker; null when there is none. */
export function afterFirstMarker(text: string, marker = ''): string | null {
  const [first] = findMarkers(text, marker);
  return first ? text.slice(first.index + first[0].length) : null;
}

function findMarkers(text: string, marker: string): RegExpExecArray[] {
  const sources = marker === '' ? MARKERS : [...MARKERS, phraseSource(marker)];
  return [...text.matchAll(new RegExp(sources.map((source) => `(?:${source})`).join('|'), 'gimu'))];
}

/** No answer that can be compared is longer, in UTF-16 code units; without a bound, hostile text would cost quadratic time. */
export const LONGEST_STATEMENT = 2000;

/** Up to the brace that closes a block whose opening brace stands before `start`. */
function braced(text: string, start: number): string {
  const limit = Math.min(text.length, start + LONGEST_STATEMENT);
  let depth = 1;
  for (let at = start; at < limit; at++) {
    if (text[at] === '{') depth++;
    else if (text[at] === '}' && --depth === 0) return text.slice(start, at);
  }
  return text.slice(start, limit);
}

/** The first line that holds a letter or a digit. */
export function firstLine(text: string): string {
  const line = text.split('\n').find((candidate) => /[\p{L}\p{N}]/u.test(candidate)) ?? '';
  return line.trim().slice(0, LONGEST_STATEMENT);
}

/** Up to the first full stop, question or exclamation mark that ends a sentence: the one in "3.5" does not. */
export function firstSentence(text: string): string {
  return /^[\s\S]*?[.!?](?=["'”’)*_]*(?:\s|$))/.exec(text)?.[0] ?? text;
}

/** The sentences of the last line that says something. */
export function lastSentences(text: string): string[] {
  const line = text.trimEnd().split('\n').at(-1) ?? '';
  const sentences: string[] = [];
  for (let rest = line.slice(-LONGEST_STATEMENT).trim(); rest !== ''; ) {
    const sentence = firstSentence(rest);
    sentences.push(sentence);
    rest = rest.slice(sentence.length).trim();
  }
  return sentences;
}

/** Texts that a reader takes for the same, but for letter case: typography, markdown, quotes and closing punctuation. */
export function normalizeAnswer(text: string): string {
  return text
    .replace(/[º˚]/g, '°')
    .normalize('NFKC')
    .replace(/[‘’]/g, "'")
    .replace(/[“”]/g, '"')
    .replace(/[‐‑‒–—―−]/g, '-')
    .replace(/\*\*|__|[*`~]/g, '')
    .replace(/\s+/g, ' ')
    .replace(/^[\s'"([{]+|[\s'")\]}.,;:!?]+$/g, '');
}
