/** What the tests in the extension host share. */
import { existsSync } from 'node:fs';
import * as vscode from 'vscode';
import { engineRecordFile, readEngineRecord } from '../../src/protocol/engine_record.ts';
import { eventually } from '../support/eventually.ts';

export function extension(): vscode.Extension<unknown> {
  const found = vscode.extensions.getExtension('latro-studio.latro-studio');
  if (found === undefined) throw new Error('the extension is not there');
  return found;
}

/** The folder that is open: a copy of test/fixtures/workspace. */
export function workspace(): string {
  const folder = vscode.workspace.workspaceFolders?.[0];
  if (folder === undefined) throw new Error('no folder is open');
  return folder.uri.fsPath;
}

export const fileExists = (file: string) => eventually(() => existsSync(file));

/** Ends the engine of the workspace, or of another folder, if one was started: it would outlive the tests. */
export async function endEngine(folder = workspace()): Promise<void> {
  const pid = (await readEngineRecord(engineRecordFile(folder)))?.pid;
  try {
    if (pid !== undefined) process.kill(pid);
  } catch {
    // It had ended meanwhile, and its record was on the way out.
  }
}
