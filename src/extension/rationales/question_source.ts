/** The question under the cursor, and everything known of it: its run, and the rationales under each checkpoint. */
import path from 'node:path';
import type { DatasetRow } from '../../engine/datasets/row.ts';
import type { RowReference, Weights } from '../../protocol/engine_rpc.ts';
import type { RationaleSet, RationaleView } from '../../protocol/rationale_messages.ts';
import type { RunRecord, RunSummary } from '../../protocol/run_record.ts';
import { RolloutIndex } from '../runs/rollout_index.ts';
import type { RunsWatcher } from '../runs/runs_watcher.ts';
import { strategyNames } from '../runs/strategies.ts';
import type { PanelChoices } from './panel_choices.ts';
import type { RatingStore } from './rating_store.ts';
import { type Marks, setOfRollout, type Trace, weightsOfRollout, withMarks } from './rationale_sets.ts';
import type { RationaleStore } from './rationale_store.ts';

/** A row of a dataset as it stands in the editor. */
export interface Question {
  readonly file: string;
  readonly row: DatasetRow;
  /** JSON text of the row. */
  readonly text: string;
}

export interface KnownQuestion {
  readonly run: RunSummary | null;
  /** By checkpoint name. */
  readonly sets: ReadonlyMap<string, RationaleSet>;
  /** The checkpoints whose set was sampled, or added to, on request. */
  readonly onRequest: ReadonlySet<string>;
  /** Steps whose weights are on disk, rising. */
  readonly checkpointSteps: readonly number[];
  /** Of the run's reasoning strategies; empty without any. */
  readonly strategyNames: Readonly<Record<string, string>>;
}

export interface QuestionSourceServices {
  readonly runs: RunsWatcher;
  readonly store: RationaleStore;
  readonly ratings: RatingStore;
  readonly choices: PanelChoices;
  /** Folder of the model to ask where there is no run. @throws LatroError when none is chosen */
  readonly model: () => string;
}

export class QuestionSource {
  readonly #services: QuestionSourceServices;
  readonly #indexes = new Map<string, RolloutIndex>();
  readonly #records = new Map<string, RunRecord>();

  constructor(services: QuestionSourceServices) {
    this.#services = services;
  }

  async known({ file, row }: Question): Promise<KnownQuestion> {
    const { runs, store } = this.#services;
    const run = await this.runOf(file);
    const sets = new Map<string, RationaleSet>();
    let checkpointSteps: readonly number[] = [];
    let names: Readonly<Record<string, string>> = {};
    if (run !== null) {
      const { config } = await this.#record(run);
      names = strategyNames(config);
      const settings = { runId: run.id, temperature: config.sampling.temperature, beta: config.reward.klCoefficient };
      for (const rollout of await this.#index(run).find(row.rowKey)) {
        sets.set(weightsOfRollout(rollout), setOfRollout(rollout, settings));
      }
      checkpointSteps = await runs.directory(run).checkpoints.steps();
    }
    const own = (await store.of(row.rowKey)).sets.filter(({ owner }) => owner === this.#owner(run));
    for (const { set } of own) sets.set(set.checkpoint, set);
    const onRequest = new Set(own.map(({ set }) => set.checkpoint));
    return { run, sets, onRequest, checkpointSteps, strategyNames: names };
  }

  /** The newest run that reads this file. */
  async runOf(file: string): Promise<RunSummary | null> {
    for (const run of this.#services.runs.runs) {
      const { train, validation, test } = (await this.#record(run)).config.dataset;
      if ([train, validation, test].some((each) => each !== undefined && samePath(each, file))) return run;
    }
    return null;
  }

  /** Weights of a checkpoint of the run; without a run, the chosen model itself. */
  weights(run: RunSummary | null, checkpoint: string): Weights {
    return run === null
      ? { kind: 'model', model: this.#services.model(), adapter: null }
      : { kind: 'run', runDirectory: run.directory, checkpoint };
  }

  /** Takes the place of what the question had under this checkpoint, until it is discarded. */
  async addSet({ row }: Question, run: RunSummary | null, set: RationaleSet): Promise<void> {
    await this.#services.store.addSet(row.rowKey, this.#owner(run), set);
  }

  /** Back to what the run left behind. */
  async discard(question: Question, checkpoint: string): Promise<void> {
    const run = await this.runOf(question.file);
    await this.#services.store.removeSet(question.row.rowKey, this.#owner(run), checkpoint);
  }

  async addTrace({ row }: Question, run: RunSummary | null, checkpoint: string, rationale: string, trace: Trace) {
    const { scores, by } = trace;
    const kept = { owner: this.#owner(run), checkpoint, rationale, scores: [...scores], by };
    await this.#services.store.addTrace(row.rowKey, kept);
  }

  async marks({ file, row }: Question, run: RunSummary | null): Promise<Marks> {
    const { choices, ratings, store } = this.#services;
    const own = (await store.of(row.rowKey)).traces.filter(({ owner }) => owner === this.#owner(run));
    return {
      pinned: new Set(choices.pins(row.rowKey)),
      ratings: await ratings.ofRow(file, row.rowKey),
      traces: new Map(
        own.map(({ checkpoint, rationale, scores, by }) => [`${checkpoint} ${rationale}`, { scores, by }]),
      ),
    };
  }

  /** As the panel shows it; undefined when there is nothing under this checkpoint. */
  async markedSet(question: Question, checkpoint: string): Promise<RationaleSet | undefined> {
    const { run, sets } = await this.known(question);
    const set = sets.get(checkpoint);
    return set && withMarks(set, await this.marks(question, run));
  }

  /** Without `checkpoint`, under whichever it is. */
  async find(question: Question, id: string, checkpoint?: string): Promise<RationaleView | undefined> {
    const { sets } = await this.known(question);
    const own = checkpoint === undefined ? [...sets.values()] : [sets.get(checkpoint)];
    return own.flatMap((set) => set?.rationales ?? []).find((rationale) => rationale.id === id);
  }

  /** Whose weights: what was sampled with one model is not shown as another's. */
  #owner(run: RunSummary | null): string {
    return run === null ? this.#services.model() : run.id;
  }

  #index(run: RunSummary): RolloutIndex {
    const known = this.#indexes.get(run.id) ?? new RolloutIndex(this.#services.runs.directory(run));
    this.#indexes.set(run.id, known);
    return known;
  }

  /** The config of a run never changes. */
  async #record(run: RunSummary): Promise<RunRecord> {
    const known = this.#records.get(run.id) ?? (await this.#services.runs.directory(run).record());
    this.#records.set(run.id, known);
    return known;
  }
}

export function referenceTo({ file, row, text }: Question): RowReference {
  return { dataset: file, format: 'auto', line: row.line, row: text };
}

export function samePath(a: string, b: string): boolean {
  const [x, y] = [path.resolve(a), path.resolve(b)];
  return process.platform === 'win32' ? x.toLowerCase() === y.toLowerCase() : x === y;
}
