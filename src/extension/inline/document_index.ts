/** The rows of one dataset that is open in the editor, checked in the background and kept up with its edits. */
import type * as vscode from 'vscode';
import { TimeSlice } from '../../engine/common/time_slice.ts';
import type { DatasetFormat } from '../../engine/datasets/format.ts';
import type { RowProblem } from '../../engine/datasets/row.ts';
import { type CheckedRow, checkRow, checkRowSource } from '../../engine/datasets/row_check.ts';
import type { Disposable } from '../common/disposables.ts';
import { type DatasetText, formatOf, isJsonLines, isTooLarge, jsonRows } from '../dataset/dataset_rows.ts';
import { comparePlaces, type Place } from '../dataset/place.ts';
import { JsonRowPlaces, type PlacedRow, placedRow, type RowAt } from './json_row_places.ts';
import { RowIndex } from './row_index.ts';

/** The first lines decide the format: an edit of one of them may change it. */
const LINES_OF_DETECTION = 40;
/** While a person types, the rows wait. */
const REST_MILLISECONDS = 200;

/** What changed in a document, as VS Code tells it: each change after those before it. */
export type TextChanges = readonly Pick<vscode.TextDocumentContentChangeEvent, 'text' | 'range'>[];

export class DocumentIndex<Text extends DatasetText = vscode.TextDocument> implements Disposable {
  readonly document: Text;
  readonly #changed: () => void;
  #format: DatasetFormat | undefined;
  #rows = new RowIndex(0);
  /** Of a JSON document, whose rows are found all at once; of JSONL they are looked up line by line. */
  #jsonProblems: readonly RowProblem[] = [];
  #jsonPlaces = new JsonRowPlaces();
  #complete = false;
  /** Every line before this one has been read. */
  #firstUnread = 0;
  /** Raised to end a pass that is under way. */
  #pass = 0;
  #timer: NodeJS.Timeout | undefined;
  #disposed = false;

  /** @param changed called when rows were read, after each piece of the work */
  constructor(document: Text, changed: () => void) {
    this.document = document;
    this.#changed = changed;
    this.#readSoon(0);
  }

  /** undefined: the file is no dataset, or has not been looked at yet. */
  get format(): DatasetFormat | undefined {
    return this.#format;
  }

  /** A dataset whose rows are not looked for: nothing is said of them. */
  get isTooLarge(): boolean {
    return this.#format !== undefined && isTooLarge(this.document);
  }

  /** Lines as far as they have been read. */
  get rows(): RowIndex {
    return this.#rows;
  }

