/**
 * The runs of the workspace as they stand on disk, kept up to date, and word of the evaluations that belong to none. It reads files and
 * nothing else: a run of the command line shows as one of this window does.
 */
import path from 'node:path';
import * as vscode from 'vscode';
import { NodeFileSystem } from '../../engine/common/file_system.ts';
import { systemProcesses } from '../../engine/runs/processes.ts';
import { RunDirectory } from '../../engine/runs/run_directory.ts';
import type { RunSummary } from '../../protocol/run_record.ts';
import { type Disposable, DisposableStore, Emitter } from '../common/disposables.ts';
import { fileStamp } from '../common/file_stamp.ts';
import type { Log } from '../common/log.ts';
import { Pace } from '../common/pace.ts';
import { Renewal } from '../common/renewal.ts';
import type { JobTracker } from '../engine/job_tracker.ts';

/** Files of a run change in bursts. */
const SETTLE_MILLISECONDS = 150;
/** Everything that shows runs is drawn anew after each look, and a fast run makes ten updates a second. */
const REST_MILLISECONDS = 1000;
/** Watchers of network folders and of busy machines lose events. */
const LOST_MILLISECONDS = 10_000;
/**
 * Once something was lost, more will be: VS Code's watcher misses folders that are made in quick succession on Linux, and never tells of
 * what happens in them.
 */
const LOST_AGAIN_MILLISECONDS = 2000;

export class RunsWatcher implements Disposable {
  readonly folder: string;
  /** Of the evaluations that belong to no run. */
  readonly evaluationsFolder: string;
  readonly #workspace: string;
  readonly #files = new NodeFileSystem();
  readonly #log: Log;
  readonly #changed = new Emitter<void>();
  readonly #disposables = new DisposableStore();
  #runs: readonly RunSummary[] = [];
  #known = new Map<string, { readonly stamp: string; readonly run: RunSummary | undefined }>();
  #evaluations = '';
  readonly #pace = this.#disposables.add(new Pace(() => void this.refresh(), SETTLE_MILLISECONDS, REST_MILLISECONDS));
  readonly #reading = new Renewal(() => this.#readNow());
  #lookTimer: NodeJS.Timeout | undefined;
  #hasLost = false;

  /** Runs, or evaluations that belong to none, may be others now. */
  readonly onChanged = this.#changed.event;

  constructor(workspace: string, log: Log) {
    this.#workspace = workspace;
    this.folder = path.join(workspace, '.latro', 'runs');
    this.evaluationsFolder = path.join(workspace, '.latro', 'evaluations');
    this.#log = log;
  }

  /** Reads the runs and follows their files from now on. */
  async start(): Promise<void> {
    // Relative to the workspace, whose watcher is there anyway. The folder may not exist yet, and of folders that are made in one go
    // only the outermost is told of. VS Code reads braces within braces as something else, and says nothing of it.
    const pattern = new vscode.RelativePattern(
      vscode.Uri.file(this.#workspace),
      '{.latro,.latro/runs/**,.latro/evaluations/**}',
    );
    const watcher = this.#disposables.add(vscode.workspace.createFileSystemWatcher(pattern));
    for (const event of [watcher.onDidCreate, watcher.onDidChange, watcher.onDidDelete]) {
      this.#disposables.add(event(() => this.refreshSoon()));
    }
    this.#disposables.add(vscode.window.onDidChangeWindowState(({ focused }) => focused && this.refreshSoon()));
    this.#disposables.add({ dispose: () => clearTimeout(this.#lookTimer) });
    this.#lookLater();
    await this.refresh();
  }

  /** Newest first. */
  get runs(): readonly RunSummary[] {
    return this.#runs;
  }

  find(runId: string): RunSummary | undefined {
    return this.#runs.find((run) => run.id === runId);
  }

  /** Where a run lies: as the list says, or else where a job of this window has written it; undefined where neither knows it. */
  whereIs(runId: string, jobs: Pick<JobTracker, 'runDirectories'>): string | undefined {
    return this.find(runId)?.directory ?? jobs.runDirectories.get(runId);
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
    this.#pace.ask();
  }

  /** Reads the folder anew; a call while one is under way has it read once more. */
  async refresh(): Promise<void> {
    await this.#reading.ask();
  }

  async #readNow(): Promise<void> {
    try {
      this.#evaluations = await this.#evaluationsStamp();
      this.#runs = await this.#read();
    } catch (error) {
      this.#log.error(error as Error);
      return;
    }
    this.#changed.fire();
  }

