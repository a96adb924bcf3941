import * as vscode from 'vscode';
import { recognise } from './problem_templates.ts';

/** A sentence of the row check, or the title of a fix, in the editor's language; as it is when nobody translated it. */
export function problemText(text: string): string {
  const found = recognise(text);
  if (found === undefined) return text;
  // Types ("a text") are templates too; names and values are none.
  return vscode.l10n.t(found.template, ...found.values.map((value) => problemText(value)));
}
