/** What a dataset is once it has been read. */
import type { DatasetFormat } from './format.ts';
import type { AnswerKind, DatasetRow, RowProblem } from './row.ts';

export interface Dataset {
  readonly path: string;
  /** What it was read as; `format.id` is 'columns' for a column mapping. */
  readonly format: DatasetFormat;
  readonly answerKind: AnswerKind;
  readonly rows: readonly DatasetRow[];
  readonly problems: readonly RowProblem[];
}