  /** One look at a time: on a slow disk it takes longer than the time between two. */
  #lookLater(): void {
    const look = async () => {
      await this.#refreshIfLost().catch((error: Error) => this.#log.error(error));
      if (!this.#disposables.isDisposed) this.#lookLater();
    };
    this.#lookTimer = setTimeout(look, this.#hasLost ? LOST_AGAIN_MILLISECONDS : LOST_MILLISECONDS);
  }

  /**
   * Reads anew only if a run or an evaluation has come, gone or changed without anybody saying so. A run that is trained may have been
   * killed, which changes no file.
   */
  async #refreshIfLost(): Promise<void> {
    if (this.#reading.isUnderWay || this.#pace.isDue) return;
    const known = this.#known;
    const ids = await this.#files.list(this.folder);
    const stamps = await Promise.all(ids.map((id) => fileStamp(this.#directoryOf(id).recordFile)));
    const there = ids.filter((_, i) => stamps[i] !== undefined);
    const sameRuns = there.length === known.size && ids.every((id, i) => stamps[i] === known.get(id)?.stamp);
    const same = sameRuns && (await this.#evaluationsStamp()) === this.#evaluations;
    const running = this.#runs.some(({ status }) => status === 'running');
    // What has been told of meanwhile is not lost.
    if (this.#disposables.isDisposed || this.#pace.isDue || (same && !running)) return;
    this.#hasLost ||= !same;
    await this.refresh();
  }

  /** All runs, newest first. One whose `run.json` has not changed since, and that nobody writes, is not read again. */
  async #read(): Promise<RunSummary[]> {
    const known = new Map<string, { readonly stamp: string; readonly run: RunSummary | undefined }>();
    const runs: RunSummary[] = [];
    for (const id of await this.#files.list(this.folder)) {
      const directory = this.#directoryOf(id);
      const stamp = await fileStamp(directory.recordFile);
      if (stamp === undefined) continue;
      const before = this.#known.get(id);
      const same = before?.stamp === stamp && before.run?.status !== 'running';
      const now = same ? before : { stamp, run: await this.#summaryOrWarning(id, directory) };
      known.set(id, now);
      if (now.run !== undefined) runs.push(now.run);
    }
    this.#known = known;
    return runs.sort((a, b) => (a.createdAt < b.createdAt || (a.createdAt === b.createdAt && a.id < b.id) ? 1 : -1));
  }

  /** Another one once a file of an evaluation that belongs to no run has come, gone or changed. */
  async #evaluationsStamp(): Promise<string> {
    const names = await this.#files.list(this.evaluationsFolder);
    const stamps = await Promise.all(names.map((name) => fileStamp(path.join(this.evaluationsFolder, name))));
    return stamps.join('; ');
  }

  #directoryOf(id: string): RunDirectory {
    return this.directory({ directory: path.join(this.folder, id) });
  }

  /** A run that cannot be read is named in the log once, and left out. */
  async #summaryOrWarning(id: string, directory: RunDirectory): Promise<RunSummary | undefined> {
    try {
      return await this.summary(directory);
    } catch (error) {
      // Whatever it is, a file without permission say, the other runs are shown.
      this.#log.warn(`run ${id}: ${(error as Error).message}`);
      return undefined;
    }
  }

  dispose(): void {
    this.#disposables.dispose();
  }
}
