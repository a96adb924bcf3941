/** The evaluations of one run: each is done once, goes on where it was begun, and stands in the log once. */
import type { EvaluationRow, EvaluationSummary, RunEvent } from '../../protocol/records.ts';
import type { DatasetRow } from '../datasets/row.ts';
import { evaluationName } from '../runs/run_directory.ts';
import type { RunWriter, World } from '../runs/run_writer.ts';
import { usesTags } from '../runs/stages.ts';
import { evaluateRows, summariseEvaluation } from './evaluator.ts';
import type { RunSetup } from './run_setup.ts';

export interface EvaluationOfRun {
  /** Updates behind the weights; null: the weights the run starts from. */
  readonly step: number | null;
  readonly set: 'test' | 'validation';
  readonly rows: readonly DatasetRow[];
  /** Samples per question beside the greedy answer. */
  readonly k: number;
}

export interface EvaluationWatcher {
  readonly signal?: AbortSignal | undefined;
  readonly onPause?: (save?: () => Promise<void>) => Promise<void>;
  /** How many questions are done. */
  readonly onDone: (questions: number) => void;
}

export class RunEvaluations {
  readonly #writer: RunWriter;
  readonly #setup: RunSetup;
  readonly #clock: World['clock'];
  /** Names of evaluations whose event is in the log. */
  readonly #announced = new Set<string>();

  constructor(writer: RunWriter, setup: RunSetup, clock: World['clock']) {
    this.#writer = writer;
    this.#setup = setup;
    this.#clock = clock;
  }

  /** Takes over what the log of a resumed run says already. */
  remember(records: readonly RunEvent[]): void {
    for (const event of records) if (event.type === 'evaluation') this.#announced.add(event.summary.name);
  }

  isAnnounced(step: number, set: 'test' | 'validation'): boolean {
    return this.#announced.has(evaluationName(step, set));
  }

  /** What was finished earlier; null when there is none. */
  finished(step: number | null, set: 'test' | 'validation'): Promise<EvaluationSummary | null> {
    return this.#writer.directory.evaluation(evaluationName(step, set));
  }

  /** Goes on with an evaluation that was begun; one that was finished is only put back into the log a resume has shortened. */
  async evaluate({ step, set, rows, k }: EvaluationOfRun, watcher: EvaluationWatcher): Promise<EvaluationSummary> {
    const { config } = this.#writer.record;
    const name = evaluationName(step, set);
    const known = await this.#writer.directory.evaluation(name);
    if (known !== null) {
      if (!this.#announced.has(name)) await this.#writer.append({ type: 'evaluation', summary: known });
      this.#announced.add(name);
      return known;
    }
    const started = this.#clock.monotonic();
    const results = await this.#answer({ step, set, rows, k }, watcher);
    const summary = summariseEvaluation(results.rows, {
      name,
      checkpoint: step === null ? 'base' : `step-${step}`,
      dataset: (set === 'test' ? config.dataset.test : config.dataset.validation) ?? config.dataset.train,
      k,
      seconds: (this.#clock.monotonic() - started) / 1000,
    });
    await this.#writer.finishEvaluation(results.log, summary);
    this.#announced.add(name);
    return summary;
  }

  async #answer({ step, set, rows, k }: EvaluationOfRun, { signal, onPause, onDone }: EvaluationWatcher) {
    const { config } = this.#writer.record;
    const { temperature, maxTokens } = config.evaluation;
    const name = evaluationName(step, set);
    const finished = await this.#writer.directory.evaluationRows(name);
    const log = await this.#writer.openEvaluation(name);
    onDone(finished.length);
    try {
      const answered: EvaluationRow[] = await evaluateRows(
        this.#setup.policy,
        this.#setup.task,
        rows,
        { k, temperature, maxTokens, seed: config.seed, tagged: usesTags(config, step) },
        {
          signal,
          // Rows are on disk as they are finished; the update that a validation belongs to is not yet.
          onPause: async () => onPause?.(set === 'test' ? async () => {} : undefined),
          onRow: async (row, done) => {
            await log.append(row);
            onDone(done);
          },
        },
        finished,
      );
      return { rows: answered, log };
    } catch (error) {
      await log.close();
      throw error;
    }
  }
}
