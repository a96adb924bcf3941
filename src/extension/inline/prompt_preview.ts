/** The exact prompt and answer of a row as a read-only document, beside the dataset. */
import { randomUUID } from 'node:crypto';
import * as vscode from 'vscode';
import { LatroError } from '../../engine/common/errors.ts';
import type { Weights } from '../../protocol/engine_rpc.ts';
import type { CommandServices } from '../commands/services.ts';
import { modelOf } from '../commands/services.ts';
import { DisposableStore } from '../common/disposables.ts';
import { mayBeDataset } from '../dataset/dataset_document.ts';
import { type DatasetText, isJsonLines, isTooLarge, rowAt } from '../dataset/dataset_rows.ts';
import type { Place } from '../dataset/place.ts';
import { tooLarge } from '../dataset/too_large.ts';
import { type Question, referenceTo } from '../rationales/question_source.ts';
import type { DatasetResults } from './dataset_results.ts';
import { promptPreviewText } from './prompt_preview_text.ts';

const SCHEME = 'latro-prompt';
/** Only there to be wrapped: see package.json. */
const LANGUAGE = 'latro-prompt';

export class PromptPreviews implements vscode.TextDocumentContentProvider, vscode.Disposable {
  readonly #services: CommandServices;
  readonly #results: DatasetResults;
  /** By address; an address is never used for two contents. */
  readonly #contents = new Map<string, string>();
  readonly #disposables = new DisposableStore();

  constructor(services: CommandServices, results: DatasetResults) {
    this.#services = services;
    this.#results = results;
    this.#disposables.add(vscode.workspace.registerTextDocumentContentProvider(SCHEME, this));
    this.#disposables.add(
      vscode.workspace.onDidCloseTextDocument(({ uri }) => {
        if (uri.scheme === SCHEME) this.#contents.delete(uri.toString());
      }),
    );
  }

  provideTextDocumentContent(uri: vscode.Uri): string | undefined {
    return this.#contents.get(uri.toString());
  }

  /** Previews the row under the cursor of `argument`'s document, by default of the one in front; else its first row. */
  async show(argument: unknown): Promise<void> {
    const question = await questionFor(argument);
    const weights = await this.#weights(question.file);
    const { jobs } = this.#services;
    const title = vscode.l10n.t('LaTRO: reading the prompt of line {0}', question.row.line);
    const preview = await jobs.withProgress(title, ({ client, jobId, signal }) =>
      client.request('previewPrompt', { jobId, weights, row: referenceTo(question) }, signal),
    );
    const name = vscode.l10n.t('Prompt of line {0}', question.row.line);
    const uri = vscode.Uri.from({ scheme: SCHEME, path: `/${name}`, query: randomUUID() });
    this.#contents.set(uri.toString(), promptPreviewText(preview, vscode.l10n));
    const document = await vscode.workspace.openTextDocument(uri);
    await vscode.languages.setTextDocumentLanguage(document, LANGUAGE);
    await vscode.window.showTextDocument(document, { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true });
  }

  dispose(): void {
    this.#disposables.dispose();
  }

  /** As the newest run of the file asks, since its templates are what it trains on; without a run as the chosen model would. */
  async #weights(file: string): Promise<Weights> {
    const run = (await this.#results.history(file))?.run;
    if (run != null) return { kind: 'run', runDirectory: run.directory, checkpoint: 'base' };
    return { kind: 'model', model: await modelOf(this.#services), adapter: null };
  }
}

async function questionFor(argument: unknown): Promise<Question> {
  const active = vscode.window.activeTextEditor;
  const uri = argument instanceof vscode.Uri ? argument : active?.document.uri;
  const { l10n } = vscode;
  if (uri === undefined || !mayBeDataset({ uri })) {
    const next = l10n.t('Open a .jsonl or .json file of questions and answers first.');
    throw new LatroError('dataset-not-found', l10n.t('There is no dataset in the editor.'), next);
  }
  const document = await vscode.workspace.openTextDocument(uri);
  const cursor = [active, ...vscode.window.visibleTextEditors].find(
    (editor) => editor?.document === document,
  )?.selection;
  for (const place of [...(cursor === undefined ? [] : [cursor.active]), ...firstLines(document)]) {
    const found = rowAt(document, place);
    if (found.kind === 'row') return { file: document.fileName, row: found.row, text: found.text };
  }
  if (isTooLarge(document)) throw tooLarge(document.fileName);
  const reason = l10n.t('{0} has no sound row at its beginning.', vscode.workspace.asRelativePath(uri));
  throw new LatroError('dataset-row', reason, l10n.t('Put the cursor on a row with a question and an answer.'));
}

/** Where to look for a row when the cursor is on none: a JSON document's first may be some lines down. */
const firstLines = (document: DatasetText): Place[] =>
  Array.from({ length: Math.min(document.lineCount, isJsonLines(document) ? 20 : 200) }, (_, line) => ({
    line,
    character: 0,
  }));
