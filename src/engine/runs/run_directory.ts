/**
 * One run on disk, read-only: what every surface draws from. Readers need no lock: `run.json`, rollouts and evaluation summaries are
 * replaced whole, logs only grow.
 *
 *     run.json                    RunRecord
 *     events.jsonl                RunEvent, append-only
 *     rollouts/step-000001.jsonl  QuestionRollout, one line per question of the update
 *     evaluations/                see evaluation_folder.ts
 *     checkpoints/step-000010/    see checkpoint.ts
 *     writer-PID-START.lock       while a process writes; see run_lock.ts
 */
import { basename, join } from 'node:path';
import * as v from 'valibot';
import { type EvaluationRow, type EvaluationSummary, QuestionRollout, RunEvent } from '../../protocol/records.ts';
import { RunRecord, type RunSummary } from '../../protocol/run_record.ts';
import { LatroError } from '../common/errors.ts';
import type { FileSystem } from '../common/file_system.ts';
import { type JsonLines, readJsonLines } from '../common/json_lines.ts';
import { CheckpointFolder, requireReadableVersion, stepName } from './checkpoint.ts';
import { EvaluationFolder } from './evaluation_folder.ts';
import { readJson, requireRecord } from './json_record.ts';
import type { Processes } from './processes.ts';
import { currentWriter } from './run_lock.ts';

const ROLLOUT_NAME = /^step-(\d{6,})\.jsonl$/;
/** Which weights, then which questions; the step decides what a resume keeps. */
const EVALUATION_NAME = /^(?:base|step-(\d{6,}))-[a-z0-9][a-z0-9._-]*$/;

/** The name of an evaluation of the start weights (null) or of those after `step` updates, on a set such as "test". */
export function evaluationName(step: number | null, set: string): string {
  const name = `${step === null ? 'base' : stepName(step)}-${set}`;
  if (!EVALUATION_NAME.test(name)) throw new Error(`not a name for an evaluation: ${name}`);
  return name;
}

/** The step in an evaluation's name; 0 for the start weights; null when it is no such name. */
export function evaluationStep(name: string): number | null {
  const match = EVALUATION_NAME.exec(name);
  return match === null ? null : Number(match[1] ?? 0);
}

/**
 * When an evaluation that a person asked for was made, by its name: these sort as the times do, also those of one second, of which all but
 * the first are numbered. Empty for a name without a time: it sorts before all others.
 */
export function evaluationTime(name: string): string {
  const [, time, number = '1'] = /-(\d{8}-\d{6})(?:-(\d+))?$/.exec(name) ?? [];
  return time === undefined ? '' : `${time}-${number.padStart(9, '0')}`;
}

export class RunDirectory {
  readonly path: string;
  readonly checkpoints: CheckpointFolder;
  readonly #evaluations: EvaluationFolder;
  readonly #files: FileSystem;

  constructor(files: FileSystem, path: string) {
    this.#files = files;
    this.path = path;
    this.checkpoints = new CheckpointFolder(files, join(path, 'checkpoints'));
    this.#evaluations = new EvaluationFolder(files, join(path, 'evaluations'));
  }

  get id(): string {
    return basename(this.path);
  }
  get recordFile(): string {
    return join(this.path, 'run.json');
  }
  get eventsFile(): string {
    return join(this.path, 'events.jsonl');
  }
  get rolloutsFolder(): string {
    return join(this.path, 'rollouts');
  }
  get evaluationsFolder(): string {
    return this.#evaluations.path;
  }
  rolloutFile(step: number): string {
    return join(this.rolloutsFolder, `${stepName(step)}.jsonl`);
  }
  evaluationFile(name: string, extension: 'json' | 'jsonl'): string {
    return this.#evaluations.file(name, extension);
  }

  /** `run.json` as last written. @throws LatroError `run-not-found`, `run-damaged`, or `run-identity` for a newer format */
  async record(): Promise<RunRecord> {
    const json = await readJson(this.#files, this.recordFile);
    if (json === null) {
      throw new LatroError(
        'run-not-found',
        `There is no run in ${this.path}: it has no run.json.`,
        'Check the name or path.',
      );
    }
    requireReadableVersion(json, this.recordFile);
    return requireRecord(RunRecord, json, this.recordFile);
  }

  /** What a list shows; a run whose process died without saying so is `interrupted`. */
  async summary(processes: Processes): Promise<RunSummary> {
    const { id, createdAt, config, status, statusReason, phase, step, totalSteps, best, gain } = await this.record();
    const interrupted = status === 'running' && (await currentWriter(this.#files, this.path, processes)) === null;
    return {
      id,
      directory: this.path,
      createdAt,
      method: config.method,
      model: config.model,
      dataset: config.dataset.train,
      status: interrupted ? 'interrupted' : status,
      statusReason: interrupted ? 'Its process ended without saving; it can be resumed.' : statusReason,
      phase,
      step,
      totalSteps,
      best,
      gain,
    };
  }

  /** Events from byte `start` (0, or an earlier answer's `end`), to follow a run as it grows; after it is resumed, from 0 again. */
  events(start = 0): Promise<JsonLines<RunEvent>> {
    return readJsonLines(this.#files, this.eventsFile, v.parser(RunEvent), start);
  }

  /** Steps whose rollouts are on disk, rising. */
  async rolloutSteps(): Promise<number[]> {
    const names = await this.#files.list(this.rolloutsFolder);
    return names
      .flatMap((name) => ROLLOUT_NAME.exec(name)?.[1] ?? [])
      .map(Number)
      .sort((a, b) => a - b);
  }

  async rollouts(step: number): Promise<QuestionRollout[]> {
    return (await readJsonLines(this.#files, this.rolloutFile(step), v.parser(QuestionRollout))).records;
  }

  /** Names of evaluations begun or finished, sorted. */
  async evaluationNames(): Promise<string[]> {
    return (await this.#evaluations.names()).filter((name) => evaluationStep(name) !== null);
  }

  /** null while it is not finished. */
  evaluation(name: string): Promise<EvaluationSummary | null> {
    return this.#evaluations.summary(name);
  }

  evaluationRows(name: string): Promise<EvaluationRow[]> {
    return this.#evaluations.rows(name);
  }
}
