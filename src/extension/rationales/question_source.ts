/** The question under the cursor, and everything known of it: its run, and the rationales under each checkpoint. */
import type { DatasetRow } from '../../engine/datasets/row.ts';
import type { RowReference, Weights } from '../../protocol/engine_rpc.ts';
import type { RationaleSet, RationaleView } from '../../protocol/rationale_messages.ts';
import { QuestionRollout, type RationaleRecord } from '../../protocol/records.ts';
import type { RunSummary } from '../../protocol/run_record.ts';
import { updatesBehind } from '../runs/checkpoints.ts';
import { DatasetRuns, type KnownRuns } from '../runs/dataset_runs.ts';
import { RolloutIndex } from '../runs/rollout_index.ts';
import { strategyNames } from '../runs/strategies.ts';
import type { PanelChoices } from './panel_choices.ts';
import type { RatingStore } from './rating_store.ts';
import {
  type Marks,
  type RunSettings,
  setOfRollout,
  type Trace,
  weightsOfRollout,
  withMarks,
} from './rationale_sets.ts';
import type { KeptSet, RationaleStore } from './rationale_store.ts';

/** A row of a dataset as it stands in the editor. */
export interface Question {
  readonly file: string;
  readonly row: DatasetRow;
  /** JSON text of the row. */
  readonly text: string;
  /** Id of the run whose rationales are meant, null for those of the model itself. Absent: those that are shown by themselves. */
  readonly run?: string | null;
}

/** A dataset, and whose rationales of it are meant. */
type OfDataset = Pick<Question, 'file' | 'run'>;

/** An update of a run, as far as it is about one row of a dataset. */
export interface StepOfRun {
  readonly file: string;
  readonly rowKey: string;
  readonly runId: string;
  readonly step: number;
}

export interface KnownQuestion {
  readonly run: RunSummary | null;
  /** Ids of the runs to choose from, newest first, `run` among them. */
  readonly runs: readonly string[];
  /** Names of the checkpoints under which there are rationales. */
  readonly sampled: ReadonlySet<string>;
  /** The rationales under a checkpoint; undefined when there are none. */
  readonly set: (checkpoint: string) => Promise<RationaleSet | undefined>;
  /** The checkpoints whose set was sampled, or added to, on request. */
  readonly onRequest: ReadonlySet<string>;
  /** Tells the weights of a checkpoint from others of its name; undefined where nothing does. */
  readonly weightsOf: (checkpoint: string) => string | undefined;
  /** Steps whose weights are on disk, rising. */
  readonly checkpointSteps: readonly number[];
  /** Of the run's reasoning strategies; empty without any. */
  readonly strategyNames: Readonly<Record<string, string>>;
}

interface RunsOfDataset {
  readonly run: RunSummary | null;
  /** Those to choose from, newest first, `run` among them. */
  readonly others: readonly RunSummary[];
}

export interface QuestionSourceServices {
  readonly runs: KnownRuns;
  readonly store: RationaleStore;
  readonly ratings: RatingStore;
  readonly choices: PanelChoices;
  /** Folder of the model to ask where there is no run. @throws LatroError when none is chosen */
  readonly model: () => string;
}

/** Of what was read last: those shown and compared, and some that a person goes back to. */
const SETS_IN_MEMORY = 16;

export class QuestionSource {
  readonly #services: QuestionSourceServices;
  readonly #datasets: DatasetRuns;
  readonly #indexes = new Map<string, RolloutIndex>();
  /** By run, row, update and stamp of the file; newest last. */
  readonly #sets = new Map<string, RationaleSet>();

  constructor(services: QuestionSourceServices) {
    this.#services = services;
    this.#datasets = new DatasetRuns(services.runs);
  }

