/**
 * A row's result at the end of its line. Inlay hints and no decorations: they wrap with their line instead of running out of the
 * window, and VS Code asks for those on the screen only.
 */
import * as vscode from 'vscode';
import { DisposableStore } from '../common/disposables.ts';
import { Pace } from '../common/pace.ts';
import type { Place } from '../dataset/place.ts';
import type { DatasetResults } from './dataset_results.ts';
import type { DocumentIndexes } from './document_indexes.ts';
import type { RowAt } from './json_row_places.ts';
import { lineEndText } from './result_text.ts';
import { hoverText } from './row_hover.ts';
import { ShownResults } from './shown_results.ts';

/** Runs in progress and large files that are being read change all the time. */
const CHANGE_MILLISECONDS = 250;

class RowHint extends vscode.InlayHint {
  readonly rowKey: string;
  readonly document: vscode.TextDocument;

  /** Where its row begins. */
  readonly start: Place;

  constructor(document: vscode.TextDocument, { rowKey, start, shownAt }: RowAt, text: string) {
    super(new vscode.Position(shownAt.line, shownAt.character), text);
    this.paddingLeft = true;
    this.rowKey = rowKey;
    this.document = document;
    this.start = start;
  }
}

export class RowHints implements vscode.InlayHintsProvider<RowHint>, vscode.Disposable {
  readonly #results: DatasetResults;
  readonly #shown: ShownResults;
  readonly #changed = new vscode.EventEmitter<void>();
  readonly #disposables = new DisposableStore();

  readonly onDidChangeInlayHints = this.#changed.event;

  constructor(indexes: DocumentIndexes, results: DatasetResults) {
    this.#results = results;
    this.#shown = new ShownResults(indexes, results);
    const pace = new Pace(() => this.#changed.fire(), CHANGE_MILLISECONDS);
    const parts = [
      this.#changed,
      pace,
      results.onChanged(pace.ask),
      indexes.onChanged(pace.ask),
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration('latro.inlineResults')) pace.ask();
      }),
    ];
    for (const part of parts) this.#disposables.add(part);
  }

  dispose(): void {
    this.#disposables.dispose();
  }

  async provideInlayHints(document: vscode.TextDocument, range: vscode.Range): Promise<RowHint[]> {
    const { version } = document;
    const shown = await this.#shown.on(document, range);
    if (document.version !== version) return []; // VS Code asks again after an edit
    return shown.map((row) => new RowHint(document, row, lineEndText(row.result, vscode.l10n)));
  }

  async resolveInlayHint(hint: RowHint): Promise<RowHint> {
    const { document, rowKey, start } = hint;
    const detail = await this.#results.detail(document.fileName, rowKey);
    if (detail !== null) hint.tooltip = hoverText(detail, document.uri, start);
    return hint;
  }
}
