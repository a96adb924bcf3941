/**
 * Where the rows with notes are while their dataset is edited. A row is found by its content key; one that is being edited has another
 * key from keystroke to keystroke, so its place is followed until it is saved. Pure.
 */
import { type Change, movedPlace, type Place } from '../dataset/place.ts';

export class NoteAnchors {
  /** True for one row a line; else a row begins with its bracket. */
  readonly #areLines: boolean;
  readonly #places = new Map<string, Place>();
  readonly #found = new Set<string>();

  constructor(areLines: boolean) {
    this.#areLines = areLines;
  }

  /** Where the row is or was edited last; undefined when it is not in the file. */
  place(rowKey: string): Place | undefined {
    return this.#places.get(rowKey);
  }

  /** Keys whose rows were edited where they stand, by place: what stands there now is the same row with other content. */
  get adrift(): ReadonlyMap<string, Place> {
    return new Map([...this.#places].filter(([key]) => !this.#found.has(key)));
  }

  edited(changes: readonly Change[]): void {
    for (const change of changes) {
      for (const [key, place] of this.#places) {
        const moved = this.#areLines ? movedLine(place, change) : movedPlace(place, change);
        if (moved === undefined) this.#places.delete(key);
        else this.#places.set(key, moved);
      }
    }
  }

  /** Every row was read: `found` are the places of those of `keys` that are in the file. */
  settle(keys: ReadonlySet<string>, found: ReadonlyMap<string, { readonly start: Place }>): void {
    this.#found.clear();
    for (const key of this.#places.keys()) if (!keys.has(key)) this.#places.delete(key);
    for (const [key, { start }] of found) {
      this.#found.add(key);
      this.#places.set(key, start);
    }
  }
}

/** As `movedPlace`, where a row is its line and not what stands in it. */
function movedLine({ line }: Place, change: Change): Place | undefined {
  const moved = lineAfter(line, change);
  return moved === undefined ? undefined : { line: moved, character: 0 };
}

/** The line of a row after a change, undefined when the change took the row away or cut it off at its beginning. */
function lineAfter(line: number, { range: { start, end }, text }: Change): number | undefined {
  const added = text.split('\n').length - 1;
  const last = start.line + added;
  if (end.line < line) return line + last - end.line;
  if (start.line > line) return line;
  if (start.line < line) return end.line === line && end.character === 0 && start.character === 0 ? last : undefined;
  const isInLine = end.line === line;
  // Whole lines put in before the row push it down; whatever else happens inside its line, it begins where it began.
  if (isInLine && end.character === 0 && text.endsWith('\n')) return last;
  return isInLine || start.character > 0 ? line : undefined;
}
