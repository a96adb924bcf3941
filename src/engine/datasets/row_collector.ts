import { LatroError } from '../common/errors.ts';
import type { Dataset } from './dataset.ts';
import { isRecord, type JsonRecord } from './fields.ts';
import type { DatasetFormat } from './format.ts';
import { columnsFormat } from './formats/columns.ts';
import { quoteExcerpt } from './quote.ts';
import { detectFormat, formatById } from './registry.ts';
import type { AnswerKind, ColumnMapping, DatasetRow, RowProblem } from './row.ts';
import type { CheckedRow } from './row_check.ts';

export interface RowCollectorOptions {
  /** Id of a format, or 'auto' (the default). */
  readonly format?: string;
  /** Columns of a file in no known format; takes the place of `format`. */
  readonly mapping?: ColumnMapping;
  /** How answers are compared; by default as the format or the rows say. */
  readonly answerKind?: AnswerKind;
}

/** So many rows at the beginning of a file decide its format. */
const ROWS_FOR_DETECTION = 20;

/** Gathers checked rows; with format 'auto' it holds the first ones back until it has seen what they look like. */
export class RowCollector {
  readonly #path: string;
  readonly #answerKind: AnswerKind | undefined;
  readonly #rows: DatasetRow[] = [];
  readonly #problems: RowProblem[] = [];
  readonly #waiting: ((format: DatasetFormat) => CheckedRow)[] = [];
  readonly #sample: JsonRecord[] = [];
  #format: DatasetFormat | undefined;

  constructor(path: string, options: RowCollectorOptions) {
    this.#path = path;
    this.#answerKind = options.answerKind;
    if (options.mapping) this.#format = columnsFormat(options.mapping, options.answerKind);
    else if (options.format === 'columns') {
      throw new LatroError(
        'config-invalid',
        'The dataset format "columns" needs a column mapping.',
        'Give one: {"question": "…", "answer": "…"}.',
      );
    } else if (options.format !== undefined && options.format !== 'auto') this.#format = formatById(options.format);
  }

  /** `peek` gives the record, when it can be read at all, for the format's detection. */
  add(check: (format: DatasetFormat) => CheckedRow, peek: () => unknown): void {
    if (this.#format) {
      this.#take(check(this.#format));
      return;
    }
    this.#waiting.push(check);
    const record = peek();
    if (isRecord(record)) this.#sample.push(record);
    if (this.#waiting.length === ROWS_FOR_DETECTION) this.#detect();
  }

  addProblem(problem: RowProblem): void {
    this.#problems.push(problem);
  }

  finish(): Dataset {
    const format = this.#format ?? this.#detect();
    const answerKind =
      this.#answerKind ?? (format.answerKind === 'infer' ? inferAnswerKind(this.#rows) : format.answerKind);
    const problems = this.#problems.sort((a, b) => a.line - b.line || a.column - b.column);
    return { path: this.#path, format, answerKind, rows: this.#rows, problems };
  }

  #detect(): DatasetFormat {
    const format = detectFormat(this.#sample);
    if (!format) {
      const columns = Object.keys(this.#sample[0] ?? {})
        .slice(0, 8)
        .map(quoteExcerpt)
        .join(', ');
      const reason = `${this.#path} has no columns that look like a question and an answer (found ${columns}).`;
      throw new LatroError(
        'dataset-format',
        reason,
        'Name them in a column mapping: {"question": "…", "answer": "…"}.',
      );
    }
    this.#format = format;
    for (const check of this.#waiting) this.#take(check(format));
    this.#waiting.length = 0;
    return format;
  }

  #take(checked: CheckedRow): void {
    if (checked.row) this.#rows.push(checked.row);
    this.#problems.push(...checked.problems);
  }
}

const NUMBER = /^[-+]?[$€£]?\s?(\d[\d,]*\.?\d*|\.\d+)\s?%?$/;

/** 'number' when every answer is one, else 'exact'; free text is never guessed. */
export function inferAnswerKind(rows: readonly { readonly answer: string }[]): AnswerKind {
  return rows.length > 0 && rows.every((row) => NUMBER.test(row.answer)) ? 'number' : 'exact';
}
