/** Menus of a `.json` file offer what one does with a dataset only where it is one: many other things are JSON too. */
import type { TextDocument, Uri } from 'vscode';
import { type Disposable, DisposableStore, type Listener } from '../common/disposables.ts';
import type { ContextKeys } from '../context_keys.ts';

/** As `DocumentIndexes`. */
export interface OpenDatasets {
  readonly all: readonly { readonly document: { readonly uri: Uri }; readonly format: object | undefined }[];
  readonly onChanged: (listener: Listener<object>) => Disposable;
  readonly onClosed: (listener: Listener<TextDocument>) => Disposable;
}

/** Keeps `latro.jsonDatasets` true from now on. */
export function tellJsonDatasets(datasets: OpenDatasets, keys: ContextKeys): Disposable {
  const tell = () => {
    const found = datasets.all.filter(({ document, format }) => format !== undefined && isJson(document.uri));
    keys.set(
      'latro.jsonDatasets',
      found.map(({ document }) => document.uri),
    );
  };
  const store = new DisposableStore();
  store.add(datasets.onChanged(tell));
  store.add(datasets.onClosed(tell));
  tell();
  return store;
}

const isJson = ({ path }: Uri): boolean => /\.json$/i.test(path);