  /** Where the first row of each of these keys is, as far as rows have been read. */
  find(keys: ReadonlySet<string>): ReadonlyMap<string, RowAt> {
    if (!isJsonLines(this.document)) return this.#jsonPlaces.find(keys, (line) => this.#lengthOf(line));
    return new Map([...this.#rows.find(keys)].map(([rowKey, line]) => [rowKey, this.#lineRow(line, rowKey)]));
  }

  /** The key of the row that begins at a place; null or undefined: no sound one does, or it has not been read. */
  keyAt(place: Place): string | null | undefined {
    return isJsonLines(this.document) ? this.#rows.keyAt(place.line) : this.#jsonPlaces.keyAt(place);
  }

  /** True once every row has been read since the last edit. */
  get isComplete(): boolean {
    return this.#complete;
  }

  /** The sound rows that begin on lines `first` to `last` (0-based), read now if need be. */
  async rowsIn(first: number, last: number): Promise<RowAt[]> {
    if (!isJsonLines(this.document)) return this.#jsonPlaces.in(first, last, (line) => this.#lengthOf(line));
    const slice = new TimeSlice();
    const found: RowAt[] = [];
    for (let line = first; line <= Math.min(last, this.#rows.lineCount - 1); line++) {
      this.#readLine(line);
      const rowKey = this.#rows.keyAt(line);
      if (rowKey != null) found.push(this.#lineRow(line, rowKey));
      if (slice.isOver) await slice.next();
    }
    return found;
  }

  /** Problems that begin on the lines of a range, as far as rows have been read; where several rows share a line, of those in the range. */
  problemsIn(start: Place, end: Place): RowProblem[] {
    if (!isJsonLines(this.document)) {
      const rowAt = (place: Place) => this.#jsonPlaces.sharing(place);
      const [first, last] = [rowAt(start), rowAt(end)];
      return this.#jsonProblems.filter(({ line, column }) => {
        const place = { line: line - 1, character: column - 1 };
        if (place.line < start.line || end.line < place.line) return false;
        return (
          (first === undefined || comparePlaces(first.start, place) <= 0) &&
          (last === undefined || comparePlaces(place, last.end) <= 0)
        );
      });
    }
    const problems: RowProblem[] = [];
    for (let { line } = start; line <= end.line; line++)
      if (this.#rows.isFlawed(line)) problems.push(...this.#check(line).problems);
    return problems;
  }

  /** Problems of the first `limit` rows that have any, in the order of the file, and how many more such rows there are. */
  problems(limit: number): { readonly problems: readonly RowProblem[]; readonly rowsLeft: number } {
    const lines = this.#rows.flawedLines(limit);
    const rowsLeft = this.#rows.flawedCount - lines.length;
    if (isJsonLines(this.document)) return { problems: lines.flatMap((line) => this.#check(line).problems), rowsLeft };
    const last = rowsLeft === 0 ? this.document.lineCount : (lines.at(-1) ?? 0);
    return { problems: this.#jsonProblems.filter(({ line }) => line - 1 <= last), rowsLeft };
  }

  edited(changes: TextChanges): void {
    if (changes.length === 0) return;
    this.#pass++;
    this.#complete = false;
    if (isJsonLines(this.document) && this.#format !== undefined) {
      for (const { range, text } of changes) {
        this.#rows.replace(range.start.line, range.end.line, text.split('\n').length);
        this.#firstUnread = Math.min(this.#firstUnread, range.start.line);
      }
    } else this.#jsonPlaces.edited(changes);
    this.#readSoon(REST_MILLISECONDS);
  }

  /** Resolves once every row has been read, without waiting for a rest. */
  async readNow(): Promise<void> {
    clearTimeout(this.#timer);
    while (!this.#complete && !this.#disposed) await this.#read();
  }

  dispose(): void {
    this.#disposed = true;
    this.#pass++;
    clearTimeout(this.#timer);
  }

  #readSoon(milliseconds: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#read(), milliseconds);
  }

  async #read(): Promise<void> {
    const pass = ++this.#pass;
    if (isJsonLines(this.document)) await this.#readLines(pass);
    else await this.#readJson(pass);
    if (pass !== this.#pass) return;
    this.#complete = true;
    this.#changed();
  }

  async #readLines(pass: number): Promise<void> {
    const format = formatOf(this.document);
    const sameColumns = format?.id !== 'columns' || this.#firstUnread >= LINES_OF_DETECTION;
    if (format?.id !== this.#format?.id || !sameColumns) {
      this.#format = format;
      this.#rows = new RowIndex(this.document.lineCount);
      this.#firstUnread = 0;
    }
    if (this.#format === undefined) return;
    const slice = new TimeSlice();
    for (;;) {
      const line = this.#rows.nextUnread(this.#firstUnread);
      if (line === undefined) return;
      this.#readLine(line);
      this.#firstUnread = line + 1;
      if (!slice.isOver) continue;
      this.#changed();
      await slice.next();
      if (pass !== this.#pass) return;
    }
  }

  #lineRow(line: number, rowKey: string): RowAt {
    return { rowKey, start: { line, character: 0 }, shownAt: { line, character: this.#lengthOf(line) } };
  }

  #lengthOf(line: number): number {
    return this.document.lineAt(line).text.length;
  }

  #readLine(line: number): void {
    if (this.#format === undefined || this.#rows.keyAt(line) !== undefined) return;
    this.#rows.add(line, this.#check(line));
  }

  #check(line: number): CheckedRow {
    const format = this.#format;
    return format === undefined ? { problems: [] } : checkRow(this.document.lineAt(line).text, line + 1, format);
  }

  /** A document is searched whole: an unclosed bracket changes what every later line means. */
  async #readJson(pass: number): Promise<void> {
    const format = formatOf(this.document);
    const rows = new RowIndex(this.document.lineCount);
    const places: PlacedRow[] = [];
    const problems: RowProblem[] = [];
    if (format !== undefined) {
      const { sources, broken } = jsonRows(this.document);
      const slice = new TimeSlice();
      for (const source of sources) {
        const checked = checkRowSource(source, format);
        rows.add(source.line - 1, checked);
        places.push(placedRow(source, checked.row?.rowKey));
        problems.push(...checked.problems);
        if (slice.isOver) await slice.next();
        if (pass !== this.#pass) return;
      }
      if (broken !== undefined) {
        rows.add(broken.line - 1, { problems: [broken] });
        problems.push(broken);
      }
    }
    this.#format = format;
    this.#rows = rows;
    this.#jsonProblems = problems;
    this.#jsonPlaces = new JsonRowPlaces(places);
  }
}
