/** The question under the cursor, and everything known of it: its run, and the rationales under each checkpoint. */
import path from 'node:path';
import type { DatasetRow } from '../../engine/datasets/row.ts';
import type { RowReference, Weights } from '../../protocol/engine_rpc.ts';
import type { RationaleSet } from '../../protocol/panel_messages.ts';
import type { RunRecord, RunSummary } from '../../protocol/run_record.ts';
import { RolloutIndex } from '../runs/rollout_index.ts';
import type { RunsWatcher } from '../runs/runs_watcher.ts';
import { strategyNames } from '../runs/strategies.ts';
import { setOfRollout, type Trace, weightsOfRollout } from './rationale_sets.ts';

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
  /** Steps whose weights are on disk, rising. */
  readonly checkpointSteps: readonly number[];
  /** Of the run's reasoning strategies; empty without any. */
  readonly strategyNames: Readonly<Record<string, string>>;
}

export class QuestionSource {
  readonly #runs: RunsWatcher;
  readonly #indexes = new Map<string, RolloutIndex>();
  readonly #records = new Map<string, RunRecord>();
  /** What was sampled or written on request, newest per question and checkpoint; gone with the window. */
  readonly #onRequest = new Map<string, RationaleSet>();
  readonly #traces = new Map<string, Trace>();

  constructor(runs: RunsWatcher) {
    this.#runs = runs;
  }

  async known({ file, row }: Question): Promise<KnownQuestion> {
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
      checkpointSteps = await this.#runs.directory(run).checkpoints.steps();
    }
    for (const [key, set] of this.#onRequest) {
      if (key === keyOf(run, row.rowKey, set.checkpoint)) sets.set(set.checkpoint, set);
    }
    return { run, sets, checkpointSteps, strategyNames: names };
  }

  /** The newest run that reads this file. */
  async runOf(file: string): Promise<RunSummary | null> {
    for (const run of this.#runs.runs) {
      const { train, validation, test } = (await this.#record(run)).config.dataset;
      if ([train, validation, test].some((each) => each !== undefined && samePath(each, file))) return run;
    }
    return null;
  }

  /** Takes the place of what the question had under this checkpoint, until the window closes. */
  addSet(run: RunSummary | null, rowKey: string, set: RationaleSet): void {
    this.#onRequest.set(keyOf(run, rowKey, set.checkpoint), set);
  }

  /** log π(y | x, z_≤t) by `CHECKPOINT RATIONALE-ID`, as `withMarks` looks them up. */
  tracesOf(run: RunSummary | null, rowKey: string): ReadonlyMap<string, Trace> {
    const prefix = `${run?.id ?? ''}\n${rowKey}\n`;
    const own = [...this.#traces].filter(([key]) => key.startsWith(prefix));
    return new Map(own.map(([key, trace]) => [key.slice(prefix.length), trace]));
  }

  addTrace(run: RunSummary | null, rowKey: string, checkpoint: string, id: string, trace: Trace): void {
    this.#traces.set(`${run?.id ?? ''}\n${rowKey}\n${checkpoint} ${id}`, trace);
  }

  #index(run: RunSummary): RolloutIndex {
    const known = this.#indexes.get(run.id) ?? new RolloutIndex(this.#runs.directory(run));
    this.#indexes.set(run.id, known);
    return known;
  }

  /** The config of a run never changes. */
  async #record(run: RunSummary): Promise<RunRecord> {
    const known = this.#records.get(run.id) ?? (await this.#runs.directory(run).record());
    this.#records.set(run.id, known);
    return known;
  }
}

/** Weights of a checkpoint of the run; without a run, the chosen model itself. */
export function weightsFor(run: RunSummary | null, checkpoint: string, chosenModel: () => string): Weights {
  return run === null
    ? { kind: 'model', model: chosenModel(), adapter: null }
    : { kind: 'run', runDirectory: run.directory, checkpoint };
}

export function referenceTo({ file, row, text }: Question): RowReference {
  return { dataset: file, format: 'auto', line: row.line, row: text };
}

const keyOf = (run: RunSummary | null, rowKey: string, checkpoint: string) =>
  `${run?.id ?? ''}\n${rowKey}\n${checkpoint}`;

export function samePath(a: string, b: string): boolean {
  const [x, y] = [path.resolve(a), path.resolve(b)];
  return process.platform === 'win32' ? x.toLowerCase() === y.toLowerCase() : x === y;
}
