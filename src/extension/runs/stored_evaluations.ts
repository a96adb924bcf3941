/** Every finished evaluation of the workspace: those of its runs, and those of weights that belong to no run. */
import * as v from 'valibot';
import * as vscode from 'vscode';
import { LatroError } from '../../engine/common/errors.ts';
import { type FileSystem, NodeFileSystem } from '../../engine/common/file_system.ts';
import { TimeSlice } from '../../engine/common/time_slice.ts';
import { readLines } from '../../engine/datasets/file_bytes.ts';
import { EvaluationFolder, LONGEST_ROW } from '../../engine/runs/evaluation_folder.ts';
import { evaluationStep, evaluationTime, type RunDirectory } from '../../engine/runs/run_directory.ts';
import type { EvaluationRow, EvaluationSettings, EvaluationSummary } from '../../protocol/records.ts';
import type { RunConfig } from '../../protocol/run_config.ts';
import type { RunSummary } from '../../protocol/run_record.ts';
import { fileStamp } from '../common/file_stamp.ts';
import type { Log } from '../common/log.ts';
import { type Comparable, type EvaluationReference, isSame, type QuestionCounts, setOf } from './evaluation_pairs.ts';
import type { RunsWatcher } from './runs_watcher.ts';

export interface StoredEvaluation {
  readonly reference: EvaluationReference;
  /** null: weights that belong to no run. */
  readonly run: RunSummary | null;
  readonly summary: EvaluationSummary;
  /** null: made by an older version that did not write them down. */
  readonly settings: EvaluationSettings | null;
  /** Of its rows. */
  readonly file: string;
}

export type ComparableEvaluation = StoredEvaluation & Comparable;

const RowKey = v.object({ rowKey: v.string() });

export class StoredEvaluations {
  readonly #runs: RunsWatcher;
  readonly #log: Log;
  readonly #files: FileSystem;
  readonly #outside: EvaluationFolder;
  /** By file and its stamp: a run that was rolled back may write another evaluation of the same name. */
  readonly #questions = new Map<string, QuestionCounts>();
  /** Evaluations may be others now. */
  readonly onChanged: RunsWatcher['onChanged'];

  /** @param outside folder of the evaluations that belong to no run */
  constructor(runs: RunsWatcher, outside: string, log: Log, files: FileSystem = new NodeFileSystem()) {
    this.#runs = runs;
    this.onChanged = runs.onChanged;
    this.#log = log;
    this.#files = files;
    this.#outside = new EvaluationFolder(files, outside);
  }

