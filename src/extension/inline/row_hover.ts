/** Hover over a row's result: its figures, its best and its worst rationale, and where to read on. */
import * as vscode from 'vscode';
import type { DatasetResults, RowDetail } from './dataset_results.ts';
import type { DocumentIndexes } from './document_indexes.ts';
import { hoverMarkdown, LINKED } from './result_text.ts';

export class RowHover implements vscode.HoverProvider {
  readonly #indexes: DocumentIndexes;
  readonly #results: DatasetResults;

  constructor(indexes: DocumentIndexes, results: DatasetResults) {
    this.#indexes = indexes;
    this.#results = results;
  }

  /** Only at the end of the line, where the result stands: over the text itself a hover would be in the way of reading. */
  async provideHover(document: vscode.TextDocument, position: vscode.Position): Promise<vscode.Hover | undefined> {
    const { range } = document.lineAt(position.line);
    const index = this.#indexes.of(document);
    if (index === undefined || position.character < range.end.character) return undefined;
    const [row] = await index.rowsIn(position.line, position.line);
    const detail = row && (await this.#results.detail(document.fileName, row.rowKey));
    return detail ? new vscode.Hover(hoverText(detail, document.uri, position.line), range) : undefined;
  }
}

/** @param line 0-based */
export function hoverText(detail: RowDetail, file: vscode.Uri, line: number): vscode.MarkdownString {
  const text = new vscode.MarkdownString(hoverMarkdown(detail, file.toString(), line, vscode.l10n));
  text.isTrusted = { enabledCommands: [...LINKED] };
  text.supportHtml = false;
  return text;
}
