/**
 * Where the rows of a JSON document stand. Unlike those of JSON Lines they may take several lines, and several may share one; they are
 * found all at once after an edit, and until then they move with it. Lines are 0-based. Pure.
 */
import type { JsonRowSource } from '../../engine/datasets/json_row_sources.ts';
import { type Change, comparePlaces, movedPlace, type Place } from '../dataset/place.ts';

export interface RowAt {
  readonly rowKey: string;
  /** Where the row begins. */
  readonly start: Place;
  /**
   * Behind what its result stands: the first line of the row; behind the row itself where others begin on that line, or their results
   * would be told apart by nobody.
   */
  readonly shownAt: Place;
}

export interface PlacedRow {
  /** null: the row is not sound. */
  readonly rowKey: string | null;
  readonly start: Place;
  readonly end: Place;
}

/** A document that is formatted changes in thousands of places: then its rows wait until they are found anew. */
const MOST_MOVES = 500_000;

export class JsonRowPlaces {
  /** In the order of the document. */
  #rows: readonly PlacedRow[];

  constructor(rows: readonly PlacedRow[] = []) {
    this.#rows = rows;
  }

  edited(changes: readonly Change[]): void {
    if (changes.length * this.#rows.length > MOST_MOVES) this.#rows = [];
    for (const change of changes) {
      this.#rows = this.#rows.flatMap((row): PlacedRow[] => {
        const [start, end] = [movedPlace(row.start, change), movedPlace(row.end, change)];
        return start === undefined || end === undefined ? [] : [{ ...row, start, end }];
      });
    }
  }

  /** Sound rows that begin on lines `first` to `last`. */
  in(first: number, last: number, lineLength: (line: number) => number): RowAt[] {
    return this.#rows.flatMap(({ rowKey, start }, index) =>
      rowKey === null || start.line < first || last < start.line
        ? []
        : [{ rowKey, start, shownAt: this.#shownAt(index, lineLength) }],
    );
  }

  /** The first row of each of these keys. */
  find(keys: ReadonlySet<string>, lineLength: (line: number) => number): Map<string, RowAt> {
    const found = new Map<string, RowAt>();
    for (const [index, { rowKey, start }] of this.#rows.entries()) {
      if (rowKey === null || !keys.has(rowKey) || found.has(rowKey)) continue;
      found.set(rowKey, { rowKey, start, shownAt: this.#shownAt(index, lineLength) });
    }
    return found;
  }

  /** The key of the row that begins at a place, or alone on its line; null: it is not sound; undefined: there is none. */
  keyAt(place: Place): string | null | undefined {
    const onLine = this.#rows.filter(({ start }) => start.line === place.line);
    const exact = onLine.find(({ start }) => comparePlaces(start, place) === 0);
    return (exact ?? (onLine.length === 1 ? onLine[0] : undefined))?.rowKey;
  }

  /** The row around a place, sound or not, where it begins on a line with others. */
  sharing(place: Place): PlacedRow | undefined {
    return this.#rows.find(
      ({ start, end }, index) =>
        comparePlaces(start, place) <= 0 && comparePlaces(place, end) <= 0 && this.#isShared(index),
    );
  }

  #isShared(index: number): boolean {
    return [index - 1, index + 1].some((other) => this.#rows[other]?.start.line === this.#rows[index]!.start.line);
  }

  #shownAt(index: number, lineLength: (line: number) => number): Place {
    const { start, end } = this.#rows[index]!;
    if (this.#isShared(index) && end.line === start.line) return end;
    return { line: start.line, character: lineLength(start.line) };
  }
}

export const placedRow = (
  { line, column, endLine, endColumn }: JsonRowSource,
  rowKey: string | undefined,
): PlacedRow => ({
  rowKey: rowKey ?? null,
  start: { line: line - 1, character: column - 1 },
  end: { line: endLine - 1, character: endColumn - 1 },
});