  async known(question: Question): Promise<KnownQuestion> {
    const { runs } = this.#services;
    const { rowKey } = question.row;
    const { run, others } = await this.#runsOf(question);
    const own = new Map((await this.#keptSets(rowKey, run)).map(({ set }) => [set.checkpoint, set]));
    const shown = { run, runs: others.map(({ id }) => id), onRequest: new Set(own.keys()) };
    if (run === null) {
      const set = async (checkpoint: string) => own.get(checkpoint);
      const weightsOf = () => undefined;
      return { ...shown, sampled: shown.onRequest, set, weightsOf, checkpointSteps: [], strategyNames: {} };
    }
    const { config } = await this.#datasets.record(run);
    const index = this.#index(run);
    const steps = await index.steps(rowKey);
    const stepOf = new Map(steps.map((step) => [weightsOfRollout({ step }), step]));
    const settings = { runId: run.id, temperature: config.sampling.temperature, beta: config.reward.klCoefficient };
    return {
      ...shown,
      sampled: new Set([...stepOf.keys(), ...own.keys()]),
      set: async (checkpoint) => {
        const step = stepOf.get(checkpoint);
        return own.get(checkpoint) ?? (step === undefined ? undefined : await this.#read(run, rowKey, step, settings));
      },
      weightsOf: (checkpoint) => index.content(updatesBehind(checkpoint)),
      checkpointSteps: await runs.directory(run).checkpoints.steps(),
      strategyNames: strategyNames(config),
    };
  }

  /** The run whose rationales are shown: the one that is meant, or was chosen, or the newest that has results of this file, or else reads it. */
  async runOf(dataset: OfDataset): Promise<RunSummary | null> {
    return (await this.#runsOf(dataset)).run;
  }

  /** Shows another run's rationales of this dataset, until another choice; the one shown by itself is followed by newer ones. */
  async chooseRun({ file }: Pick<Question, 'file'>, runId: string): Promise<void> {
    const byItself = (await this.#datasets.withResults(file))[0]?.id;
    await this.#services.choices.chooseRun(file, runId === byItself ? undefined : runId);
  }

  /** Shows what an update of a run sampled for a row, until another choice. */
  async chooseStep({ file, rowKey, runId, step }: StepOfRun): Promise<void> {
    await this.chooseRun({ file }, runId);
    await this.#services.choices.choose(rowKey, runId, { checkpoint: weightsOfRollout({ step }) });
  }

  /** Weights of a checkpoint of the run; without a run, the chosen model itself. */
  weights(run: RunSummary | null, checkpoint: string): Weights {
    return run === null
      ? { kind: 'model', model: this.#services.model(), adapter: null }
      : { kind: 'run', runDirectory: run.directory, checkpoint };
  }

  /** Takes the place of what the question had under this checkpoint, until it is discarded. */
  async addSet({ row }: Question, run: RunSummary | null, set: RationaleSet): Promise<void> {
    const weights = await this.#weightsStamp(run, set.checkpoint);
    await this.#services.store.addSet(row.rowKey, { owner: this.#owner(run), ...weights, set });
  }

  /** Back to what the run left behind. */
  async discard(question: Question, checkpoint: string): Promise<void> {
    const run = await this.runOf(question);
    const { rowKey } = question.row;
    for (const { owner, weights, set } of await this.#keptSets(rowKey, run)) {
      if (set.checkpoint === checkpoint) await this.#services.store.removeSet(rowKey, { owner, weights, checkpoint });
    }
  }

  async addTrace({ row }: Question, run: RunSummary | null, checkpoint: string, rationale: string, trace: Trace) {
    const { scores, by } = trace;
    const weights = await this.#weightsStamp(run, checkpoint);
    const kept = { owner: this.#owner(run), ...weights, checkpoint, rationale, scores: [...scores], by };
    await this.#services.store.addTrace(row.rowKey, kept);
  }

  async marks({ file, row }: Question, run: RunSummary | null): Promise<Marks> {
    const { choices, ratings, store } = this.#services;
    const { traces } = await store.of(row.rowKey);
    const own = await this.#stillOf(run, traces, ({ checkpoint }) => checkpoint);
    const rated = await ratings.ofRow(file, row.rowKey).then(
      (read) => ({ ratings: read }),
      (ratingsError: unknown) => ({ ratings: new Map<string, never>(), ratingsError }),
    );
    return {
      pinned: new Set(choices.pins(row.rowKey)),
      ...rated,
      traces: new Map(
        own.map(({ checkpoint, rationale, scores, by }) => [`${checkpoint} ${rationale}`, { scores, by }]),
      ),
    };
  }

  /** As the panel shows it; undefined when there is nothing under this checkpoint. */
  async markedSet(question: Question, checkpoint: string): Promise<RationaleSet | undefined> {
    const known = await this.known(question);
    const set = await known.set(checkpoint);
    return set && withMarks(set, await this.marks(question, known.run));
  }

  /** Without `checkpoint`, under whichever it is: the one that was chosen first, then from the newest on. */
  async find(question: Question, id: string, checkpoint?: string): Promise<RationaleView | undefined> {
    const { run, sampled, set } = await this.known(question);
    const chosen = this.#services.choices.of(question.row.rowKey, run?.id ?? null).checkpoint;
    const newestFirst = [...sampled].sort((a, b) => updatesBehind(b) - updatesBehind(a));
    const names = checkpoint !== undefined ? [checkpoint] : [...(chosen === undefined ? [] : [chosen]), ...newestFirst];
    for (const name of names) {
      const found = (await set(name))?.rationales.find((rationale) => rationale.id === id);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Whose weights: what was sampled with one model is not shown as another's. */
  #owner(run: RunSummary | null): string {
    return run === null ? this.#services.model() : run.id;
  }

  async #runsOf({ file, run: meant }: OfDataset): Promise<RunsOfDataset> {
    const [reading, withResults] = [await this.#datasets.reading(file), await this.#datasets.withResults(file)];
    const byId = (wanted: string | null | undefined) => reading.find(({ id }) => id === wanted);
    const byItself = byId(this.#services.choices.run(file)) ?? withResults[0] ?? reading[0] ?? null;
    const run = meant === null ? null : (byId(meant) ?? byItself);
    return { run, others: reading.filter((each) => each === run || withResults.includes(each)) };
  }

  async #keptSets(rowKey: string, run: RunSummary | null): Promise<readonly KeptSet[]> {
    const { sets } = await this.#services.store.of(rowKey);
    return await this.#stillOf(run, sets, ({ set }) => set.checkpoint);
  }

  /** What was made with weights that the run still has, or has had on its way; what a roll back took away is not shown as what came after. */
  async #stillOf<T extends Pick<KeptSet, 'owner' | 'weights'>>(
    run: RunSummary | null,
    kept: readonly T[],
    checkpointOf: (kept: T) => string,
  ): Promise<T[]> {
    const own = kept.filter(({ owner }) => owner === this.#owner(run));
    const still: T[] = [];
    for (const each of own) {
      const checkpoint = checkpointOf(each);
      const { weights } = each.weights === undefined ? each : await this.#weightsStamp(run, checkpoint);
      const isGone = weights === undefined && run !== null && run.step < updatesBehind(checkpoint);
      if (each.weights === weights || (weights === undefined && !isGone)) still.push(each);
    }
    return still;
  }

  /**
   * The weights of step N were made by the update of which the run keeps the rollouts, and are told apart by these; those before the first are always
   * the same.
   */
  async #weightsStamp(run: RunSummary | null, checkpoint: string): Promise<Pick<KeptSet, 'weights'>> {
    if (run === null) return {};
    const index = this.#index(run);
    await index.refresh();
    const content = index.content(updatesBehind(checkpoint));
    return content === undefined ? {} : { weights: content };
  }

  async #read(run: RunSummary, rowKey: string, step: number, settings: RunSettings): Promise<RationaleSet | undefined> {
    const index = this.#index(run);
    const key = `${run.id} ${rowKey} ${step} ${index.stamp(step)}`;
    const known = this.#sets.get(key);
    const rollout = known === undefined ? await index.read(rowKey, step, QuestionRollout) : undefined;
    const set = known ?? (rollout && setOfRollout(rollout, settings));
    if (set === undefined) return undefined;
    this.#sets.delete(key);
    this.#sets.set(key, set);
    for (const oldest of this.#sets.keys()) {
      if (this.#sets.size <= SETS_IN_MEMORY) break;
      this.#sets.delete(oldest);
    }
    return set;
  }

  /** One rationale as the run wrote it; undefined when it is gone. Reads the question's line alone. */
  async sampled(question: Question, step: number, sample: number): Promise<RationaleRecord | undefined> {
    const run = await this.runOf(question);
    if (run === null) return undefined;
    const index = this.#index(run);
    await index.refresh();
    const rollout = await index.read(question.row.rowKey, step, QuestionRollout);
    return rollout?.rationales.find((rationale) => rationale.sample === sample);
  }

  #index(run: RunSummary): RolloutIndex {
    const known = this.#indexes.get(run.id) ?? new RolloutIndex(this.#services.runs.directory(run));
    this.#indexes.set(run.id, known);
    return known;
  }
}

export function referenceTo({ file, row, text }: Question): RowReference {
  return { dataset: file, format: 'auto', line: row.line, row: text };
}
