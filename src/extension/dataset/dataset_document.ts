/** Which documents are datasets to annotate. */
import type * as vscode from 'vscode';

/** For providers of hovers, lenses and quick fixes; each still looks whether the file is a dataset indeed. */
export const DATASET_SELECTOR: vscode.DocumentSelector = { scheme: 'file', pattern: '**/*.{jsonl,ndjson,json}' };

/** True for files that may hold questions and answers. What runs write under `.latro/` looks like a dataset and is none. */
export function mayBeDataset({ uri }: { readonly uri: vscode.Uri }): boolean {
  return uri.scheme === 'file' && /\.(jsonl|ndjson|json)$/i.test(uri.path) && !uri.path.includes('/.latro/');
}
