/** What the newest run that knows a dataset says about its rows: read from disk, for a few rows at a time. */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { type FileSystem, NodeFileSystem } from '../../engine/common/file_system.ts';
import type { RunSummary } from '../../protocol/run_record.ts';
import { type Disposable, Emitter, type Listener } from '../common/disposables.ts';
import type { Log } from '../common/log.ts';
import { samePath } from '../common/same_path.ts';
import {
  byTime,
  DatasetRuns,
  type FinishedEvaluation,
  finishedEvaluations,
  type KnownRuns,
} from '../runs/dataset_runs.ts';
import type { EvaluationPair } from '../runs/evaluation_pairs.ts';
import { RolloutIndex } from '../runs/rollout_index.ts';
import { EvaluationIndex } from './evaluation_index.ts';
import {
  answersOfRollout,
  type EvaluationFigures,
  RolloutFigures,
  type RowResult,
  rowResult,
  type ShownRationales,
  shownRationales,
} from './row_result.ts';

/** The part of a `RunsWatcher` that is needed. */
export interface Runs extends KnownRuns {
  readonly onChanged: (listener: Listener<void>) => Disposable;
}

/** A row's result with the texts behind it. */
export interface RowDetail {
  /** null: weights that belong to no run were evaluated. */
  readonly run: RunSummary | null;
  readonly result: RowResult;
  readonly rationales: ShownRationales;
  /** The evaluated answers; null where the result is of rollouts. */
  readonly evaluated: { readonly now: EvaluationFigures; readonly before: EvaluationFigures | null } | null;
  /** The evaluations that are compared; null: there are no two that looked at this row. */
  readonly pair: EvaluationPair | null;
}

/** Whose results a dataset shows: the newest run that has any, or evaluations of a model outside all runs. */
export interface DatasetHistory {
  readonly run: RunSummary | null;
  /** The one to compare with, if there is one. */
  readonly before: FinishedEvaluation | null;
  readonly now: FinishedEvaluation | null;
}

interface Source extends DatasetHistory {
  readonly rowsNow: EvaluationIndex | null;
  readonly rowsBefore: EvaluationIndex | null;
  readonly rollouts: RolloutIndex | null;
}

interface ReadEvaluation {
  readonly evaluation: FinishedEvaluation;
  readonly rows: EvaluationIndex;
}

interface CachedResult {
  readonly stamp: string;
  readonly result: RowResult;
}

export class DatasetResults implements Disposable {
  readonly #runs: Runs;
  readonly #datasets: DatasetRuns;
  readonly #log: Log;
  readonly #folder: string;
  readonly #files: FileSystem;
  readonly #changed = new Emitter<void>();
  readonly #subscription: Disposable;
  /** By dataset; runs change, so forgotten with every change. */
  #sources = new Map<string, Promise<Source | null>>();
  readonly #rollouts = new Map<string, RolloutIndex>();
  /** By file and its stamp. */
  readonly #evaluations = new Map<string, Promise<EvaluationIndex>>();
  readonly #ofRollouts = new Map<string, CachedResult>();
  /** Why an evaluation could not be read, by file: said once. */
  readonly #warned = new Map<string, string>();

  /** Something may be different now. */
  readonly onChanged = this.#changed.event;

  /** @param evaluations folder of the evaluations that belong to no run */
  constructor(runs: Runs, evaluations: string, log: Log, files: FileSystem = new NodeFileSystem()) {
    this.#runs = runs;
    this.#datasets = new DatasetRuns(runs);
    this.#folder = evaluations;
    this.#log = log;
    this.#files = files;
    this.#subscription = runs.onChanged(() => this.refresh());
  }

  /** Looks at the disk anew from now on. */
  refresh(): void {
    this.#sources.clear();
    this.#changed.fire();
  }

  dispose(): void {
    this.#subscription.dispose();
  }

  /** Where the results of a file come from; null when there are none. */
  async history(file: string): Promise<DatasetHistory | null> {
    return await this.#source(file);
  }

