/** Shows a row of a dataset in the editor, wherever it is by now. */
import * as vscode from 'vscode';
import { LatroError } from '../../engine/common/errors.ts';
import { findRow, isTooLarge } from './dataset_rows.ts';
import { tooLarge } from './too_large.ts';

/** `line` (1-based) is where the row was; it is looked for by its content key. */
export async function openRow(file: string, rowKey: string, line: number): Promise<void> {
  const document = await vscode.workspace.openTextDocument(vscode.Uri.file(file));
  const now = await findRow(document, rowKey, line - 1);
  const { l10n } = vscode;
  if (now === undefined && isTooLarge(document)) throw tooLarge(file);
  if (now === undefined) {
    const reason = l10n.t('The question of line {0} is no longer in {1}.', line, vscode.workspace.asRelativePath(file));
    throw new LatroError('dataset-row', reason, l10n.t('It was changed or deleted since.'));
  }
  const at = new vscode.Position(now.line, now.character);
  const start = new vscode.Range(at, at);
  const open = vscode.window.visibleTextEditors.find((editor) => editor.document === document);
  const viewColumn = open?.viewColumn ?? vscode.ViewColumn.One;
  await vscode.window.showTextDocument(document, { selection: start, viewColumn });
}
