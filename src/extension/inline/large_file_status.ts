/**
 * Says in the status bar item what is off for the file in front when it is a dataset of more than 50 MB. VS Code hands no such file to
 * extensions: they are told neither its text nor which lines are on the screen, and may put neither results nor lenses nor hovers there.
 */
import { stat } from 'node:fs/promises';
import * as vscode from 'vscode';
import type { CommandId } from '../command_ids.ts';
import { DisposableStore } from '../common/disposables.ts';
import { Pace } from '../common/pace.ts';
import { shownLines } from '../common/shown_text.ts';
import { mayBeDataset } from '../dataset/dataset_document.ts';
import { bytesText } from '../models/model_text.ts';
import type { StatusFace, StatusItem } from '../status_item.ts';
import { LARGEST_DOCUMENT } from './large_datasets.ts';

/** A document of few characters in many bytes comes a moment after its tab. */
const SETTLE_MILLISECONDS = 300;

export class LargeFileStatus implements vscode.Disposable {
  readonly #item: StatusItem;
  readonly #disposables = new DisposableStore();

  constructor(item: StatusItem) {
    this.#item = item;
    const pace = new Pace(() => void this.#look(), SETTLE_MILLISECONDS);
    const { tabGroups } = vscode.window;
    const parts = [pace, tabGroups.onDidChangeTabs(pace.ask), tabGroups.onDidChangeTabGroups(pace.ask)];
    for (const part of parts) this.#disposables.add(part);
    pace.ask();
  }

  dispose(): void {
    this.#disposables.dispose();
  }

  async #look(): Promise<void> {
    const uri = fileInFront();
    const size =
      uri === undefined
        ? 0
        : await stat(uri.fsPath).then(
            ({ size: bytes }) => bytes,
            () => 0,
          );
    if (uri?.toString() !== fileInFront()?.toString()) return; // the next look is on its way
    const isWhole = uri === undefined || size <= LARGEST_DOCUMENT || isDocument(uri);
    this.#item.set('file', isWhole ? undefined : fileFace(!/\.json$/i.test(uri.path), bytesText(size)));
  }
}

function fileFace(isLines: boolean, size: string): StatusFace {
  const { l10n } = vscode;
  const off = l10n.t(
    'VS Code hands files of more than 50 MB to no extension: results, rationales, notes, lenses and quick fixes cannot be shown in them.',
  );
  const on = isLines
    ? l10n.t(
        'Its rows are checked from disk and listed in the Problems view. Training and evaluation read the whole file.',
      )
    : l10n.t('As JSON Lines its rows are checked from disk. Training and evaluation read up to 400 MB of JSON.');
  const text = new vscode.MarkdownString(shownLines([off, on]));
  if (vscode.workspace.isTrusted) {
    const links = isLines
      ? [
          link(l10n.t('Train on this dataset'), 'latro.trainOnDataset'),
          link(l10n.t('Evaluate on this dataset'), 'latro.evaluate'),
        ]
      : [link(l10n.t('Convert to JSON Lines'), 'latro.convertToJsonLines')];
    text.isTrusted = { enabledCommands: LINKED };
    text.appendMarkdown(`\n\n${links.join(' · ')}`);
  }
  return {
    text: isLines
      ? `$(info) ${l10n.t('{0}: rows are checked, results are off', size)}`
      : `$(info) ${l10n.t('{0}: rows are off', size)}`,
    tooltip: text,
    command: 'workbench.actions.view.problems',
  };
}

const LINKED: readonly CommandId[] = ['latro.trainOnDataset', 'latro.evaluate', 'latro.convertToJsonLines'];

/** Without arguments: these commands are about the file in front. */
const link = (title: string, command: CommandId): string => `[${title}](command:${command})`;

function fileInFront(): vscode.Uri | undefined {
  const { input } = vscode.window.tabGroups.activeTabGroup.activeTab ?? {};
  return input instanceof vscode.TabInputText && mayBeDataset(input) ? input.uri : undefined;
}

const isDocument = (uri: vscode.Uri): boolean =>
  vscode.workspace.textDocuments.some((document) => document.uri.toString() === uri.toString());
