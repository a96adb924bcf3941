/** Model folders of the workspace: those with a config and a tokenizer. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import { ELSEWHERE } from '../dataset/elsewhere.ts';

/** More would not fit a list. */
const MOST_FOLDERS = 50;

export async function findModelFolders(): Promise<string[]> {
  // Tokenizers are rare; a `config.json` many things have, in a workspace of many packages each of them.
  const tokenizers = await vscode.workspace.findFiles('**/tokenizer.json', ELSEWHERE);
  return tokenizers
    .map(({ fsPath }) => path.dirname(fsPath))
    .filter((folder) => existsSync(path.join(folder, 'config.json')))
    .sort()
    .slice(0, MOST_FOLDERS);
}
