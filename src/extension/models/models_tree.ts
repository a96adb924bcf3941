/** The models at hand as a tree: folder, architecture, size, and whether a run with it fits into memory. */
import { randomUUID } from 'node:crypto';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import * as vscode from 'vscode';
import type { EngineFailure, ModelDescription } from '../../protocol/engine_rpc.ts';
import { DisposableStore } from '../common/disposables.ts';
import { shownLines } from '../common/shown_text.ts';
import type { EngineSupervisor } from '../engine/engine_supervisor.ts';
import type { Reporter } from '../reporter.ts';
import type { Settings } from '../settings.ts';
import { type Fit, fitOf } from './fit.ts';
import { findModelFolders } from './model_folders.ts';
import { bytesText, fitText, memoryText, parametersText } from './model_text.ts';

/** What menus hand to commands. */
export interface ModelNode {
  readonly folder: string;
}

export function isModelNode(argument: unknown): argument is ModelNode {
  return (
    typeof argument === 'object' && argument !== null && 'folder' in argument && typeof argument.folder === 'string'
  );
}

interface ModelServices {
  readonly engine: EngineSupervisor;
  readonly settings: Settings;
  readonly reporter: Reporter;
}

/** What the engine says of a folder: asked once per state of its config. */
type Described = ModelDescription | { readonly failure: EngineFailure };

export class ModelsTree implements vscode.TreeDataProvider<ModelNode>, vscode.Disposable {
  readonly #services: ModelServices;
  readonly #changed = new vscode.EventEmitter<void>();
  readonly #disposables = new DisposableStore();
  readonly #described = new Map<string, { readonly stamp: string; readonly model: Described }>();
  #asking: Promise<void> = Promise.resolve();

  readonly onDidChangeTreeData = this.#changed.event;

  constructor(services: ModelServices) {
    this.#services = services;
    const watcher = vscode.workspace.createFileSystemWatcher('**/config.json');
    const change = () => this.#changed.fire();
    const parts = [
      this.#changed,
      watcher,
      watcher.onDidCreate(change),
      watcher.onDidChange(change),
      watcher.onDidDelete(change),
      vscode.workspace.onDidChangeConfiguration((event) => event.affectsConfiguration('latro.model') && change()),
      vscode.workspace.onDidGrantWorkspaceTrust(change),
    ];
    for (const part of parts) this.#disposables.add(part);
  }

  dispose(): void {
    this.#disposables.dispose();
  }

  /** Asked only while the view is open: then the engine is asked too, one model after the other. */
  async getChildren(node?: ModelNode): Promise<ModelNode[]> {
    if (node !== undefined || !vscode.workspace.isTrusted) return [];
    const { starterFolder, modelFolder } = this.#services.settings;
    const folders = [starterFolder, modelFolder, ...(await findModelFolders())];
    const nodes = [...new Set(folders.filter((folder) => folder !== undefined))].map((folder) => ({ folder }));
    for (const { folder } of nodes) {
      this.#asking = this.#asking.then(() => this.#describe(folder));
    }
    return nodes;
  }

  getTreeItem({ folder }: ModelNode): vscode.TreeItem {
    const { l10n } = vscode;
    const { starterFolder, modelFolder } = this.#services.settings;
    const model = this.#described.get(folder)?.model;
    const isChosen = folder === modelFolder;
    const item = new vscode.TreeItem(folder === starterFolder ? l10n.t('Starter') : path.basename(folder));
    item.id = folder;
    item.contextValue = isChosen ? 'model chosen' : 'model';
    item.iconPath = iconOf(model);
    const facts = model === undefined ? '' : factsText(model);
    const place = folder === starterFolder ? l10n.t('built in') : placeText(folder);
    item.description = [isChosen ? l10n.t('chosen') : '', place, facts].filter(Boolean).join(' · ');
    item.tooltip = tooltipOf(folder, model);
    item.accessibilityInformation = { label: [item.label, item.description].filter(Boolean).join(', ') };
    return item;
  }

  async #describe(folder: string): Promise<void> {
    const { engine, reporter } = this.#services;
    const stamp = await stat(path.join(folder, 'config.json')).then(
      ({ mtimeMs }) => String(mtimeMs),
      () => 'none',
    );
    if (this.#described.get(folder)?.stamp === stamp) return;
    try {
      const client = await engine.client();
      const model = await client.request('describeModel', { jobId: randomUUID(), model: folder });
      this.#described.set(folder, { stamp, model });
    } catch (error) {
      const failure = reporter.describe(error);
      // What is wrong with the engine says nothing of the model.
      if (failure === undefined || failure.code.startsWith('engine-')) return;
      this.#described.set(folder, { stamp, model: { failure } });
    }
    this.#changed.fire();
  }
}

/** The folder below the workspace's, or the whole path, where that says more than its name. */
function placeText(folder: string): string {
  const place = vscode.workspace.asRelativePath(folder);
  return place === path.basename(folder) ? '' : place;
}

function factsText(model: Described): string {
  if ('failure' in model) return model.failure.reason;
  const architecture = model.architecture.replace(/ForCausalLM$/, '');
  return [fitText(fitOf(model)), architecture, parametersText(model), bytesText(model.weightBytes)].join(' · ');
}

function iconOf(model: Described | undefined): vscode.ThemeIcon {
  if (model === undefined) return new vscode.ThemeIcon('folder-library');
  if ('failure' in model) return new vscode.ThemeIcon('error', new vscode.ThemeColor('testing.iconFailed'));
  const icons: Readonly<Record<Fit, readonly [icon: string, color: string]>> = {
    fits: ['pass', 'testing.iconPassed'],
    tight: ['warning', 'problemsWarningIcon.foreground'],
    'too-large': ['error', 'testing.iconFailed'],
  };
  const [icon, color] = icons[fitOf(model)];
  return new vscode.ThemeIcon(icon, new vscode.ThemeColor(color));
}

/** Plain text in Markdown: names and reasons are shown, never interpreted. */
function tooltipOf(folder: string, model: Described | undefined): vscode.MarkdownString {
  const { l10n } = vscode;
  const lines = [folder];
  if (model !== undefined && 'failure' in model) lines.push(model.failure.reason, model.failure.nextStep);
  else if (model !== undefined) {
    lines.push(
      `${model.architecture}, ${parametersText(model)}`,
      l10n.t(
        '{0} layers of {1}, {2} heads, {3} of keys and values',
        model.layers,
        model.hiddenSize,
        model.heads,
        model.keyValueHeads,
      ),
      l10n.t('{0} tokens of vocabulary, {1} positions', model.vocabularySize, model.contextLength),
      model.chatTemplate ? l10n.t('with a chat template') : l10n.t('without a chat template'),
      memoryText(model),
    );
  }
  return new vscode.MarkdownString(shownLines(lines));
}
