/** What is said of a .json dataset whose rows are not looked for. */
import path from 'node:path';
import * as vscode from 'vscode';
import { LatroError } from '../../engine/common/errors.ts';

/** For the file itself: what is off, and what to do. */
export const tooLargeText = (): string =>
  vscode.l10n.t(
    'This .json file is larger than 4 MB: its rows are not checked and show no results, rationales or notes. Convert it to JSON Lines for those; training and evaluation read it as it is.',
  );

/** For a command that needs one of its rows. */
export function tooLarge(file: string): LatroError {
  const { l10n } = vscode;
  const reason = l10n.t('{0} is larger than 4 MB: its rows are not looked for.', path.basename(file));
  return new LatroError('dataset-format', reason, l10n.t('Convert it to JSON Lines, which is read row by row.'));
}
