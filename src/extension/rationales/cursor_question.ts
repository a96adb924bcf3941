/** Follows the cursor through datasets: which question is the person at? */
import * as vscode from 'vscode';
import { Emitter } from '../common/disposables.ts';
import { mayBeDataset } from '../dataset/dataset_document.ts';
import { rowAt } from '../dataset/dataset_rows.ts';
import type { Question } from './question_source.ts';

export type AtCursor =
  | { readonly kind: 'question'; readonly question: Question }
  | { readonly kind: 'none'; readonly why: 'no-dataset' | 'no-row' | 'bad-row' | 'too-large' };

/** The cursor may run through many rows; the panel follows when it rests. */
const REST_MILLISECONDS = 80;

const NO_DATASET: AtCursor = { kind: 'none', why: 'no-dataset' };

export class CursorQuestion implements vscode.Disposable {
  readonly #changed = new Emitter<void>();
  readonly #subscriptions: vscode.Disposable[];
  #timer: NodeJS.Timeout | undefined;
  #current: AtCursor = NO_DATASET;
  #document: vscode.TextDocument | undefined;

  readonly onChanged = this.#changed.event;

  constructor() {
    const look = () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.update(), REST_MILLISECONDS);
    };
    this.#subscriptions = [
      vscode.window.onDidChangeActiveTextEditor(look),
      // After a reload a panel may be in front, and editors come back later.
      vscode.window.onDidChangeVisibleTextEditors(() => this.#document === undefined && look()),
      vscode.window.onDidChangeTextEditorSelection(({ textEditor }) => textEditor === activeEditor() && look()),
      vscode.workspace.onDidChangeTextDocument(({ document }) => document === this.#document && look()),
      vscode.workspace.onDidCloseTextDocument((document) => document === this.#document && look()),
    ];
  }

  get current(): AtCursor {
    return this.#current;
  }

  /** The dataset that is followed, whatever is in front of it. */
  get document(): vscode.TextDocument | undefined {
    return this.#document?.isClosed === false ? this.#document : undefined;
  }

  /** Looks where the cursor is now. A panel or another file in front changes nothing while the dataset stays open. */
  update(): void {
    const isFollowing = this.#document !== undefined && !this.#document.isClosed;
    // Where nothing has been followed yet, a dataset beside what is in front will do.
    const editors = [activeEditor(), ...(isFollowing ? [] : vscode.window.visibleTextEditors)];
    const looks = editors.flatMap((editor) => (editor === undefined ? [] : [{ editor, found: atCursor(editor) }]));
    const look = looks.find(({ found }) => !(found.kind === 'none' && found.why === 'no-dataset'));
    if (look === undefined && isFollowing) return;
    this.#document = look?.editor.document;
    this.#current = look?.found ?? NO_DATASET;
    this.#changed.fire();
  }

  dispose(): void {
    clearTimeout(this.#timer);
    for (const subscription of this.#subscriptions) subscription.dispose();
  }
}

const activeEditor = () => vscode.window.activeTextEditor;

function atCursor({ document, selection }: vscode.TextEditor): AtCursor {
  if (!mayBeDataset(document)) return NO_DATASET;
  const found = rowAt(document, selection.active);
  if (found.kind !== 'row') return { kind: 'none', why: found.kind };
  return { kind: 'question', question: { file: document.fileName, row: found.row, text: found.text } };
}
