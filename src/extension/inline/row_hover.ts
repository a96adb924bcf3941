/** Hover over a row's result: its figures, its best and its worst rationale, and where to read on. */
import * as vscode from 'vscode';
import type { Place } from '../dataset/place.ts';
import type { DatasetResults, RowDetail } from './dataset_results.ts';
import type { DocumentIndexes } from './document_indexes.ts';
import type { RowAt } from './json_row_places.ts';
import { hoverMarkdown, LINKED } from './result_text.ts';

export class RowHover implements vscode.HoverProvider {
  readonly #indexes: DocumentIndexes;
  readonly #results: DatasetResults;

  constructor(indexes: DocumentIndexes, results: DatasetResults) {
    this.#indexes = indexes;
    this.#results = results;
  }

  /** Only where the result stands, mostly the end of the line: over the text itself a hover would be in the way of reading. */
  async provideHover(document: vscode.TextDocument, position: vscode.Position): Promise<vscode.Hover | undefined> {
    const { range } = document.lineAt(position.line);
    const index = this.#indexes.of(document);
    if (index === undefined) return undefined;
    const row = rowWithResultAt(await index.rowsIn(position.line, position.line), position, range.end);
    const detail = row && (await this.#results.detail(document.fileName, row.rowKey));
    if (!row || !detail) return undefined;
    const { start, shownAt } = row;
    const about = new vscode.Range(start.line, start.character, shownAt.line, shownAt.character);
    return new vscode.Hover(hoverText(detail, document.uri, start), about);
  }
}

/** Of several rows of a line that whose result is there: behind its closing brace, which is as well to point at. */
function rowWithResultAt(rows: readonly RowAt[], { character }: Place, lineEnd: Place): RowAt | undefined {
  if (character >= lineEnd.character) return rows.at(-1);
  return rows.find(
    ({ shownAt }) =>
      shownAt.character < lineEnd.character && shownAt.character - 1 <= character && character <= shownAt.character,
  );
}

/** @param start of the row */
export function hoverText(detail: RowDetail, file: vscode.Uri, start: Place): vscode.MarkdownString {
  const text = new vscode.MarkdownString(hoverMarkdown(detail, file.toString(), start, vscode.l10n));
  text.isTrusted = { enabledCommands: [...LINKED] };
  text.supportHtml = false;
  return text;
}
