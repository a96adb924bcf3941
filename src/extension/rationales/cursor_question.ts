/** Follows the cursor through datasets: which question is the person at? */
import * as vscode from 'vscode';
import { Emitter } from '../common/disposables.ts';
import { mayBeDataset } from '../dataset/dataset_document.ts';
import { rowAtLine } from '../dataset/dataset_rows.ts';
import type { Question } from './question_source.ts';

export type AtCursor =
  | { readonly kind: 'question'; readonly question: Question }
  | { readonly kind: 'none'; readonly why: 'no-dataset' | 'no-row' | 'bad-row' | 'too-large' };

/** The cursor may run through many rows; the panel follows when it rests. */
const REST_MILLISECONDS = 80;

export class CursorQuestion implements vscode.Disposable {
  readonly #changed = new Emitter<void>();
  readonly #subscriptions: vscode.Disposable[];
  #timer: NodeJS.Timeout | undefined;
  #current: AtCursor = { kind: 'none', why: 'no-dataset' };
  #document: vscode.TextDocument | undefined;

  readonly onChanged = this.#changed.event;

  constructor() {
    const look = () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.update(), REST_MILLISECONDS);
    };
    this.#subscriptions = [
      vscode.window.onDidChangeActiveTextEditor(look),
      vscode.window.onDidChangeTextEditorSelection(({ textEditor }) => textEditor === activeEditor() && look()),
      vscode.workspace.onDidChangeTextDocument(({ document }) => document === this.#document && look()),
      vscode.workspace.onDidCloseTextDocument((document) => document === this.#document && look()),
    ];
  }

  get current(): AtCursor {
    return this.#current;
  }

  /** Looks where the cursor is now. A panel or another file in front changes nothing while the dataset stays open. */
  update(): void {
    const editor = activeEditor();
    const found = editor && atCursor(editor);
    const isDataset = found !== undefined && !(found.kind === 'none' && found.why === 'no-dataset');
    if (!isDataset && this.#document !== undefined && !this.#document.isClosed) return;
    this.#document = isDataset ? editor?.document : undefined;
    this.#current = found ?? { kind: 'none', why: 'no-dataset' };
    this.#changed.fire();
  }

  dispose(): void {
    clearTimeout(this.#timer);
    for (const subscription of this.#subscriptions) subscription.dispose();
  }
}

const activeEditor = () => vscode.window.activeTextEditor;

function atCursor({ document, selection }: vscode.TextEditor): AtCursor {
  if (!mayBeDataset(document)) return { kind: 'none', why: 'no-dataset' };
  const found = rowAtLine(document, selection.active.line);
  if (found.kind !== 'row') return { kind: 'none', why: found.kind };
  return { kind: 'question', question: { file: document.fileName, row: found.row, text: found.text } };
}
