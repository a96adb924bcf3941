/** What a person has typed counts: a file is saved before the engine, which reads files, reads it. */
import path from 'node:path';
import * as vscode from 'vscode';
import { LatroError } from '../../engine/common/errors.ts';
import { samePath } from '../common/same_path.ts';

/** Its document, if it is open in an editor. */
export const openDocument = (file: string): vscode.TextDocument | undefined =>
  vscode.workspace.textDocuments.find(({ uri }) => uri.scheme === 'file' && samePath(uri.fsPath, file));

/**
 * The same file, with nothing unsaved.
 * @throws LatroError `bad-request` where VS Code does not save it
 */
export async function savedFirst(file: string): Promise<string> {
  const document = openDocument(file);
  // VS Code also answers no where it has just saved by itself.
  if (document?.isDirty !== true || (await document.save()) || !document.isDirty) return file;
  const { l10n } = vscode;
  const reason = l10n.t('{0} has changes that could not be saved.', path.basename(file));
  throw new LatroError('bad-request', reason, l10n.t('Save it, or take the changes back.'));
}
