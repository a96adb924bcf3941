/** Rows that can be trained on, and the problems of rows that cannot. */

import type { RunConfig } from '../../protocol/run_config.ts';

/** How an answer is compared: as a number, as one of the row's choices, as an exact string, or as free text. */
export type AnswerKind = Exclude<RunConfig['dataset']['answers'], 'auto'>;

/** What a row says, whatever file it came from. */
export interface RowContent {
  readonly question: string;
  /** The gold answer; for a choice question the option's text, not its letter. */
  readonly answer: string;
  readonly choices?: readonly string[];
  /** Never shown to LaTRO; the SFT baseline trains on it. */
  readonly goldRationale?: string;
  /** Several different ways to the answer, as written: traces for SSFT. */
  readonly goldRationales?: readonly SourcedRationale[];
  /** A passage put before the question. */
  readonly context?: string;
}

export interface SourcedRationale {
  /** Who or what wrote it, such as a teacher's name; its number in the row's list, from "1", when that names none. */
  readonly source: string;
  readonly text: string;
}

export interface DatasetRow extends RowContent {
  /** 1-based line on which the row starts; in Parquet, which has no lines, the 1-based number of the row. */
  readonly line: number;
  /** Content key (row_key.ts): survives sorting and editing of other rows; rows that say the same share it. */
  readonly rowKey: string;
}

export type RowProblemCode =
  | 'invalid-json'
  | 'invalid-utf8'
  | 'not-an-object'
  | 'row-too-long'
  | 'missing-field'
  | 'empty-field'
  | 'wrong-type'
  | 'bad-answer'
  | 'hidden-characters';

/** 1-based lines and columns; columns count UTF-16 code units, as editors do; the end is exclusive. */
export interface TextRange {
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  readonly endColumn: number;
}

/** One edit of the file that mends the problem, or brings its author to the place where only a person knows what to write. */
export interface RowFix {
  readonly kind: 'repair-json' | 'rename-column' | 'add-column' | 'replace-value' | 'delete-row';
  readonly title: string;
  readonly range: TextRange;
  readonly newText: string;
}

export interface RowProblem {
  /** A row with an error is not among the rows; a row with only warnings is. */
  readonly severity: 'error' | 'warning';
  readonly code: RowProblemCode;
  readonly line: number;
  readonly column: number;
  /** Exclusive, on the same line. */
  readonly endColumn: number;
  /** What is wrong with the row, a full sentence without its place. */
  readonly message: string;
  readonly fix?: RowFix;
}

/** Columns of any JSONL, JSON or Parquet file; a name may be a path ("choices.text"). */
export type ColumnMapping = NonNullable<RunConfig['dataset']['mapping']>;
