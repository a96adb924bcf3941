/**
 * Results beside the rows of a dataset: a few words at the end of the line and a mark in the gutter, for the rows on the screen and
 * no others.
 */
import * as vscode from 'vscode';
import { DisposableStore } from '../common/disposables.ts';
import type { DatasetResults } from './dataset_results.ts';
import type { DocumentIndexes } from './document_indexes.ts';
import { lineEndText } from './result_text.ts';
import type { RowOutcome, RowResult } from './row_result.ts';

/** Rows just outside the screen are done as well, so that slow scrolling shows none bare. */
const MARGIN_LINES = 20;
/** Folding can make a visible range long. */
const MOST_LINES = 400;
const SCROLL_MILLISECONDS = 40;
/** A run in progress writes all the time. */
const RESULTS_MILLISECONDS = 400;

type Mark = Exclude<RowOutcome, null> | 'plain';
const MARKS: readonly Mark[] = ['fixed', 'broken', 'unsolved', 'plain'];

export class RowDecorations implements vscode.Disposable {
  readonly #indexes: DocumentIndexes;
  readonly #results: DatasetResults;
  readonly #types: ReadonlyMap<Mark, vscode.TextEditorDecorationType>;
  readonly #waiting = new Map<vscode.TextEditor, { readonly timer: NodeJS.Timeout; readonly due: number }>();
  readonly #disposables = new DisposableStore();
  /** Raised with every update: an older one that is late does not overwrite a newer one. */
  readonly #updates = new WeakMap<vscode.TextEditor, number>();

  constructor(indexes: DocumentIndexes, results: DatasetResults, extensionUri: vscode.Uri) {
    this.#indexes = indexes;
    this.#results = results;
    this.#types = new Map(MARKS.map((mark) => [mark, decorationType(mark, extensionUri)]));
    for (const type of this.#types.values()) this.#disposables.add(type);
    const all = (milliseconds: number) => {
      for (const editor of vscode.window.visibleTextEditors) this.#updateSoon(editor, milliseconds);
    };
    const subscriptions = [
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
    for (const subscription of subscriptions) this.#disposables.add(subscription);
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
    const index = this.#indexes.of(editor.document);
    if (index === undefined) return;
    const update = (this.#updates.get(editor) ?? 0) + 1;
    this.#updates.set(editor, update);
    const { document } = editor;
    const { version } = document;
    const found: { readonly line: number; readonly result: RowResult }[] = [];
    if (vscode.workspace.getConfiguration('latro', document).get('inlineResults', true)) {
      const rows = await Promise.all(shownLines(editor).map(([first, last]) => index.rowsIn(first, last)));
      const keys = rows.flat().map(({ rowKey }) => rowKey);
      const results = await this.#results.of(document.fileName, keys);
      for (const { line, rowKey } of rows.flat()) {
        const result = results.get(rowKey);
        if (result !== undefined) found.push({ line, result });
      }
    }
    // After an edit the index changes and asks for another update.
    if (this.#updates.get(editor) !== update || document.version !== version) return;
    for (const mark of MARKS) {
      const own = found.filter(({ result }) => (result.outcome ?? 'plain') === mark);
      editor.setDecorations(
        this.#types.get(mark)!,
        own.map(({ line, result }) => decoration(document, line, result)),
      );
    }
  }
}

function decoration(document: vscode.TextDocument, line: number, result: RowResult): vscode.DecorationOptions {
  const { range } = document.lineAt(line);
  return { range, renderOptions: { after: { contentText: lineEndText(result) } } };
}

/** Visible lines with some around them, 0-based and inclusive. */
function shownLines({ visibleRanges }: vscode.TextEditor): (readonly [first: number, last: number])[] {
  return visibleRanges.map(({ start, end }) => {
    const first = Math.max(0, start.line - MARGIN_LINES);
    return [first, Math.min(end.line + MARGIN_LINES, first + MOST_LINES)];
  });
}

function decorationType(mark: Mark, extensionUri: vscode.Uri): vscode.TextEditorDecorationType {
  const color = new vscode.ThemeColor(mark === 'plain' ? 'latro.inlineResult' : `latro.${mark}`);
  const gutter = (theme: string) => ({
    gutterIconPath: vscode.Uri.joinPath(extensionUri, 'media', 'gutter', `${mark}-${theme}.svg`),
    gutterIconSize: 'contain',
  });
  return vscode.window.createTextEditorDecorationType({
    after: { color, margin: '0 0 0 2.5em', fontStyle: 'normal' },
    rangeBehavior: vscode.DecorationRangeBehavior.ClosedClosed,
    ...(mark === 'plain' ? {} : { dark: gutter('dark'), light: gutter('light') }),
  });
}

const editorsOf = (document: vscode.TextDocument) =>
  vscode.window.visibleTextEditors.filter((editor) => editor.document === document);
