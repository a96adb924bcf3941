/** The panels' texts in the language of the editor: `l10n/panels.LANGUAGE.json`, by the keys of webview/strings.ts. */
import { readFile } from 'node:fs/promises';
import * as v from 'valibot';
import * as vscode from 'vscode';

const Table = v.record(v.string(), v.string());

export interface PanelStrings {
  readonly type: 'strings';
  readonly locale: string;
  readonly strings: Readonly<Record<string, string>>;
}

/** undefined: the panels speak English, as they do where there is no translation. */
export async function panelStrings(extensionUri: vscode.Uri): Promise<PanelStrings | undefined> {
  const locale = vscode.env.language;
  if (!/^[a-z]{2}(-[a-z]+)?$/.test(locale)) return undefined;
  const file = vscode.Uri.joinPath(extensionUri, 'l10n', `panels.${locale}.json`).fsPath;
  const text = await readFile(file, 'utf8').catch(() => undefined);
  return text === undefined ? undefined : { type: 'strings', locale, strings: v.parse(Table, JSON.parse(text)) };
}
