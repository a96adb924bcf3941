/** Quick fixes of bad rows: the edits that the row check proposes. */
import * as vscode from 'vscode';
import type { RowFix, TextRange } from '../../engine/datasets/row.ts';
import type { CommandId } from '../command_ids.ts';
import { engineText } from '../engine/engine_text.ts';
import type { DocumentIndexes } from './document_indexes.ts';

/** Code of the message that a whole file is too large. */
export const TOO_LARGE = 'too-large';

export class RowQuickFixes implements vscode.CodeActionProvider {
  readonly #indexes: DocumentIndexes;

  constructor(indexes: DocumentIndexes) {
    this.#indexes = indexes;
  }

  /** Of the rows as they are now, so that no fix lands where a row was before an edit. */
  async provideCodeActions(
    document: vscode.TextDocument,
    { start, end }: vscode.Range,
    { diagnostics }: vscode.CodeActionContext,
  ): Promise<vscode.CodeAction[]> {
    const index = this.#indexes.of(document);
    if (index === undefined) return [];
    if (index.isTooLarge)
      return start.line === 0 && vscode.workspace.isTrusted ? [conversion(document, diagnostics)] : [];
    await index.rowsIn(start.line, end.line);
    return index.problemsIn(start, end).flatMap((problem) => {
      const alike = diagnostics.filter(
        ({ code, range }) => code === problem.code && range.start.line === problem.line - 1,
      );
      const shown = alike.find(({ range }) => range.start.character === problem.column - 1) ?? alike[0];
      return problem.fix === undefined ? [] : [quickFix(document, problem.fix, shown)];
    });
  }
}

function conversion({ uri }: vscode.TextDocument, diagnostics: readonly vscode.Diagnostic[]): vscode.CodeAction {
  const title = vscode.l10n.t('Convert to JSON Lines');
  const action = new vscode.CodeAction(title, vscode.CodeActionKind.QuickFix);
  const command: CommandId = 'latro.convertToJsonLines';
  action.command = { command, title, arguments: [uri] };
  action.diagnostics = diagnostics.filter(({ code }) => code === TOO_LARGE);
  return action;
}

function quickFix(document: vscode.TextDocument, fix: RowFix, diagnostic?: vscode.Diagnostic): vscode.CodeAction {
  const action = new vscode.CodeAction(engineText(fix.title), vscode.CodeActionKind.QuickFix);
  action.edit = new vscode.WorkspaceEdit();
  action.edit.set(document.uri, [editOf(fix, document)]);
  action.isPreferred = fix.kind !== 'delete-row';
  if (diagnostic !== undefined) action.diagnostics = [diagnostic];
  return action;
}

function editOf(
  { kind, range, newText }: RowFix,
  document: vscode.TextDocument,
): vscode.TextEdit | vscode.SnippetTextEdit {
  const place = document.validateRange(rangeOf(range));
  if (kind !== 'add-column') return new vscode.TextEdit(place, newText);
  // The new column is empty: the cursor goes between its quotes.
  const snippet = new vscode.SnippetString().appendText(newText.slice(0, -1)).appendTabstop(0).appendText('"');
  return new vscode.SnippetTextEdit(place, snippet);
}

const rangeOf = ({ line, column, endLine, endColumn }: TextRange): vscode.Range =>
  new vscode.Range(line - 1, column - 1, endLine - 1, endColumn - 1);
