/** Reads people's ratings of rationales from the sidecar beside a dataset (protocol/ratings.ts says what is in it). */
import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import * as v from 'valibot';
import { type RatingRecord, RatingsFile, ratingsFile } from '../../protocol/ratings.ts';
import type { RatingVerdict } from '../../protocol/rationale_messages.ts';
import { LatroError } from '../common/errors.ts';
import { type FileSystem, isMissing } from '../common/file_system.ts';
import { locateJson, locatePath } from './json_text.ts';
import { PositionTracker } from './text_position.ts';

/**
 * The ratings beside `dataset`; none when there is no such file.
 * @throws LatroError `dataset-format` naming the line when the file is damaged or no ratings file
 */
export async function readRatings(files: FileSystem, dataset: string): Promise<readonly RatingRecord[]> {
  const path = ratingsFile(dataset);
  let bytes: Uint8Array;
  try {
    bytes = await files.read(path);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
  return parseRatings(new TextDecoder().decode(bytes), basename(path));
}

function parseRatings(text: string, name: string): readonly RatingRecord[] {
  const located = locateJson(text);
  if ('error' in located) throw damaged(name, text, located.error.start, located.error.message);
  const parsed = v.safeParse(RatingsFile, JSON.parse(text));
  if (parsed.success) return parsed.output.ratings;
  const [issue] = parsed.issues;
  const path = (issue.path ?? []).map(({ key }) => key as string | number);
  const where = path.length === 0 ? 'The file' : path.join('.');
  throw damaged(name, text, locatePath(located.node, path).value.start, `${where}: ${issue.message}.`);
}

function damaged(name: string, text: string, offset: number, why: string): LatroError {
  const { line } = new PositionTracker(text).at(offset);
  return new LatroError(
    'dataset-format',
    `The ratings in ${name} cannot be read, line ${line}: ${why}`,
    'Mend that line, or move the file away to do without its ratings.',
  );
}

/** Row key → text of a rationale → its verdict; of two ratings of the same rationale the later one counts, notes alone do not. */
export type Verdicts = ReadonlyMap<string, ReadonlyMap<string, RatingVerdict>>;

export function verdictsOf(ratings: readonly RatingRecord[]): Verdicts {
  const rows = new Map<string, Map<string, RatingVerdict>>();
  for (const { rowKey, rationale, verdict } of ratings) {
    const row = rows.get(rowKey) ?? new Map<string, RatingVerdict>();
    rows.set(rowKey, row);
    if (verdict === null) row.delete(rationale);
    else row.set(rationale, verdict);
  }
  return rows;
}

/** In hex; notes, times and the order in the file do not matter. */
export function verdictsSha256(verdicts: Verdicts): string {
  const lines = [...verdicts].flatMap(([rowKey, row]) =>
    [...row].map(([rationale, verdict]) => JSON.stringify([rowKey, rationale, verdict])),
  );
  return createHash('sha256').update(lines.sort().join('\n')).digest('hex');
}