  /** Newest run first, each from its base on; then those of no run, newest first. What cannot be read is named in the log. */
  async all(): Promise<StoredEvaluation[]> {
    await this.#runs.refresh();
    const ofRuns = await Promise.all(this.#runs.runs.map((run) => this.ofRun(run)));
    const outside = await this.#readable(this.#outside, await this.#outside.names());
    const own = outside.map(({ name, summary }) => this.#ofNoRun(name, summary));
    return [...ofRuns.flat(), ...own.sort((a, b) => timeOf(b).localeCompare(timeOf(a)))];
  }

  async ofRun(run: RunSummary): Promise<StoredEvaluation[]> {
    const directory = this.#runs.directory(run);
    const folder = this.#folderIn(directory);
    const found = await this.#readable(folder, await directory.evaluationNames());
    if (found.length === 0) return [];
    const settings = settingsOf((await directory.record()).config);
    return found
      .map(({ name, summary }) => {
        const reference = { runId: run.id, evaluation: name };
        return { reference, run, summary, settings, file: folder.file(name, 'jsonl') };
      })
      .sort((a, b) => stepOf(a) - stepOf(b));
  }

  /** @throws LatroError `run-not-found` */
  async find(reference: EvaluationReference): Promise<StoredEvaluation> {
    const found = (await this.#near(reference)).find((each) => isSame(each.reference, reference));
    if (found !== undefined) return found;
    const { runId, evaluation } = reference;
    const { l10n } = vscode;
    const reason =
      runId === null
        ? l10n.t('Evaluation {0} is not there.', evaluation)
        : l10n.t('Evaluation {0} of run {1} is not there.', evaluation, runId);
    throw new LatroError('run-not-found', reason, l10n.t('It may not be finished, or was removed.'));
  }

  async rows({ run, reference }: StoredEvaluation): Promise<EvaluationRow[]> {
    const folder = run === null ? this.#outside : this.#folderIn(this.#runs.directory(run));
    return await folder.rows(reference.evaluation);
  }

  /** Another one once its files have changed: a run that was rolled back may write another evaluation of the same name. */
  async stamp({ runId, evaluation }: EvaluationReference): Promise<string> {
    const folder = this.#folderOf(runId);
    if (folder === undefined) return '';
    const stamps = (['json', 'jsonl'] as const).map((extension) => fileStamp(folder.file(evaluation, extension)));
    return (await Promise.all(stamps)).join('; ');
  }

  /** With their questions; reads the files it has not read yet, in slices. */
  async comparable(evaluations: readonly StoredEvaluation[]): Promise<ComparableEvaluation[]> {
    const comparable: ComparableEvaluation[] = [];
    for (const evaluation of evaluations) {
      const questions = await this.#questionsOf(evaluation.file);
      const { name } = evaluation.summary;
      comparable.push({ ...evaluation, questions, step: stepOf(evaluation), set: setOf(name) });
    }
    return comparable;
  }

  #folderIn({ evaluationsFolder }: RunDirectory): EvaluationFolder {
    return new EvaluationFolder(this.#files, evaluationsFolder);
  }

  /** undefined: there is no such run. */
  #folderOf(runId: string | null): EvaluationFolder | undefined {
    if (runId === null) return this.#outside;
    const run = this.#runs.find(runId);
    return run && this.#folderIn(this.#runs.directory(run));
  }

  async #near({ runId, evaluation }: EvaluationReference): Promise<StoredEvaluation[]> {
    if (runId === null) {
      const summary = await this.#outside.summary(evaluation);
      return summary === null ? [] : [this.#ofNoRun(evaluation, summary)];
    }
    if (this.#runs.find(runId) === undefined) await this.#runs.refresh();
    const run = this.#runs.find(runId);
    return run === undefined ? [] : await this.ofRun(run);
  }

  #ofNoRun(name: string, summary: EvaluationSummary): StoredEvaluation {
    const reference = { runId: null, evaluation: name };
    const { settings = null } = summary;
    return { reference, run: null, summary, settings, file: this.#outside.file(name, 'jsonl') };
  }

  async #readable(folder: EvaluationFolder, names: readonly string[]) {
    const found = await Promise.all(
      names.map(async (name) => {
        try {
          const summary = await folder.summary(name);
          return summary === null ? [] : [{ name, summary }];
        } catch (error) {
          if (!(error instanceof LatroError)) throw error;
          this.#log.warn(`evaluation ${name}: ${error.message}`);
          return [];
        }
      }),
    );
    return found.flat();
  }

  async #questionsOf(file: string): Promise<QuestionCounts> {
    const stamp = await fileStamp(file);
    if (stamp === undefined) return new Map();
    const known = this.#questions.get(stamp);
    if (known !== undefined) return known;
    const counts = new Map<string, number>();
    const slice = new TimeSlice();
    for await (const line of readLines(this.#files.readChunks(file), LONGEST_ROW)) {
      const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), RowKey), line?.toString('utf8'));
      if (parsed.success) counts.set(parsed.output.rowKey, (counts.get(parsed.output.rowKey) ?? 0) + 1);
      if (slice.isOver) await slice.next();
    }
    this.#questions.set(stamp, counts);
    return counts;
  }
}

const timeOf = ({ summary }: StoredEvaluation): string => evaluationTime(summary.name);
const stepOf = ({ summary }: StoredEvaluation): number => evaluationStep(summary.name) ?? 0;

function settingsOf({ model, adapter, preset, templates, seed, dataset, evaluation }: RunConfig): EvaluationSettings {
  const { temperature, maxTokens, extractor } = evaluation;
  const { format } = dataset;
  return { model, adapter: adapter ?? null, temperature, maxTokens, seed, preset, format, templates, extractor };
}
