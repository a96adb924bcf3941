/**
 * Where the rows with notes are while their dataset is edited. A row is found by its content key; one that is being edited has another
 * key from keystroke to keystroke, so its line is followed until it is saved. Lines are 0-based. Pure.
 */
import type { TextChanges } from '../inline/document_index.ts';

export class NoteAnchors {
  readonly #lines = new Map<string, number>();
  readonly #found = new Set<string>();

  /** Where the row is or was edited last; undefined when it is not in the file. */
  line(rowKey: string): number | undefined {
    return this.#lines.get(rowKey);
  }

  /** Keys whose rows were edited where they stand, by line: what stands there now is the same row with other content. */
  get adrift(): ReadonlyMap<string, number> {
    return new Map([...this.#lines].filter(([key]) => !this.#found.has(key)));
  }

  edited(changes: TextChanges): void {
    for (const change of changes) {
      for (const [key, line] of this.#lines) {
        const moved = movedLine(line, change);
        if (moved === undefined) this.#lines.delete(key);
        else this.#lines.set(key, moved);
      }
    }
  }

  /** Every row was read: `found` are the lines of those of `keys` that are in the file. */
  settle(keys: ReadonlySet<string>, found: ReadonlyMap<string, number>): void {
    this.#found.clear();
    for (const key of this.#lines.keys()) if (!keys.has(key)) this.#lines.delete(key);
    for (const [key, line] of found) {
      this.#found.add(key);
      this.#lines.set(key, line);
    }
  }
}

/** The line of a row after a change, undefined when the change took the row away or cut it off at its beginning. */
function movedLine(line: number, { range: { start, end }, text }: TextChanges[number]): number | undefined {
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
