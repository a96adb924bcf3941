import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import * as vscode from 'vscode';
import { eventually } from '../support/eventually.ts';
import { recordRun } from '../support/recorded_run.ts';
import { extension, workspace } from './studio.ts';

/** What VS Code tells of a file, it tells sooner. */
const TOLD_MILLISECONDS = 1500;

describe('a run that no file watcher tells of', () => {
  const watching = () => vscode.workspace.getConfiguration('files');
  const rowsWithResults = async (): Promise<number> => {
    const uri = vscode.Uri.file(path.join(workspace(), 'train.jsonl'));
    const range = new vscode.Range(0, 0, 1000, 0);
    return (await vscode.commands.executeCommand<unknown[]>('vscode.executeInlayHintProvider', uri, range)).length;
  };
  /** The exclusion takes hold a while after it was set. */
  const isSilent = async (): Promise<boolean> => {
    const probe = path.join(workspace(), '.latro', 'runs', 'probe');
    const pattern = new vscode.RelativePattern(vscode.Uri.file(workspace()), '.latro/**');
    const watcher = vscode.workspace.createFileSystemWatcher(pattern);
    let told = false;
    const tell = () => {
      told = true;
    };
    const events = [watcher.onDidCreate(tell), watcher.onDidChange(tell), watcher.onDidDelete(tell)];
    mkdirSync(path.dirname(probe), { recursive: true });
    writeFileSync(probe, '');
    await setTimeout(TOLD_MILLISECONDS);
    for (const each of [...events, watcher]) each.dispose();
    rmSync(probe);
    return !told;
  };
  let run: string | undefined;

  before(async () => {
    await extension().activate();
    const document = await vscode.workspace.openTextDocument(path.join(workspace(), 'train.jsonl'));
    await vscode.window.showTextDocument(document);
    await watching().update('watcherExclude', { '**/.latro/**': true }, vscode.ConfigurationTarget.Workspace);
    await eventually(isSilent);
  });
  afterEach(() => {
    if (run !== undefined) rmSync(run, { recursive: true, force: true });
    run = undefined;
  });
  after(() => watching().update('watcherExclude', undefined, vscode.ConfigurationTarget.Workspace));

  it('is found all the same, and missed once it is gone', async () => {
    await eventually(async () => (await rowsWithResults()) === 0);
    run = await recordRun(workspace());
    await eventually(async () => (await rowsWithResults()) > 0);
    rmSync(run, { recursive: true });
    await eventually(async () => (await rowsWithResults()) === 0);
  });
});
