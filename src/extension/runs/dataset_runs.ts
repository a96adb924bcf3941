/** Which runs read a dataset, and which of them have something to say of it: one rule for the hints in the editor and for the panels. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import * as v from 'valibot';
import { evaluationTime, type RunDirectory } from '../../engine/runs/run_directory.ts';
import { EvaluationSummary } from '../../protocol/records.ts';
import type { RunRecord, RunSummary } from '../../protocol/run_record.ts';
import { samePath } from '../common/same_path.ts';
import { updatesBehind } from './checkpoints.ts';

/** The part of a `RunsWatcher` that is needed. */
export interface KnownRuns {
  /** Newest first. */
  readonly runs: readonly RunSummary[];
  directory(run: RunSummary): RunDirectory;
}

/** A finished evaluation: what it says of all its rows, and the file of its rows. */
export interface FinishedEvaluation {
  /** That of its files, whatever is written in them. */
  readonly name: string;
  readonly summary: EvaluationSummary;
  readonly file: string;
  /** Updates behind the weights. */
  readonly updates: number;
}

/** What a run has of one dataset: at least one of the two. */
export interface RunResults {
  readonly run: RunSummary;
  /** By rising number of updates; of those of the same weights, the one of most questions last, and of those the newest. */
  readonly evaluations: readonly FinishedEvaluation[];
  /** Of training on this dataset. */
  readonly hasRollouts: boolean;
}

export class DatasetRuns {
  readonly #runs: KnownRuns;
  readonly #records = new Map<string, RunRecord>();
  /** Files that a run is known to have results of; a run that has changed is another key. */
  readonly #found = new WeakMap<RunSummary, Set<string>>();

  constructor(runs: KnownRuns) {
    this.#runs = runs;
  }

  /** The config of a run never changes: read once. */
  async record(run: RunSummary): Promise<RunRecord> {
    const known = this.#records.get(run.id) ?? (await this.#runs.directory(run).record());
    this.#records.set(run.id, known);
    return known;
  }

  /** Runs that train on, choose by or test on this file, newest first. */
  async reading(file: string): Promise<RunSummary[]> {
    const reading: RunSummary[] = [];
    for (const run of this.#runs.runs) {
      const { train, validation, test } = (await this.record(run)).config.dataset;
      if ([train, validation, test].some((each) => each !== undefined && samePath(each, file))) reading.push(run);
    }
    return reading;
  }

  /** The newest run with results of this file; one that has none yet, or failed before it had any, does not hide those before it. */
  async newestResults(file: string): Promise<RunResults | null> {
    for (const run of await this.reading(file)) {
      const results = await this.#resultsOf(run, file);
      if (results !== null) return results;
    }
    return null;
  }

  /** All runs with results of this file, newest first. */
  async withResults(file: string): Promise<RunSummary[]> {
    const having: RunSummary[] = [];
    for (const run of await this.reading(file)) {
      const found = this.#found.get(run) ?? new Set();
      if (!found.has(file) && (await this.#resultsOf(run, file)) === null) continue;
      this.#found.set(run, found.add(file));
      having.push(run);
    }
    return having;
  }

  async #resultsOf(run: RunSummary, file: string): Promise<RunResults | null> {
    const directory = this.#runs.directory(run);
    const names = await directory.evaluationNames();
    const finished = await finishedEvaluations(names.map((name) => directory.evaluationFile(name, 'json')));
    const evaluations = finished.filter(({ summary }) => samePath(summary.dataset, file)).sort(byUpdates);
    const { train } = (await this.record(run)).config.dataset;
    const hasRollouts = samePath(train, file) && (await directory.rolloutSteps()).length > 0;
    return evaluations.length === 0 && !hasRollouts ? null : { run, evaluations, hasRollouts };
  }
}

/** Those of these summaries that are there and can be read. */
export async function finishedEvaluations(files: readonly string[]): Promise<FinishedEvaluation[]> {
  const read = files.map(async (file): Promise<FinishedEvaluation[]> => {
    const text = await readFile(file, 'utf8').catch(() => undefined);
    const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), EvaluationSummary), text);
    if (!parsed.success) return [];
    const summary = parsed.output;
    const name = path.basename(file, '.json');
    return [{ name, summary, file: `${file}l`, updates: updatesBehind(summary.checkpoint) }];
  });
  return (await Promise.all(read)).flat();
}

const byUpdates = (a: FinishedEvaluation, b: FinishedEvaluation): number =>
  a.updates - b.updates || a.summary.questions - b.summary.questions || byTime(a, b);

export const byTime = (a: FinishedEvaluation, b: FinishedEvaluation): number =>
  evaluationTime(a.name).localeCompare(evaluationTime(b.name));
