/** The settings of `package.json`, typed, with the model resolved to a folder. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import { folderOfSetting, STARTER, settingOfFolder } from './models/model_setting.ts';

export class Settings {
  readonly #folder: vscode.WorkspaceFolder | undefined;
  readonly #starter: string;

  constructor(folder: vscode.WorkspaceFolder | undefined, extensionPath: string) {
    this.#folder = folder;
    this.#starter = path.join(extensionPath, 'media', 'starter');
  }

  /** Folder of the chosen model; undefined when none is chosen and no starter is there. */
  get modelFolder(): string | undefined {
    return folderOfSetting(this.#get('model', STARTER), this.#root) ?? this.starterFolder;
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
    return this.#get('sampling.rationalesPerQuestion', 8);
  }
  get temperature(): number {
    return this.#get('sampling.temperature', 1);
  }
  get seed(): number {
    return this.#get('sampling.seed', 0);
  }
  get evaluationQuestions(): number | null {
    return this.#get<number | null>('evaluation.questions', null);
  }
  get evaluationSamples(): number {
    return this.#get('evaluation.samplesPerQuestion', 0);
  }

  get notifiesWhenRunEnds(): boolean {
    return this.#get('notifyWhenRunEnds', true);
  }

  /** In every workspace of this person, until the setting is changed back. */
  async notifyNoMoreWhenRunEnds(): Promise<void> {
    await this.#section.update('notifyWhenRunEnds', false, vscode.ConfigurationTarget.Global);
  }

  /** The defaults stand in `package.json`; these only serve the types. */
  #get<T>(name: string, fallback: T): T {
    return this.#section.get<T>(name, fallback);
  }

  get #root(): string {
    return this.#folder?.uri.fsPath ?? '';
  }

  get #section(): vscode.WorkspaceConfiguration {
    return vscode.workspace.getConfiguration('latro', this.#folder?.uri);
  }
}