  /** By row key; a row that no run has looked at is not among them. */
  async of(file: string, rowKeys: Iterable<string>): Promise<ReadonlyMap<string, RowResult>> {
    const source = await this.#source(file);
    if (source === null) return new Map();
    const found = await Promise.all(
      [...new Set(rowKeys)].map(async (key) => ({ key, result: await this.#result(source, key) })),
    );
    return new Map(found.flatMap(({ key, result }) => (result === null ? [] : [[key, result]])));
  }

  async detail(file: string, rowKey: string): Promise<RowDetail | null> {
    const source = await this.#source(file);
    const result = source && (await this.#result(source, rowKey));
    if (source === null || result === null) return null;
    const { run } = source;
    const newest = (await source.rollouts?.steps(rowKey))?.at(-1);
    const rollout = newest === undefined ? undefined : await source.rollouts?.read(rowKey, newest, RolloutFigures);
    const now = (await source.rowsNow?.row(rowKey)) ?? null;
    const before = (await source.rowsBefore?.row(rowKey)) ?? null;
    const evaluated = now === null ? null : { now, before };
    const pair = before === null ? null : pairOf(source);
    return { run, result, rationales: shownRationales(now, rollout), evaluated, pair };
  }

  async #result(source: Source, rowKey: string): Promise<RowResult | null> {
    const now = source.rowsNow?.answers(rowKey) ?? null;
    if (now !== null) return rowResult('evaluation', now, source.rowsBefore?.answers(rowKey) ?? null);
    if (source.run === null || source.rollouts === null) return null;
    return await this.#resultOfRollouts(source.run, source.rollouts, rowKey);
  }

  async #resultOfRollouts(run: RunSummary, rollouts: RolloutIndex, rowKey: string): Promise<RowResult | null> {
    const steps = await rollouts.steps(rowKey);
    const [first, last] = [steps[0], steps.at(-1)];
    if (first === undefined || last === undefined) return null;
    const key = `${run.id} ${rowKey}`;
    // A run that was rolled back samples the same updates anew.
    const stamp = `${first} ${rollouts.stamp(first)} ${last} ${rollouts.stamp(last)}`;
    const known = this.#ofRollouts.get(key);
    if (known?.stamp === stamp) return known.result;
    const now = await rollouts.read(rowKey, last, RolloutFigures);
    const before = first === last ? undefined : await rollouts.read(rowKey, first, RolloutFigures);
    if (now === undefined) return null;
    const result = rowResult('rollouts', answersOfRollout(now), before ? answersOfRollout(before) : null);
    this.#ofRollouts.set(key, { stamp, result });
    return result;
  }

  #source(file: string): Promise<Source | null> {
    const known = this.#sources.get(file);
    if (known !== undefined) return known;
    const source = this.#find(file).catch((error: unknown) => {
      this.#log.warn(`results of ${file}: ${error instanceof Error ? error.message : String(error)}`);
      return null;
    });
    this.#sources.set(file, source);
    return source;
  }

  async #find(file: string): Promise<Source | null> {
    return (await this.#ofRuns(file)) ?? (await this.#ofModels(file));
  }

  async #ofRuns(file: string): Promise<Source | null> {
    const found = await this.#datasets.newestResults(file);
    if (found === null) return null;
    const { run, evaluations, hasRollouts } = found;
    const now = await this.#lastReadable(evaluations);
    const before = now === null ? null : await this.#beforeOf(now.evaluation, evaluations);
    return {
      run,
      now: now?.evaluation ?? null,
      before: before?.evaluation ?? null,
      rowsNow: now?.rows ?? null,
      rowsBefore: before?.rows ?? null,
      rollouts: hasRollouts ? this.#rolloutsOf(run) : null,
    };
  }

  /** Of the start weights: the one that was made most like it, else the one of most questions. */
  async #beforeOf(now: FinishedEvaluation, all: readonly FinishedEvaluation[]): Promise<ReadEvaluation | null> {
    if (now.updates === 0) return null;
    const { questions, k } = now.summary;
    const likeness = ({ summary }: FinishedEvaluation): number =>
      (summary.questions === questions ? 2 : 0) + (summary.k === k ? 1 : 0);
    const start = all.filter(({ updates }) => updates === 0);
    return await this.#lastReadable(start.sort((a, b) => likeness(a) - likeness(b)));
  }

  /** The last evaluation of a model that belongs to no run. */
  async #ofModels(file: string): Promise<Source | null> {
    const names = (await this.#files.list(this.#folder)).filter((name) => name.endsWith('.json'));
    const evaluations = await finishedEvaluations(names.map((name) => path.join(this.#folder, name)));
    const own = evaluations.filter(({ summary }) => samePath(summary.dataset, file));
    const now = await this.#lastReadable(own.sort(byTime));
    return now === null
      ? null
      : { run: null, now: now.evaluation, before: null, rowsNow: now.rows, rowsBefore: null, rollouts: null };
  }

  /** The last of these whose rows can be read: a damaged or missing file does not hide the others. */
  async #lastReadable(evaluations: readonly FinishedEvaluation[]): Promise<ReadEvaluation | null> {
    for (const evaluation of evaluations.toReversed()) {
      const { file } = evaluation;
      try {
        return { evaluation, rows: await this.#rowsOf(evaluation) };
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        // Looked at anew with every change of a run.
        if (this.#warned.get(file) !== reason) this.#log.warn(`evaluation ${file} is left out: ${reason}`);
        this.#warned.set(file, reason);
      }
    }
    return null;
  }

  /** A finished evaluation does not change, but a run that was rolled back may write another of the same name. */
  async #rowsOf({ file, updates }: FinishedEvaluation): Promise<EvaluationIndex> {
    const { mtimeMs, size } = await stat(file);
    return await remembered(this.#evaluations, `${file} ${mtimeMs} ${size}`, () =>
      EvaluationIndex.read(this.#files, file, updates),
    );
  }

  #rolloutsOf(run: RunSummary): RolloutIndex {
    const known = this.#rollouts.get(run.id) ?? new RolloutIndex(this.#runs.directory(run));
    this.#rollouts.set(run.id, known);
    return known;
  }
}

/** The two that are compared, in the order to open them in; null when there are no two. */
export function pairOf({ run, before, now }: DatasetHistory): EvaluationPair | null {
  if (run === null || before === null || now === null) return null;
  const [first, last] = [before, now].map(({ name }) => ({ runId: run.id, evaluation: name }));
  return { before: first!, after: last! };
}

/** Accuracies of other questions are none to compare: a person may have evaluated more of them than the run does. */
export const areOfSameQuestions = ({ before, now }: DatasetHistory): boolean =>
  before !== null && before.summary.questions === now?.summary.questions;

/** What failed is not remembered: the next one to ask tries again. */
function remembered<T>(known: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const found = known.get(key);
  if (found !== undefined) return found;
  const made = make().catch((error: unknown) => {
    known.delete(key);
    throw error;
  });
  known.set(key, made);
  return made;
}
