/**
 * Evaluation sets in the Testing view: a set is run by evaluating it, each of its questions passes or fails, and a failure shows the
 * expected answer beside the actual one. Evaluations that are on disk already are shown without running anything.
 */
import path from 'node:path';
import * as v from 'valibot';
import * as vscode from 'vscode';
import { Cancelled } from '../../engine/common/errors.ts';
import { type FileSystem, NodeFileSystem } from '../../engine/common/file_system.ts';
import { TimeSlice } from '../../engine/common/time_slice.ts';
import { readLines } from '../../engine/datasets/file_bytes.ts';
import { LONGEST_ROW } from '../../engine/runs/evaluation_folder.ts';
import type { RequestResult, Weights } from '../../protocol/engine_rpc.ts';
import { EvaluationRow } from '../../protocol/records.ts';
import { type CommandServices, modelOf } from '../commands/services.ts';
import { DisposableStore } from '../common/disposables.ts';
import { fileStamp } from '../common/file_stamp.ts';
import { Renewal } from '../common/renewal.ts';
import { EVALUATION_FILES, findEvaluationFiles } from '../dataset/evaluation_files.ts';
import { rowIds } from '../dataset/row_ids.ts';
import { savedFirst } from '../dataset/saved_first.ts';
import { failureText } from '../engine/engine_text.ts';
import type { DatasetResults } from '../inline/dataset_results.ts';
import { checkpointName } from '../runs/checkpoints.ts';
import { percent } from '../runs/run_text.ts';
import { excerpt, verdictOf } from './evaluation_set.ts';
import { CONFIGS, NamedSets } from './named_sets.ts';

/** Only whole sets can be run. */
const SET = new vscode.TestTag('latro.set');
/** Of the item that says that there are more; no file has such a path. */
const MORE = 'more';
/** A list of more serves nobody. */
const MOST_QUESTIONS = 5000;

