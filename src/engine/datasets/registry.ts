/** Every known dataset format. The order matters only for 'auto': the more particular come first. */
import { LatroError } from '../common/errors.ts';
import type { JsonRecord } from './fields.ts';
import type { DatasetFormat } from './format.ts';
import { arcChallenge } from './formats/arc_challenge.ts';
import { coinFlip } from './formats/coin_flip.ts';
import { columnsFormat, guessMapping } from './formats/columns.ts';
import { gsm8k } from './formats/gsm8k.ts';
import { lastLetters } from './formats/last_letters.ts';
import { multiarith } from './formats/multiarith.ts';
import { starter } from './formats/starter.ts';
import { svamp } from './formats/svamp.ts';
import { quoteExcerpt } from './quote.ts';

export const FORMATS: readonly DatasetFormat[] = [
  gsm8k,
  arcChallenge,
  svamp,
  multiarith,
  lastLetters,
  coinFlip,
  starter,
];

export function formatById(id: string): DatasetFormat {
  const format = FORMATS.find((candidate) => candidate.id === id);
  if (format) return format;
  const known = FORMATS.map((candidate) => candidate.id).join(', ');
  throw new LatroError(
    'dataset-format',
    `There is no dataset format ${quoteExcerpt(id)}.`,
    `Use auto, a column mapping, or one of ${known}.`,
  );
}

/**
 * The format that most of these records match, at least half of them; else columns with common names. With no record to look at
 * it is the plain question-and-answer format, whose row checks then say what is wrong. Null: nothing fits.
 */
export function detectFormat(records: readonly JsonRecord[]): DatasetFormat | null {
  const [first] = records;
  if (first === undefined) return starter;
  const counts = FORMATS.map((format) => records.filter((record) => format.matches(record)).length);
  const best = Math.max(...counts);
  if (best * 2 >= records.length) return FORMATS[counts.indexOf(best)] as DatasetFormat;
  const mapping = records.map(guessMapping).find((guess) => guess !== null);
  return mapping ? columnsFormat(mapping) : null;
}
