/** Who writes a note. Sidecars are shared as the dataset is, mostly by git, and VS Code itself knows no name. */
import os from 'node:os';
import * as vscode from 'vscode';

/** The part that is needed of what VS Code's own Git extension hands out. */
interface GitExtension {
  getAPI(version: 1): { getRepository(uri: vscode.Uri): { getConfig(key: string): Promise<string> } | null };
}

/** The `user.name` of the repository the dataset lies in, else the name of the account; empty where neither says who it is. */
export async function noteAuthor(dataset: string): Promise<string> {
  return (await gitUserName(vscode.Uri.file(dataset))) || accountName();
}

/** Asked of the Git extension, which has found git: a `git` beside a dataset is never run. */
async function gitUserName(file: vscode.Uri): Promise<string> {
  try {
    const git = await vscode.extensions.getExtension<GitExtension>('vscode.git')?.activate();
    return (await git?.getAPI(1).getRepository(file)?.getConfig('user.name'))?.trim() ?? '';
  } catch {
    return ''; // switched off, or no name is set
  }
}

function accountName(): string {
  try {
    const { uid, username } = os.userInfo();
    return uid === 0 ? '' : username; // everybody is root in a container
  } catch {
    return ''; // a process without a user, in some containers
  }
}
