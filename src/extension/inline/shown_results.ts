/** Results of the rows on some lines of a dataset, if they are to be shown. */
import * as vscode from 'vscode';
import type { DatasetResults } from './dataset_results.ts';
import type { DocumentIndexes } from './document_indexes.ts';
import type { RowResult } from './row_result.ts';

export interface ShownResult {
  /** 0-based. */
  readonly line: number;
  readonly rowKey: string;
  readonly result: RowResult;
}

/** Folding can make a visible range long. */
const MOST_LINES = 400;

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
    const rows = await index.rowsIn(start.line, Math.min(end.line, start.line + MOST_LINES));
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
