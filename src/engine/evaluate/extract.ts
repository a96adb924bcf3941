/**
 * A model's text → its answer, and whether that answer is right. Mode 'reference' is LaTRO's code as it is; 'corrected' gets its
 * false positives and false negatives right (both columns of the table stand in the tests). The reference has no extractor for
 * exact strings and free text; there both modes are ours.
 */
import { unreachable } from '../common/errors.ts';
import type { AnswerKind } from '../datasets/row.ts';
import { extractChoice, extractOpenChoice, isCorrectChoice } from './extract_choice.ts';
import { extractExact, isCorrectExact } from './extract_exact.ts';
import { extractNumber, isCorrectNumber } from './extract_number.ts';
import {
  isCorrectReferenceChoice,
  isCorrectReferenceNumber,
  referenceChoice,
  referenceNumber,
} from './extract_reference.ts';
import { afterFirstMarker } from './statement.ts';
import { chrF } from './text_metrics.ts';

export type ExtractionMode = 'reference' | 'corrected';

/** Free text counts as right from this chrF on, in [0, 100]; our definition: report the score itself beside it. */
export const RIGHT_FREE_TEXT_CHRF = 50;

/**
 * @param choices the row's options, when it has any: the answer is then one of them as the row writes it
 * @param marker the answer template's own marker (`answerMarker`), when it is not a usual one
 * @returns the answer, numbers as plain digits in mode 'corrected'; null when the text gives none
 */
export function extractAnswer(
  text: string,
  kind: AnswerKind,
  mode: ExtractionMode,
  choices?: readonly string[],
  marker?: string,
): string | null {
  switch (kind) {
    case 'number':
      return mode === 'reference' ? referenceNumber(text) || null : extractNumber(text, marker);
    case 'choice':
      if (mode === 'reference') return referenceChoice(text) || null;
      return choices === undefined ? extractOpenChoice(text, marker) : extractChoice(text, choices, marker);
    case 'exact':
      return extractExact(text, marker);
    case 'free-text':
      return (afterFirstMarker(text, marker) ?? text).trim() || null;
    default:
      return unreachable(kind);
  }
}

/** Whether what `extractAnswer` found is the gold answer; nothing found is never right. */
export function isCorrect(
  extracted: string | null,
  gold: string,
  kind: AnswerKind,
  mode: ExtractionMode,
  choices?: readonly string[],
): boolean {
  if (extracted === null) return false;
  switch (kind) {
    case 'number':
      return mode === 'reference' ? isCorrectReferenceNumber(extracted, gold) : isCorrectNumber(extracted, gold);
    case 'choice':
      return mode === 'reference'
        ? isCorrectReferenceChoice(extracted, gold)
        : isCorrectChoice(extracted, gold, choices);
    case 'exact':
      return isCorrectExact(extracted, gold);
    case 'free-text':
      return chrF(extracted, gold) >= RIGHT_FREE_TEXT_CHRF;
    default:
      return unreachable(kind);
  }
}
