/**
 * What is known of each line of a dataset in the editor: the content key of the row that begins there, and whether something is wrong
 * with it. Filled line by line in any order, and shifted by edits: a line that nobody touched is never read again. It holds a few
 * bytes per line, since a file may have a million of them; what is wrong is found out anew when asked. Lines are 0-based. Pure.
 */
import type { CheckedRow } from '../../engine/datasets/row_check.ts';

export class RowIndex {
  /** undefined: not read yet; null: no sound row begins here. */
  #keys: (string | null | undefined)[];
  #flawed: boolean[];

  constructor(lineCount: number) {
    this.#keys = new Array<undefined>(lineCount).fill(undefined);
    this.#flawed = new Array<boolean>(lineCount).fill(false);
  }

  get lineCount(): number {
    return this.#keys.length;
  }

  /** undefined: not read yet; null: no sound row begins here. */
  keyAt(line: number): string | null | undefined {
    return this.#keys[line];
  }

  /** Several rows may begin on a line: the first gives its key. */
  add(line: number, { row, problems }: CheckedRow): void {
    this.#keys[line] ??= row?.rowKey ?? null;
    if (problems.length > 0) this.#flawed[line] = true;
  }

  /** The first line at or after `from` that is not read yet. */
  nextUnread(from = 0): number | undefined {
    for (let line = from; line < this.#keys.length; line++) if (this.#keys[line] === undefined) return line;
    return undefined;
  }

  /** Lines `first` to `last` were replaced by `count` new ones, which are to be read. */
  replace(first: number, last: number, count: number): void {
    replaceRange(this.#keys, first, last, count, undefined);
    replaceRange(this.#flawed, first, last, count, false);
  }

  isFlawed(line: number): boolean {
    return this.#flawed[line] === true;
  }

  /** Lines with problems, rising; at most `limit` of them. */
  flawedLines(limit: number): number[] {
    const lines: number[] = [];
    for (let line = 0; line < this.#flawed.length && lines.length < limit; line++) {
      if (this.#flawed[line]) lines.push(line);
    }
    return lines;
  }

  get flawedCount(): number {
    let count = 0;
    for (const flawed of this.#flawed) if (flawed) count++;
    return count;
  }

  /** The first line of each of these keys that is in the file, as far as it has been read. */
  find(keys: ReadonlySet<string>): ReadonlyMap<string, number> {
    const lines = new Map<string, number>();
    for (let line = 0; line < this.#keys.length && lines.size < keys.size; line++) {
      const key = this.#keys[line];
      if (key != null && keys.has(key) && !lines.has(key)) lines.set(key, line);
    }
    return lines;
  }
}

/** `Array.splice`, which cannot insert a hundred thousand elements at once. */
function replaceRange<T>(array: T[], first: number, last: number, count: number, value: T): void {
  if (last - first + 1 === count) {
    array.fill(value, first, last + 1);
    return;
  }
  const tail = array.slice(last + 1);
  array.length = first;
  for (let i = 0; i < count; i++) array.push(value);
  for (const each of tail) array.push(each);
}
