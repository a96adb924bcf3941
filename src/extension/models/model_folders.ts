/** Model folders of the workspace: those with a config and a tokenizer. */
import path from 'node:path';
import * as vscode from 'vscode';

/** More would not fit a list, and a search through a huge workspace would never end. */
const MOST_FOLDERS = 50;
const ELSEWHERE = '**/{node_modules,.latro,.git}/**';

export async function findModelFolders(): Promise<string[]> {
  const configs = await vscode.workspace.findFiles('**/config.json', ELSEWHERE, MOST_FOLDERS);
  const tokenizers = await vscode.workspace.findFiles('**/tokenizer.json', ELSEWHERE);
  const folderOf = (uri: vscode.Uri) => path.dirname(uri.fsPath);
  const withTokenizer = new Set(tokenizers.map(folderOf));
  return configs
    .map(folderOf)
    .filter((folder) => withTokenizer.has(folder))
    .sort();
}
