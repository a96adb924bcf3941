/** The datasets that an editor shows, each with its rows; forgotten when they are closed. */
import * as vscode from 'vscode';
import { type Disposable, Emitter } from '../common/disposables.ts';
import { mayBeDataset } from '../dataset/dataset_document.ts';
import { DocumentIndex } from './document_index.ts';

export class DocumentIndexes implements Disposable {
  readonly #indexes = new Map<vscode.TextDocument, DocumentIndex>();
  readonly #changed = new Emitter<DocumentIndex>();
  readonly #closed = new Emitter<vscode.TextDocument>();
  readonly #subscriptions: vscode.Disposable[];

  /** Rows of a dataset were read, some or all. */
  readonly onChanged = this.#changed.event;
  readonly onClosed = this.#closed.event;

  constructor() {
    this.#subscriptions = [
      vscode.window.onDidChangeVisibleTextEditors((editors) => this.#open(editors)),
      vscode.workspace.onDidChangeTextDocument((event) =>
        this.#indexes.get(event.document)?.edited(event.contentChanges),
      ),
      vscode.workspace.onDidCloseTextDocument((document) => this.#close(document)),
    ];
    this.#open(vscode.window.visibleTextEditors);
  }

  get all(): readonly DocumentIndex[] {
    return [...this.#indexes.values()];
  }

  of(document: vscode.TextDocument): DocumentIndex | undefined {
    return this.#indexes.get(document);
  }

  dispose(): void {
    for (const subscription of this.#subscriptions) subscription.dispose();
    for (const index of this.#indexes.values()) index.dispose();
  }

  #open(editors: readonly vscode.TextEditor[]): void {
    for (const { document } of editors) {
      if (this.#indexes.has(document) || !mayBeDataset(document)) continue;
      const index: DocumentIndex = new DocumentIndex(document, () => this.#changed.fire(index));
      this.#indexes.set(document, index);
    }
  }

  #close(document: vscode.TextDocument): void {
    const index = this.#indexes.get(document);
    if (index === undefined) return;
    index.dispose();
    this.#indexes.delete(document);
    this.#closed.fire(document);
  }
}
