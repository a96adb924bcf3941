/** A mark in the gutter of each row on the screen that was fixed, was broken or is still wrong: told apart by shape and by colour. */
import * as vscode from 'vscode';
import { DisposableStore } from '../common/disposables.ts';
import type { DatasetResults } from './dataset_results.ts';
import type { DocumentIndexes } from './document_indexes.ts';
import type { RowOutcome } from './row_result.ts';
import { ShownResults } from './shown_results.ts';

export type Mark = Exclude<RowOutcome, null>;
/** There is room for one on a line: where several rows begin, the first of these that one of them has. */
const MARKS: readonly Mark[] = ['broken', 'unsolved', 'fixed'];

/** Rows just outside the screen are marked as well, so that slow scrolling shows none bare. */
export const MARGIN_LINES = 20;
const SCROLL_MILLISECONDS = 40;
/** A run in progress writes all the time. */
const RESULTS_MILLISECONDS = 400;

/** Takes the place of what was marked so before. */
type Decorate = (
  editor: vscode.TextEditor,
  type: vscode.TextEditorDecorationType,
  ranges: readonly vscode.Range[],
  mark: Mark,
) => void;

export class GutterMarks implements vscode.Disposable {
  readonly #indexes: DocumentIndexes;
  readonly #decorate: Decorate;
  readonly #shown: ShownResults;
  readonly #types: ReadonlyMap<Mark, vscode.TextEditorDecorationType>;
  readonly #waiting = new Map<vscode.TextEditor, { readonly timer: NodeJS.Timeout; readonly due: number }>();
  readonly #disposables = new DisposableStore();
  /** Raised with every update: an older one that is late does not overwrite a newer one. */
  readonly #updates = new WeakMap<vscode.TextEditor, number>();

  constructor(
    indexes: DocumentIndexes,
    results: DatasetResults,
    extensionUri: vscode.Uri,
    decorate: Decorate = (editor, type, ranges) => editor.setDecorations(type, ranges),
  ) {
    this.#indexes = indexes;
    this.#decorate = decorate;
    this.#shown = new ShownResults(indexes, results);
    this.#types = new Map(MARKS.map((mark) => [mark, markType(mark, extensionUri)]));
    const all = (milliseconds: number) => {
      for (const editor of vscode.window.visibleTextEditors) this.#updateSoon(editor, milliseconds);
    };
    const parts = [
      ...this.#types.values(),
      vscode.window.onDidChangeTextEditorVisibleRanges(({ textEditor }) =>
        this.#updateSoon(textEditor, SCROLL_MILLISECONDS),
      ),
      vscode.window.onDidChangeVisibleTextEditors(() => all(0)),
      vscode.workspace.onDidChangeConfiguration((event) => event.affectsConfiguration('latro.inlineResults') && all(0)),
      indexes.onChanged(({ document }) => {
        for (const editor of editorsOf(document)) this.#updateSoon(editor, SCROLL_MILLISECONDS);
      }),
      results.onChanged(() => all(RESULTS_MILLISECONDS)),
    ];
    for (const part of parts) this.#disposables.add(part);
    all(0);
  }

  dispose(): void {
    for (const { timer } of this.#waiting.values()) clearTimeout(timer);
    this.#disposables.dispose();
  }

  #updateSoon(editor: vscode.TextEditor, milliseconds: number): void {
    if (this.#indexes.of(editor.document) === undefined) return;
    const due = performance.now() + milliseconds;
    const waiting = this.#waiting.get(editor);
    if (waiting !== undefined && waiting.due <= due) return;
    clearTimeout(waiting?.timer);
    const update = () => {
      this.#waiting.delete(editor);
      void this.#update(editor);
    };
    this.#waiting.set(editor, { timer: setTimeout(update, milliseconds), due });
  }

  async #update(editor: vscode.TextEditor): Promise<void> {
    const update = (this.#updates.get(editor) ?? 0) + 1;
    this.#updates.set(editor, update);
    const { document, visibleRanges } = editor;
    const { version } = document;
    const shown = (await Promise.all(visibleRanges.map((range) => this.#shown.on(document, widened(range))))).flat();
    // After an edit the index changes and asks for another update.
    if (this.#updates.get(editor) !== update || document.version !== version) return;
    const marked = new Set<number>();
    for (const [mark, type] of this.#types) {
      const own = shown.filter(({ result, start }) => result.outcome === mark && !marked.has(start.line));
      const lines = new Set(own.map(({ start }) => start.line));
      for (const line of lines) marked.add(line);
      // At the line's beginning, since a range over a wrapped line would show its mark on each part.
      const ranges = [...lines].map((line) => new vscode.Range(line, 0, line, 0));
      this.#decorate(editor, type, ranges, mark);
    }
  }
}

function widened({ start, end }: vscode.Range): vscode.Range {
  return new vscode.Range(Math.max(0, start.line - MARGIN_LINES), 0, end.line + MARGIN_LINES, 0);
}

function markType(mark: Mark, extensionUri: vscode.Uri): vscode.TextEditorDecorationType {
  const gutter = (theme: 'dark' | 'light') => ({
    gutterIconPath: vscode.Uri.joinPath(extensionUri, 'media', 'gutter', `${mark}-${theme}.svg`),
    gutterIconSize: 'contain',
  });
  return vscode.window.createTextEditorDecorationType({ dark: gutter('dark'), light: gutter('light') });
}

const editorsOf = (document: vscode.TextDocument) =>
  vscode.window.visibleTextEditors.filter((editor) => editor.document === document);
