/** Who writes a note. Sidecars are shared as the dataset is, mostly by git, and VS Code itself knows no name. */
import { execFile } from 'node:child_process';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import * as vscode from 'vscode';

/** The part that is needed of what VS Code's own Git extension hands out. */
interface GitExtension {
  /** Throws while Git is switched off. */
  getAPI(version: 1): { readonly git: { readonly path: string } };
}

const LONGEST_MILLISECONDS = 5000;

/** Git's `user.name` for the folder of the dataset, else the name of the account; empty where neither says who it is. */
export async function noteAuthor(dataset: string): Promise<string> {
  return (await gitUserName(path.dirname(dataset))) || accountName();
}

async function gitUserName(folder: string): Promise<string> {
  try {
    // It knows which git to run: never one that lies in the workspace.
    const git = await vscode.extensions.getExtension<GitExtension>('vscode.git')?.activate();
    if (git === undefined) return '';
    const args = ['-C', folder, 'config', '--get', 'user.name'];
    const { stdout } = await promisify(execFile)(git.getAPI(1).git.path, args, { timeout: LONGEST_MILLISECONDS });
    return stdout.trim();
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
