/**
 * The extractors of LaTRO's code (eval_utils.py:163-233), reproduced with their faults so that its numbers can be checked: the
 * marker is case-sensitive, the last number of a text without one wins whatever it counts, an option is looked for as a
 * substring, and a sentence ends at any point.
 */
import { answerMarker, stepByStepTemplate } from '../datasets/template.ts';

const MARKER = answerMarker(stepByStepTemplate);
const NUMBER = /-?[\d,]*\.?\d+/g;

/** `find_number`: the first number after the last "The answer is", else the last number of the text, else "". */
export function referenceNumber(text: string): string {
  const marker = text.lastIndexOf(MARKER);
  const stated = marker === -1 ? null : text.slice(marker + MARKER.length).match(NUMBER);
  return stated?.[0] ?? text.match(NUMBER)?.at(-1) ?? '';
}

export function isCorrectReferenceNumber(extracted: string, gold: string): boolean {
  const goldNumber = referenceNumber(gold);
  const [a, b] = [extracted, goldNumber].map((text) =>
    text === '' ? Number.NaN : Number(text.replaceAll(',', '')),
  ) as [number, number];
  return Number.isNaN(a) || Number.isNaN(b) ? extracted === goldNumber : a === b;
}

/** What the ARC extractor compares: the end of the sentence after "the answer is", lower-cased. */
export function referenceChoice(text: string): string {
  const lower = text.toLowerCase();
  const marker = MARKER.toLowerCase();
  if (!lower.includes(marker)) return trimChoice(lower).replace(/\.+$/, '').split('.').at(-1) as string;
  const sentence = lower.split('.').find((piece) => piece.includes(marker));
  // The marker itself may hold no point, so one piece holds it whole.
  const stated = (sentence as string).split(marker).at(-1) as string;
  return trimChoice(stated.replace(/^:+/, ''));
}

export function isCorrectReferenceChoice(extracted: string, gold: string): boolean {
  return extracted.includes(gold.trim().toLowerCase().replace(/\.+$/, ''));
}

/** Python's `strip(" '[]()\".")`. */
function trimChoice(text: string): string {
  return text.replace(/^[ '[\]()".]+|[ '[\]()".]+$/g, '');
}
