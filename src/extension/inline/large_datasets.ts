/**
 * Datasets that are open in a tab but too large for VS Code to hand to extensions (50 MB): no inline results are possible there, but
 * their problems are listed as those of smaller ones are. Read from disk in slices, and anew when the file is saved.
 */
import { stat } from 'node:fs/promises';
import * as vscode from 'vscode';
import { type FileSystem, NodeFileSystem } from '../../engine/common/file_system.ts';
import type { RowProblem } from '../../engine/datasets/row.ts';
import type { CheckedRow } from '../../engine/datasets/row_check.ts';
import { type Disposable, DisposableStore } from '../common/disposables.ts';
import type { Log } from '../common/log.ts';
import { mayBeDataset } from '../dataset/dataset_document.ts';
import { scanFile } from './scan_file.ts';

/** In bytes; VS Code counts characters, of which there are no more. */
export const LARGEST_DOCUMENT = 50 << 20;
const SETTLE_MILLISECONDS = 500;
/** Between two updates while a file is being read. */
const PUBLISH_MILLISECONDS = 1000;

export interface ScannedDataset {
  readonly uri: vscode.Uri;
  readonly problems: readonly RowProblem[];
  /** Rows with problems beyond those listed. */
  readonly rowsLeft: number;
}

export interface LargeDatasetsOptions {
  /** Rows whose problems are kept. */
  readonly mostRows: number;
  readonly log: Log;
  /** Called as problems are found, and once more when the whole file was read. */
  readonly onScanned: (dataset: ScannedDataset) => void;
  readonly onClosed: (uri: vscode.Uri) => void;
}

export class LargeDatasets implements Disposable {
  readonly #options: LargeDatasetsOptions;
  readonly #files: FileSystem = new NodeFileSystem();
  readonly #open = new Map<string, DisposableStore>();
  readonly #subscription: vscode.Disposable;

  constructor(options: LargeDatasetsOptions) {
    this.#options = options;
    this.#subscription = vscode.window.tabGroups.onDidChangeTabs(() => this.#look());
    this.#look();
  }

  dispose(): void {
    this.#subscription.dispose();
    for (const store of this.#open.values()) store.dispose();
  }

  #look(): void {
    const uris = vscode.window.tabGroups.all
      .flatMap(({ tabs }) => tabs)
      .flatMap(({ input }) => (input instanceof vscode.TabInputText ? [input.uri] : []))
      .filter((uri) => mayBeDataset({ uri }) && /\.(jsonl|ndjson)$/i.test(uri.path));
    for (const uri of uris) if (!this.#open.has(uri.toString())) this.#follow(uri);
    for (const [key, store] of this.#open) {
      if (uris.some((uri) => uri.toString() === key)) continue;
      store.dispose();
      this.#open.delete(key);
      this.#options.onClosed(vscode.Uri.parse(key));
    }
  }

  #follow(uri: vscode.Uri): void {
    const store = new DisposableStore();
    this.#open.set(uri.toString(), store);
    const { log } = this.#options;
    const warn = (error: Error) => log.warn(`${uri.fsPath}: ${error.message}`);
    let scanning: AbortController | undefined;
    let timer: NodeJS.Timeout | undefined;
    const scanSoon = () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        scanning?.abort();
        scanning = new AbortController();
        this.#scan(uri, scanning.signal).catch(warn);
      }, SETTLE_MILLISECONDS);
    };
    store.add({
      dispose: () => {
        clearTimeout(timer);
        scanning?.abort();
      },
    });
    const follow = async () => {
      if ((await stat(uri.fsPath)).size <= LARGEST_DOCUMENT) return;
      const name = uri.path.split('/').at(-1) ?? '';
      const pattern = new vscode.RelativePattern(vscode.Uri.joinPath(uri, '..'), name);
      const watcher = store.add(vscode.workspace.createFileSystemWatcher(pattern));
      for (const event of [watcher.onDidChange, watcher.onDidCreate]) store.add(event(scanSoon));
      if (!store.isDisposed) scanSoon();
    };
    follow().catch(warn);
  }

  async #scan(uri: vscode.Uri, signal: AbortSignal): Promise<void> {
    const { mostRows, onScanned } = this.#options;
    const problems: RowProblem[] = [];
    let flawed = 0;
    const publish = () => onScanned({ uri, problems, rowsLeft: Math.max(0, flawed - mostRows) });
    let published = performance.now();
    const collect = (_: number, checked: CheckedRow) => {
      if (checked.problems.length === 0) return;
      if (flawed++ >= mostRows) return;
      problems.push(...checked.problems);
      // A million rows take their time: what is found first is shown first.
      if (performance.now() - published < PUBLISH_MILLISECONDS) return;
      published = performance.now();
      publish();
    };
    const isDocument = vscode.workspace.textDocuments.some((document) => document.uri.toString() === uri.toString());
    if (isDocument) return; // few characters of many bytes: then it is indexed as any other
    const started = performance.now();
    if (!(await scanFile(this.#files, uri.fsPath, collect, signal))) return;
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    this.#options.log.info(`${uri.fsPath}: checked in ${seconds} s, ${flawed} rows with problems`);
    publish();
  }
}
