/** Everything that a run's results add to its dataset in the editor. */
import * as vscode from 'vscode';
import { DisposableStore } from '../common/disposables.ts';
import { DATASET_SELECTOR } from '../dataset/dataset_document.ts';
import type { JobTracker } from '../engine/job_tracker.ts';
import { DatasetLenses } from './dataset_lenses.ts';
import type { DatasetResults } from './dataset_results.ts';
import type { DocumentIndexes } from './document_indexes.ts';
import { GutterMarks } from './gutter_marks.ts';
import { RowHints } from './row_hints.ts';
import { RowHover } from './row_hover.ts';

export function showInlineResults(
  indexes: DocumentIndexes,
  results: DatasetResults,
  jobs: JobTracker,
  extensionUri: vscode.Uri,
): vscode.Disposable {
  const store = new DisposableStore();
  store.add(new GutterMarks(indexes, results, extensionUri));
  const hints = store.add(new RowHints(indexes, results));
  store.add(vscode.languages.registerInlayHintsProvider(DATASET_SELECTOR, hints));
  store.add(vscode.languages.registerHoverProvider(DATASET_SELECTOR, new RowHover(indexes, results)));
  const lenses = store.add(new DatasetLenses(indexes, results, jobs));
  store.add(vscode.languages.registerCodeLensProvider(DATASET_SELECTOR, lenses));
  return store;
}
