/** Results of the rows on some lines of a dataset, if they are to be shown. */
import * as vscode from 'vscode';
import { comparePlaces } from '../dataset/place.ts';
import type { DatasetResults } from './dataset_results.ts';
import type { DocumentIndexes } from './document_indexes.ts';
import type { RowAt } from './json_row_places.ts';
import type { RowResult } from './row_result.ts';

export interface ShownResult extends RowAt {
  readonly result: RowResult;
}

/** Folding can make a visible range long. */
const MOST_LINES = 400;
/** A line can hold thousands of rows, which are all in a range as soon as one is. */
const MOST_ROWS = 400;
/** Of these, so many may stand before what is seen. */
const ROWS_BEFORE = 50;

export class ShownResults {
  readonly #indexes: DocumentIndexes;
  readonly #results: DatasetResults;

  constructor(indexes: DocumentIndexes, results: DatasetResults) {
    this.#indexes = indexes;
    this.#results = results;
  }

  async on(document: vscode.TextDocument, { start, end }: vscode.Range): Promise<ShownResult[]> {
    const index = this.#indexes.of(document);
    const isOn = vscode.workspace.getConfiguration('latro', document).get('inlineResults', true);
    if (index === undefined || !isOn) return [];
    const rows = seenOf(await index.rowsIn(start.line, Math.min(end.line, start.line + MOST_LINES)), document);
    const results = await this.#results.of(
      document.fileName,
      rows.map(({ rowKey }) => rowKey),
    );
    return rows.flatMap((row) => {
      const result = results.get(row.rowKey);
      return result === undefined ? [] : [{ ...row, result }];
    });
  }
}

function seenOf(rows: readonly RowAt[], document: vscode.TextDocument): readonly RowAt[] {
  if (rows.length <= MOST_ROWS) return rows;
  const seen = vscode.window.visibleTextEditors.find((editor) => editor.document === document)?.visibleRanges[0]?.start;
  const first = seen === undefined ? 0 : rows.findIndex(({ start }) => comparePlaces(start, seen) >= 0);
  const from = Math.max(0, (first === -1 ? rows.length : first) - ROWS_BEFORE);
  return rows.slice(from, from + MOST_ROWS);
}
