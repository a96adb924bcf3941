/** The hub access token, kept by VS Code's SecretStorage alone: no setting, no file and no log ever holds it. */
import * as vscode from 'vscode';
import type { Reporter } from '../reporter.ts';

const KEY = 'latro.hubToken';

export class HubToken {
  readonly #secrets: vscode.SecretStorage;
  readonly #reporter: Reporter;

  constructor(secrets: vscode.SecretStorage, reporter: Reporter) {
    this.#secrets = secrets;
    this.#reporter = reporter;
  }

  /** null: none is stored; the engine may still have HF_TOKEN in its environment. */
  async value(): Promise<string | null> {
    return (await this.#secrets.get(KEY)) ?? null;
  }

  /** Asks for it, without showing what is typed. */
  async ask(): Promise<void> {
    const { l10n } = vscode;
    const typed = await vscode.window.showInputBox({
      title: l10n.t('Access token of the hub'),
      prompt: l10n.t('From the settings page of huggingface.co; a token that may only read is enough.'),
      password: true,
      ignoreFocusOut: true,
    });
    const token = typed?.trim() ?? '';
    if (token === '') return;
    await this.#secrets.store(KEY, token);
    this.#reporter.showInformation(l10n.t('The access token is stored in the keychain of VS Code.'));
  }

  async clear(): Promise<void> {
    await this.#secrets.delete(KEY);
    this.#reporter.showInformation(vscode.l10n.t('The access token is forgotten.'));
  }
}
