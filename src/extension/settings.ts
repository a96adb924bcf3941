/** The settings of `package.json`, typed, with the model resolved to a folder. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import { LatroError } from '../engine/common/errors.ts';
import { folderOfSetting, settingOfFolder } from './models/model_setting.ts';
import { type SettingName, type SettingValue, SettingValues, type WrongSetting } from './setting_values.ts';

export class Settings {
  readonly #folder: vscode.WorkspaceFolder | undefined;
  readonly #starter: string;
  readonly #values = new SettingValues(tellOfWrong);

  constructor(folder: vscode.WorkspaceFolder | undefined, extensionPath: string) {
    this.#folder = folder;
    this.#starter = path.join(extensionPath, 'media', 'starter');
  }

  /** Folder of the chosen model; undefined when none is chosen and no starter is there. */
  get modelFolder(): string | undefined {
    return folderOfSetting(this.#get('model'), this.#root) ?? this.starterFolder;
  }

  /** @throws LatroError when there is none */
  requireModelFolder(): string {
    const folder = this.modelFolder;
    if (folder !== undefined) return folder;
    const { l10n } = vscode;
    throw new LatroError('model-not-found', l10n.t('No model is chosen.'), l10n.t('Choose a model folder first.'));
  }

  get starterFolder(): string | undefined {
    return existsSync(path.join(this.#starter, 'model.safetensors')) ? this.#starter : undefined;
  }

  /** Stores the choice in the workspace. */
  async setModelFolder(folder: string): Promise<void> {
    const value = settingOfFolder(folder, this.#root, this.#starter);
    await this.#section.update('model', value, vscode.ConfigurationTarget.Workspace);
  }

  get rationalesPerQuestion(): number {
    return this.#get('sampling.rationalesPerQuestion');
  }
  get temperature(): number {
    return this.#get('sampling.temperature');
  }
  get seed(): number {
    return this.#get('sampling.seed');
  }
  get evaluationQuestions(): number | null {
    return this.#get('evaluation.questions');
  }
  get evaluationSamples(): number {
    return this.#get('evaluation.samplesPerQuestion');
  }

  get notifiesWhenRunEnds(): boolean {
    return this.#get('notifyWhenRunEnds');
  }

  /** In every workspace of this person, until the setting is changed back. */
  async notifyNoMoreWhenRunEnds(): Promise<void> {
    await this.#section.update('notifyWhenRunEnds', false, vscode.ConfigurationTarget.Global);
  }

  #get<N extends SettingName>(name: N): SettingValue<N> {
    return this.#values.of(name, this.#section.get<unknown>(name));
  }

  get #root(): string {
    return this.#folder?.uri.fsPath ?? '';
  }

  get #section(): vscode.WorkspaceConfiguration {
    return vscode.workspace.getConfiguration('latro', this.#folder?.uri);
  }
}

function tellOfWrong({ name, value, used }: WrongSetting): void {
  const { l10n } = vscode;
  const open = l10n.t('Open Settings');
  const message = l10n.t('The setting {0} cannot be {1}; {2} is used.', `latro.${name}`, value, used);
  void vscode.window.showWarningMessage(message, open).then((chosen) => {
    if (chosen === open) void vscode.commands.executeCommand('workbench.action.openSettings', `latro.${name}`);
  });
}
