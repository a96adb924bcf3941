import path from 'node:path';
import * as vscode from 'vscode';
import type { ModelDescription } from '../../protocol/engine_rpc.ts';
import type { CommandServices } from './services.ts';

interface ModelItem extends vscode.QuickPickItem {
  /** Undefined: ask with a dialog. */
  readonly folder?: string;
}

/** More would not fit the list, and a search through a huge workspace would never end. */
const MOST_FOLDERS = 50;

/** Lets the person choose a model folder; it becomes the setting once the engine can read it. */
export async function chooseModel(services: CommandServices): Promise<void> {
  const { jobs, settings, reporter } = services;
  const { l10n } = vscode;
  const picked = await vscode.window.showQuickPick(modelItems(services), {
    title: l10n.t('Model to train, evaluate and sample'),
    placeHolder: l10n.t('A folder with config.json, model.safetensors and tokenizer.json'),
  });
  const folder = picked === undefined ? undefined : (picked.folder ?? (await browse()));
  if (folder === undefined) return;
  const model = await jobs.withProgress(l10n.t('Reading {0}', path.basename(folder)), ({ client, jobId, signal }) =>
    client.request('describeModel', { jobId, model: folder }, signal),
  );
  await settings.setModelFolder(folder);
  reporter.showInformation(l10n.t('{0}: {1}', path.basename(folder), descriptionText(model)));
}

async function modelItems({ settings }: CommandServices): Promise<ModelItem[]> {
  const { l10n } = vscode;
  const { starterFolder } = settings;
  const starter: ModelItem[] =
    starterFolder === undefined
      ? []
      : [
          {
            label: `$(star) ${l10n.t('Starter')}`,
            description: l10n.t('the small model that comes with the extension'),
            folder: starterFolder,
          },
        ];
  const configs = await vscode.workspace.findFiles('**/config.json', '**/{node_modules,.latro,.git}/**', MOST_FOLDERS);
  const tokenizers = await vscode.workspace.findFiles('**/tokenizer.json', '**/{node_modules,.latro,.git}/**');
  const folderOf = (uri: vscode.Uri) => path.dirname(uri.fsPath);
  const withTokenizer = new Set(tokenizers.map(folderOf));
  const found = configs.map(folderOf).filter((folder) => withTokenizer.has(folder));
  return [
    ...starter,
    ...found.sort().map((folder) => ({
      label: `$(folder) ${path.basename(folder)}`,
      description: vscode.workspace.asRelativePath(folder),
      folder,
    })),
    { label: `$(folder-opened) ${l10n.t('Browse…')}`, alwaysShow: true },
  ];
}

async function browse(): Promise<string | undefined> {
  const { l10n } = vscode;
  const picked = await vscode.window.showOpenDialog({
    canSelectFiles: false,
    canSelectFolders: true,
    canSelectMany: false,
    openLabel: l10n.t('Use This Model'),
    title: l10n.t('Folder with config.json, model.safetensors and tokenizer.json'),
  });
  return picked?.[0]?.fsPath;
}

function descriptionText({ architecture, parameters, layers, weightBytes }: ModelDescription): string {
  const millions = (parameters / 1e6).toPrecision(3);
  const megabytes = Math.round(weightBytes / 1e6);
  return vscode.l10n.t('{0}, {1} M parameters in {2} layers, {3} MB', architecture, millions, layers, megabytes);
}
