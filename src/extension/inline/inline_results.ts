/** Everything that a run's results add to its dataset in the editor. */
import * as vscode from 'vscode';
import { DisposableStore } from '../common/disposables.ts';
import { DATASET_SELECTOR } from '../dataset/dataset_document.ts';
import { DatasetLenses } from './dataset_lenses.ts';
import type { DatasetResults } from './dataset_results.ts';
import type { DocumentIndexes } from './document_indexes.ts';
import { RowDecorations } from './row_decorations.ts';
import { RowHover } from './row_hover.ts';

export function showInlineResults(
  indexes: DocumentIndexes,
  results: DatasetResults,
  extensionUri: vscode.Uri,
): vscode.Disposable {
  const store = new DisposableStore();
  store.add(new RowDecorations(indexes, results, extensionUri));
  store.add(vscode.languages.registerHoverProvider(DATASET_SELECTOR, new RowHover(indexes, results)));
  const lenses = store.add(new DatasetLenses(indexes, results));
  store.add(vscode.languages.registerCodeLensProvider(DATASET_SELECTOR, lenses));
  return store;
}