export class EvaluationTests implements vscode.Disposable {
  readonly #services: CommandServices;
  readonly #results: DatasetResults;
  readonly #files: FileSystem = new NodeFileSystem();
  readonly #controller: vscode.TestController;
  readonly #disposables = new DisposableStore();
  /** Stamp of the newest evaluation seen of each set, and of the one a person asked for last: neither is shown again by itself. */
  readonly #seen = new Map<string, string>();
  readonly #asked = new Map<string, string>();
  readonly #finding = new Renewal(() =>
    this.#findSets().catch((error: unknown) => this.#services.reporter.report(error)),
  );
  readonly #named: NamedSets;
  /** Of the runs that were asked which sets they name. */
  #runIds = '';
  /** VS Code has asked for the tests: before that no run and no latro.json is asked which sets it names. */
  #isWanted = false;
  #work: Promise<void> = Promise.resolve();

  /** @param controller of VS Code; it is disposed with this */
  constructor(services: CommandServices, results: DatasetResults, controller: vscode.TestController) {
    this.#services = services;
    this.#results = results;
    this.#named = new NamedSets(services.runs);
    this.#controller = controller;
    const { l10n } = vscode;
    const { Run } = vscode.TestRunProfileKind;
    const profile = (label: string, isDefault: boolean, weights: (file: string) => Promise<Weights>) =>
      this.#controller.createRunProfile(
        label,
        Run,
        (request, token) => this.#run(request, token, weights),
        isDefault,
        SET,
      );
    this.#controller.resolveHandler = async (item) => {
      if (item !== undefined) return;
      this.#isWanted = true;
      await this.#finding.ask();
    };
    this.#controller.refreshHandler = () => this.#finding.ask();
    const watcher = vscode.workspace.createFileSystemWatcher(EVALUATION_FILES);
    const configs = vscode.workspace.createFileSystemWatcher(CONFIGS);
    const findAgain = () => {
      if (this.#isWanted) void this.#finding.ask();
    };
    const parts = [
      this.#controller,
      profile(l10n.t('Evaluate the newest checkpoint'), true, (file) => this.#newestWeights(file)),
      profile(l10n.t('Evaluate the chosen model'), false, () => this.#chosenModel()),
      watcher,
      watcher.onDidCreate(() => void this.#finding.ask()),
      watcher.onDidDelete(() => void this.#finding.ask()),
      configs,
      ...[configs.onDidCreate, configs.onDidChange, configs.onDidDelete].map((event) => event(findAgain)),
      results.onChanged(() => (this.#isWanted && this.#runIds !== this.#idsNow ? findAgain() : this.#showSoon())),
    ];
    for (const part of parts) this.#disposables.add(part);
  }

  dispose(): void {
    this.#disposables.dispose();
  }

  async #findSets(): Promise<void> {
    this.#runIds = this.#idsNow;
    const { shown: found, left } = await findEvaluationFiles();
    const shown = [...found, ...(await this.#named.find())];
    const files = new Set(shown.map(({ fsPath }) => fsPath));
    for (const { id } of this.#sets) if (!files.has(id)) this.#remove(id);
    for (const uri of shown) this.#set(uri);
    if (left === 0) this.#controller.items.delete(MORE);
    else
      this.#controller.items.add(
        this.#controller.createTestItem(MORE, vscode.l10n.t('{0} more sets are not listed', left)),
      );
    this.#showSoon();
  }

  get #idsNow(): string {
    return this.#services.runs.runs.map(({ id }) => id).join(' ');
  }

  get #sets(): vscode.TestItem[] {
    return [...this.#controller.items].flatMap(([id, item]) => (id === MORE ? [] : [item]));
  }

  #set(uri: vscode.Uri): vscode.TestItem {
    const known = this.#controller.items.get(uri.fsPath);
    if (known !== undefined) return known;
    const item = this.#controller.createTestItem(uri.fsPath, vscode.workspace.asRelativePath(uri), uri);
    item.tags = [SET];
    this.#controller.items.add(item);
    return item;
  }

  #remove(file: string): void {
    this.#controller.items.delete(file);
    this.#seen.delete(file);
    this.#asked.delete(file);
  }

  /** Shows the newest evaluation of every set that is not shown yet; one look after the other. */
  #showSoon(): void {
    this.#work = this.#work
      .then(() => this.#showNewest())
      .catch((error: unknown) => this.#services.reporter.report(error));
  }

  async #showNewest(): Promise<void> {
    const fresh: { readonly set: vscode.TestItem; readonly now: RequestResult<'evaluate'> }[] = [];
    for (const set of this.#sets) {
      const now = (await this.#results.history(set.id))?.now ?? null;
      const stamp = now === null ? undefined : await fileStamp(now.file);
      if (now === null || stamp === undefined) this.#forget(set);
      else if (this.#seen.get(set.id) !== stamp) {
        this.#seen.set(set.id, stamp);
        if (this.#asked.get(set.id) !== stamp) fresh.push({ set, now });
      }
    }
    if (fresh.length === 0) return;
    // In one run: VS Code counts the newest run only, and half of what is shown would be missing from its count.
    const name = fresh.map(({ now }) => now.summary.name).join(', ');
    const run = this.#controller.createTestRun(new vscode.TestRunRequest(fresh.map(({ set }) => set)), name, false);
    for (const { set, now } of fresh) {
      await this.#publish(run, set, now).catch((error: unknown) => this.#tell(run, set, error));
    }
    run.end();
  }

  /** No evaluation is left of what was shown: its weights were rolled back, or its file was deleted. */
  #forget(set: vscode.TestItem): void {
    if (!this.#seen.delete(set.id)) return;
    set.children.replace([]);
    set.description = '';
  }

  async #run(
    { include, exclude = [] }: vscode.TestRunRequest,
    token: vscode.CancellationToken,
    weightsFor: (file: string) => Promise<Weights>,
  ): Promise<void> {
    // A question is evaluated with its set.
    const wanted = (include ?? this.#sets).map((item) => item.parent ?? item);
    const sets = [...new Set(wanted)].filter((item) => !exclude.includes(item));
    const run = this.#controller.createTestRun(new vscode.TestRunRequest(sets));
    let isCancelled = false;
    for (const set of sets) {
      isCancelled ||= token.isCancellationRequested;
      // A person who cancels one wants none of those that would come after it; one that fails stops no other.
      if (isCancelled) run.skipped(set);
      else isCancelled = (await this.#runSet(run, set, token, weightsFor)) === 'cancelled';
    }
    run.end();
  }

  async #runSet(
    run: vscode.TestRun,
    set: vscode.TestItem,
    token: vscode.CancellationToken,
    weightsFor: (file: string) => Promise<Weights>,
  ): Promise<'told' | 'cancelled'> {
    for (const [, child] of set.children) run.enqueued(child);
    set.busy = true;
    try {
      const evaluation = await this.#evaluate(set.id, await weightsFor(set.id), token);
      const stamp = await fileStamp(evaluation.file);
      if (stamp !== undefined) this.#asked.set(set.id, stamp);
      await this.#publish(run, set, evaluation);
      return 'told';
    } catch (error) {
      return this.#tell(run, set, error);
    } finally {
      set.busy = false;
    }
  }

  #tell(run: vscode.TestRun, set: vscode.TestItem, error: unknown): 'told' | 'cancelled' {
    const failure = this.#services.reporter.describe(error);
    if (failure === undefined) run.skipped(set);
    else run.errored(set, new vscode.TestMessage(failureText(failure)));
    return failure === undefined ? 'cancelled' : 'told';
  }

  async #evaluate(file: string, weights: Weights, token: vscode.CancellationToken): Promise<RequestResult<'evaluate'>> {
    const { jobs, settings } = this.#services;
    await savedFirst(file);
    const title = vscode.l10n.t('LaTRO: evaluating on {0}', path.basename(file));
    return await jobs.withProgress(title, ({ client, jobId, signal }) => {
      const stop = new AbortController();
      token.onCancellationRequested(() => stop.abort());
      if (token.isCancellationRequested) throw new Cancelled();
      const { evaluationQuestions: questions, evaluationSamples: k } = settings;
      const request = { jobId, weights, dataset: file, format: 'auto' as const, questions, k };
      return client.request('evaluate', request, AbortSignal.any([signal, stop.signal]));
    });
  }

  /** Every evaluated question becomes an item under its set, and passes or fails. */
  async #publish(
    run: vscode.TestRun,
    set: vscode.TestItem,
    { summary, file }: RequestResult<'evaluate'>,
  ): Promise<void> {
    const all = await this.#read(file);
    const rows = all.slice(0, MOST_QUESTIONS);
    const ids = rowIds(rows.map(({ rowKey }) => rowKey));
    const items = rows.map((row, index) => {
      const item = this.#controller.createTestItem(ids[index]!, excerpt(row.question), set.uri);
      // Questions of like length are answered together, so the order of the answers is none.
      item.sortText = String(row.line).padStart(9, '0');
      item.description = vscode.l10n.t('line {0}', row.line);
      return item;
    });
    set.children.replace(items);
    const slice = new TimeSlice();
    for (const [index, row] of rows.entries()) {
      this.#judge(run, items[index]!, row);
      if (slice.isOver) await slice.next();
    }
    const { greedyAccuracy, questions, checkpoint } = summary;
    const text = vscode.l10n.t('{0}: {1} of {2} questions right', checkpoint, percent(greedyAccuracy), questions);
    set.description = text;
    run.appendOutput(`${summary.name}: ${text}\r\n`, undefined, set);
    const left = all.length - rows.length;
    if (left > 0) run.appendOutput(`${vscode.l10n.t('{0} more questions are not listed.', left)}\r\n`, undefined, set);
  }

  #judge(run: vscode.TestRun, item: vscode.TestItem, row: EvaluationRow): void {
    const { passed, expected, actual, text } = verdictOf(row);
    run.started(item);
    if (passed) {
      run.passed(item);
      return;
    }
    const { l10n } = vscode;
    const title = actual === null ? l10n.t('No answer was found in the text.') : l10n.t('The answer is wrong.');
    const message = vscode.TestMessage.diff(title, expected, actual ?? text.trim());
    if (item.uri !== undefined) message.location = new vscode.Location(item.uri, new vscode.Position(row.line - 1, 0));
    run.failed(item, message);
  }

  async #read(file: string): Promise<EvaluationRow[]> {
    const rows: EvaluationRow[] = [];
    const slice = new TimeSlice();
    for await (const line of readLines(this.#files.readChunks(file), LONGEST_ROW)) {
      if (line !== null) rows.push(v.parse(EvaluationRow, JSON.parse(line.toString('utf8'))));
      if (slice.isOver) await slice.next();
    }
    return rows;
  }

  /** Of the newest run that knows the file; without one, the chosen model. */
  async #newestWeights(file: string): Promise<Weights> {
    const { runs } = this.#services;
    const run = (await this.#results.history(file))?.run;
    const newest = run == null ? undefined : (await runs.directory(run).checkpoints.steps()).at(-1);
    if (run == null || newest === undefined) return await this.#chosenModel();
    return { kind: 'run', runDirectory: run.directory, checkpoint: checkpointName(newest) };
  }

  async #chosenModel(): Promise<Weights> {
    return { kind: 'model', model: await modelOf(this.#services), adapter: null };
  }
}
