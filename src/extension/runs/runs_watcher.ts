/**
 * The runs of the workspace as they stand on disk, kept up to date. It reads files and nothing else: a run of the command line shows
 * as one of this window does.
 */
import path from 'node:path';
import * as vscode from 'vscode';
import { systemClock } from '../../engine/common/clock.ts';
import { NodeFileSystem } from '../../engine/common/file_system.ts';
import { systemProcesses } from '../../engine/runs/processes.ts';
import { RunDirectory } from '../../engine/runs/run_directory.ts';
import { type RunList, RunStore } from '../../engine/runs/run_store.ts';
import type { RunSummary } from '../../protocol/run_record.ts';
import { type Disposable, DisposableStore, Emitter } from '../common/disposables.ts';
import type { Log } from '../common/log.ts';

/** Files of a run change in bursts; one look per burst is enough. */
const SETTLE_MILLISECONDS = 150;

export class RunsWatcher implements Disposable {
  readonly folder: string;
  readonly #workspace: string;
  readonly #files = new NodeFileSystem();
  readonly #store: RunStore;
  readonly #log: Log;
  readonly #changed = new Emitter<void>();
  readonly #disposables = new DisposableStore();
  #list: RunList = { runs: [], unreadable: [] };
  #timer: NodeJS.Timeout | undefined;
  #reading: Promise<void> | undefined;
  #stale = false;

  readonly onChanged = this.#changed.event;

  constructor(workspace: string, log: Log) {
    this.#workspace = workspace;
    this.folder = path.join(workspace, '.latro', 'runs');
    this.#log = log;
    this.#store = new RunStore({ files: this.#files, clock: systemClock, processes: systemProcesses }, this.folder);
  }

  /** Reads the runs and follows their files from now on. */
  async start(): Promise<void> {
    // Relative to the workspace, whose watcher is there anyway; the folder itself may not exist yet.
    const pattern = new vscode.RelativePattern(vscode.Uri.file(this.#workspace), '.latro/runs/**');
    const watcher = this.#disposables.add(vscode.workspace.createFileSystemWatcher(pattern));
    for (const event of [watcher.onDidCreate, watcher.onDidChange, watcher.onDidDelete]) {
      this.#disposables.add(event(() => this.refreshSoon()));
    }
    await this.refresh();
  }

  /** Newest first. */
  get runs(): readonly RunSummary[] {
    return this.#list.runs;
  }

  find(runId: string): RunSummary | undefined {
    return this.#list.runs.find((run) => run.id === runId);
  }

  /** A run's files, to read. */
  directory(run: Pick<RunSummary, 'directory'>): RunDirectory {
    return new RunDirectory(this.#files, run.directory);
  }

  /** A run as a list shows it, read now. */
  summary(directory: RunDirectory): Promise<RunSummary> {
    return directory.summary(systemProcesses);
  }

  refreshSoon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.refresh();
    }, SETTLE_MILLISECONDS);
  }

  /** Reads the folder anew; a call while one is under way has it read once more. */
  async refresh(): Promise<void> {
    this.#stale = true;
    this.#reading ??= this.#readUntilFresh().finally(() => {
      this.#reading = undefined;
    });
    await this.#reading;
  }

  async #readUntilFresh(): Promise<void> {
    while (this.#stale) {
      this.#stale = false;
      const known = new Set(this.#list.unreadable.map(({ id }) => id));
      try {
        this.#list = await this.#store.list();
      } catch (error) {
        this.#log.error(error as Error);
        return;
      }
      for (const { id, reason } of this.#list.unreadable) if (!known.has(id)) this.#log.warn(`run ${id}: ${reason}`);
    }
    this.#changed.fire();
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#disposables.dispose();
  }
}
