/** Which documents are datasets to annotate. */
import type * as vscode from 'vscode';

/** For providers of hovers, lenses and quick fixes; each still looks whether the file is a dataset indeed. */
export const DATASET_SELECTOR: vscode.DocumentSelector = { scheme: 'file', pattern: '**/*.{jsonl,ndjson,json}' };

/** True for files that may hold questions and answers; what runs write under `.latro/`, and sidecars, only look like it. */
export function mayBeDataset({ uri }: { readonly uri: vscode.Uri }): boolean {
  if (uri.scheme !== 'file' || !/\.(jsonl|ndjson|json)$/i.test(uri.path)) return false;
  return !uri.path.includes('/.latro/') && !/\.(notes|ratings)\.json$/i.test(uri.path);
}
