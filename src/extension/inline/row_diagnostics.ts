/** Problems of a dataset's rows in the Problems view, with a quick fix where the row check knows one. */
import * as vscode from 'vscode';
import type { RowProblem } from '../../engine/datasets/row.ts';
import { DisposableStore } from '../common/disposables.ts';
import type { Log } from '../common/log.ts';
import { DATASET_SELECTOR } from '../dataset/dataset_document.ts';
import { tooLargeText } from '../dataset/too_large.ts';
import { engineText } from '../engine/engine_text.ts';
import type { DocumentIndex } from './document_index.ts';
import type { DocumentIndexes } from './document_indexes.ts';
import { LargeDatasets } from './large_datasets.ts';
import { RowQuickFixes, TOO_LARGE } from './row_quick_fixes.ts';

const SOURCE = 'LaTRO';
/** A file in another format has a problem on every line; listing them all helps nobody. */
const MOST_ROWS = 500;
/** Between two updates while a large file is being read. */
const PUBLISH_MILLISECONDS = 300;

export class RowDiagnostics implements vscode.Disposable {
  readonly #collection = vscode.languages.createDiagnosticCollection('latro');
  readonly #waiting = new Map<DocumentIndex, NodeJS.Timeout>();
  readonly #disposables = new DisposableStore();

  constructor(indexes: DocumentIndexes, log: Log) {
    const large = new LargeDatasets({
      mostRows: MOST_ROWS,
      log,
      onScanned: ({ uri, problems, rowsLeft }) => this.#publish(uri, problems, rowsLeft),
      onClosed: (uri) => this.#collection.delete(uri),
    });
    const parts = [
      this.#collection,
      large,
      indexes.onChanged((index) => this.#publishSoon(index)),
      indexes.onClosed(({ uri }) => this.#collection.delete(uri)),
      vscode.languages.registerCodeActionsProvider(DATASET_SELECTOR, new RowQuickFixes(indexes), {
        providedCodeActionKinds: [vscode.CodeActionKind.QuickFix],
      }),
    ];
    for (const part of parts) this.#disposables.add(part);
  }

  dispose(): void {
    for (const timer of this.#waiting.values()) clearTimeout(timer);
    this.#disposables.dispose();
  }

  /** At once when all is read; while reading goes on, now and then. */
  #publishSoon(index: DocumentIndex): void {
    if (index.isComplete) {
      clearTimeout(this.#waiting.get(index));
      this.#waiting.delete(index);
      this.#publishRows(index);
    } else if (!this.#waiting.has(index)) {
      const publish = () => {
        this.#waiting.delete(index);
        this.#publishRows(index);
      };
      this.#waiting.set(index, setTimeout(publish, PUBLISH_MILLISECONDS));
    }
  }

  #publishRows(index: DocumentIndex): void {
    const { document } = index;
    if (document.isClosed) return;
    const { problems, rowsLeft } = index.problems(MOST_ROWS);
    this.#publish(document.uri, problems, rowsLeft);
    if (index.isTooLarge) this.#collection.set(document.uri, [tooLargeDiagnostic()]);
  }

  #publish(uri: vscode.Uri, problems: readonly RowProblem[], rowsLeft: number): void {
    const diagnostics = problems.map(diagnosticOf);
    if (rowsLeft > 0) {
      const text = vscode.l10n.t('{0} more rows of this file have problems.', rowsLeft);
      diagnostics.push(diagnostic(new vscode.Range(0, 0, 0, 1), text, vscode.DiagnosticSeverity.Information));
    }
    this.#collection.set(uri, diagnostics);
  }
}

function tooLargeDiagnostic(): vscode.Diagnostic {
  const result = diagnostic(new vscode.Range(0, 0, 0, 1), tooLargeText(), vscode.DiagnosticSeverity.Information);
  result.code = TOO_LARGE;
  return result;
}

function diagnosticOf(problem: RowProblem): vscode.Diagnostic {
  const { line, column, endColumn, severity } = problem;
  const range = new vscode.Range(line - 1, column - 1, line - 1, endColumn - 1);
  const level = severity === 'error' ? vscode.DiagnosticSeverity.Error : vscode.DiagnosticSeverity.Warning;
  const result = diagnostic(range, engineText(problem.message), level);
  result.code = problem.code;
  return result;
}

function diagnostic(range: vscode.Range, text: string, level: vscode.DiagnosticSeverity): vscode.Diagnostic {
  const result = new vscode.Diagnostic(range, text, level);
  result.source = SOURCE;
  return result;
}
