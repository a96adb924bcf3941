/** Reads and writes the ratings beside a dataset. The file is read anew each time: other windows and people write it too. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import * as v from 'valibot';
import { LatroError } from '../../engine/common/errors.ts';
import { atomicWrite, type FileSystem, isMissing } from '../../engine/common/file_system.ts';
import type { RationaleRating } from '../../protocol/panel_messages.ts';
import { type RatingRecord, RatingsFile, ratingsFile } from '../../protocol/ratings.ts';

export class RatingStore {
  readonly #files: FileSystem;
  readonly #now: () => string;
  #writing: Promise<void> = Promise.resolve();

  constructor(files: FileSystem, now: () => string) {
    this.#files = files;
    this.#now = now;
  }

  /** Ratings of a row's rationales, by the rationale's text. */
  async ofRow(dataset: string, rowKey: string): Promise<ReadonlyMap<string, RationaleRating>> {
    const { ratings } = await readRatings(dataset);
    const own = ratings.filter((rating) => rating.rowKey === rowKey);
    return new Map(own.map(({ rationale, verdict, note }) => [rationale, { verdict, note }]));
  }

  /** Sets a rating; one without verdict and note is taken away. */
  async rate(dataset: string, rowKey: string, rationale: string, rating: RationaleRating): Promise<void> {
    const write = this.#writing.then(async () => {
      const { ratings } = await readRatings(dataset);
      const others = ratings.filter((each) => each.rowKey !== rowKey || each.rationale !== rationale);
      const empty = rating.verdict === null && rating.note === '';
      const own: RatingRecord[] = empty ? [] : [{ rowKey, rationale, ...rating, time: this.#now() }];
      const file: RatingsFile = { version: 1, ratings: [...others, ...own] };
      await atomicWrite(this.#files, ratingsFile(dataset), `${JSON.stringify(file, null, 2)}\n`);
    });
    this.#writing = write.catch(() => {}); // one that failed does not hold up the next
    await write;
  }
}

async function readRatings(dataset: string): Promise<RatingsFile> {
  const file = ratingsFile(dataset);
  try {
    return v.parse(RatingsFile, JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    if (isMissing(error)) return { version: 1, ratings: [] };
    const why = error instanceof Error ? error.message : String(error);
    const reason = `The ratings in ${path.basename(file)} cannot be read: ${why}.`;
    throw new LatroError('dataset-format', reason, 'Mend the file, or move it away to start anew.');
  }
}
