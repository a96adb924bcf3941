import path from 'node:path';
import * as vscode from 'vscode';
import type { ModelDescription } from '../../protocol/engine_rpc.ts';
import { findModelFolders } from '../models/model_folders.ts';
import { bytesText, parametersText } from '../models/model_text.ts';
import type { CommandServices } from './services.ts';

interface ModelItem extends vscode.QuickPickItem {
  /** Undefined: ask with a dialog. */
  readonly folder?: string;
}

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
  const found = await findModelFolders();
  return [
    ...starter,
    ...found.map((folder) => ({
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

function descriptionText(model: ModelDescription): string {
  const { architecture, layers, weightBytes } = model;
  return vscode.l10n.t(
    '{0}, {1} in {2} layers, {3}',
    architecture,
    parametersText(model),
    layers,
    bytesText(weightBytes),
  );
}
