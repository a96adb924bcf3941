/** Reads and writes the ratings beside a dataset. The file is read anew each time: other windows and people write it too. */
import { atomicWrite, type FileSystem } from '../../engine/common/file_system.ts';
import { readRatings } from '../../engine/datasets/ratings.ts';
import { type RatingRecord, type RatingsFile, ratingsFile } from '../../protocol/ratings.ts';
import type { RatingChange, RationaleRating } from '../../protocol/rationale_messages.ts';

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
    const ratings = await readRatings(this.#files, dataset);
    const own = ratings.filter((rating) => rating.rowKey === rowKey);
    return new Map(own.map(({ rationale, verdict, note }) => [rationale, { verdict, note }]));
  }

  /** Changes a rating, as it stands in the file by now; one without verdict and note is taken away. */
  async rate(dataset: string, rowKey: string, rationale: string, change: RatingChange): Promise<void> {
    const write = this.#writing.then(async () => {
      const ratings = await readRatings(this.#files, dataset);
      const isOwn = (each: RatingRecord) => each.rowKey === rowKey && each.rationale === rationale;
      const others = ratings.filter((each) => !isOwn(each));
      const { verdict, note } = ratings.findLast(isOwn) ?? { verdict: null, note: '' };
      const rating: RationaleRating = { verdict, note, ...change };
      const empty = rating.verdict === null && rating.note === '';
      const own: RatingRecord[] = empty ? [] : [{ rowKey, rationale, ...rating, time: this.#now() }];
      const file: RatingsFile = { version: 1, ratings: [...others, ...own] };
      await atomicWrite(this.#files, ratingsFile(dataset), `${JSON.stringify(file, null, 2)}\n`);
    });
    this.#writing = write.catch(() => {}); // one that failed does not hold up the next
    await write;
  }
}
