/**
 * The one writer of a run directory. Whatever instant the process ends at, what is on disk is a run that can be resumed: from its newest
 * whole checkpoint, with everything after that checkpoint taken back, so that the resumed run writes the same again.
 */
import * as v from 'valibot';
import {
  EvaluationRow,
  type EvaluationSummary,
  type QuestionRollout,
  RunEvent,
  type RunStatus,
} from '../../protocol/records.ts';
import type { RunRecord } from '../../protocol/run_record.ts';
import type { Clock } from '../common/clock.ts';
import { LatroError } from '../common/errors.ts';
import { atomicWrite, type FileSystem } from '../common/file_system.ts';
import { finiteJson, JsonLinesWriter } from '../common/json_lines.ts';
import type { Checkpoint, CheckpointContent, StuckCheckpoint } from './checkpoint.ts';
import type { Processes } from './processes.ts';
import { evaluationStep, RunDirectory } from './run_directory.ts';
import { RunLock } from './run_lock.ts';
import { stageBoundaries } from './stages.ts';

type WithoutTime<T> = T extends { time: string } ? Omit<T, 'time'> : never;
/** An event before it is written: the writer adds the time. */
export type NewEvent = WithoutTime<RunEvent>;
/** What may change in `run.json` while the run goes on. */
export type RunProgressFields = Partial<
  Pick<RunRecord, 'phase' | 'step' | 'totalSteps' | 'best' | 'gain' | 'operators' | 'roundingCost'>
>;

export interface World {
  readonly files: FileSystem;
  readonly clock: Clock;
  readonly processes: Processes;
}

export interface ResumePoint {
  /** Start from here; null: no checkpoint yet, start from the beginning. */
  readonly checkpoint: Checkpoint | null;
  /** What was not as it should be, one sentence each; tell the user. */
  readonly warnings: readonly string[];
}

export interface SavedCheckpoint extends Checkpoint {
  /** Old checkpoints that should be gone and could not be removed. */
  readonly stuck: readonly StuckCheckpoint[];
}

export class RunWriter {
  readonly directory: RunDirectory;
  /** Hears of every event once it is in the log: surfaces that follow a run see what is on disk. */
  onAppended: (event: RunEvent) => void = () => {};
  readonly #world: World;
  readonly #lock: RunLock;
  readonly #events: JsonLinesWriter<RunEvent>;
  #record: RunRecord;
  #lastUpdate: Promise<void> = Promise.resolve();

  private constructor(
    world: World,
    directory: RunDirectory,
    lock: RunLock,
    events: JsonLinesWriter<RunEvent>,
    record: RunRecord,
  ) {
    this.#world = world;
    this.directory = directory;
    this.#lock = lock;
    this.#events = events;
    this.#record = record;
  }

  /** Lays out a new run in the existing empty folder `path`, and locks it. */
  static async create(world: World, path: string, record: RunRecord): Promise<RunWriter> {
    const directory = new RunDirectory(world.files, path);
    const lock = await RunLock.acquire(world.files, path, world.processes, world.clock);
    let events: JsonLinesWriter<RunEvent> | undefined;
    try {
      for (const folder of [directory.rolloutsFolder, directory.evaluationsFolder, directory.checkpoints.path]) {
        await world.files.makeDirectory(folder);
      }
      events = await JsonLinesWriter.open(world.files, directory.eventsFile, v.parser(RunEvent));
      const writer = new RunWriter(world, directory, lock, events, record);
      // Flushes the folder too, and with it the names of all of the above.
      await writer.#update({});
      return writer;
    } catch (error) {
      await events?.close().catch(() => {});
      await lock.release().catch(() => {});
      throw error;
    }
  }

  /** Locks an existing run. @throws LatroError `run-locked` when it is being written */
  static async open(world: World, path: string): Promise<RunWriter> {
    const directory = new RunDirectory(world.files, path);
    // Before the lock, which would leave a file in a folder that is no run.
    await directory.record();
    const lock = await RunLock.acquire(world.files, path, world.processes, world.clock);
    try {
      const record = await directory.record();
      const events = await JsonLinesWriter.open(world.files, directory.eventsFile, v.parser(RunEvent));
      return new RunWriter(world, directory, lock, events, record);
    } catch (error) {
      await lock.release().catch(() => {});
      throw error;
    }
  }

  /** `run.json` as it stands. */
  get record(): RunRecord {
    return this.#record;
  }

  async append(event: NewEvent): Promise<void> {
    const timed = { ...event, time: this.#world.clock.iso() } as RunEvent;
    await this.#events.append(timed);
    this.onAppended(timed);
  }

  update(changes: RunProgressFields): Promise<void> {
    return this.#update(changes);
  }

  /** All rationales of one update. Holds nothing that depends on time: two runs of the same config write the same bytes. */
  async writeRollouts(step: number, questions: readonly QuestionRollout[]): Promise<void> {
    const lines = questions.map((question) => `${finiteJson(question)}\n`);
    await atomicWrite(this.#world.files, this.directory.rolloutFile(step), lines.join(''));
  }

  /** Where the rows of an evaluation go, after those already there (`directory.evaluationRows`): it resumes per question. */
  openEvaluation(name: string): Promise<JsonLinesWriter<EvaluationRow>> {
    return JsonLinesWriter.open(
      this.#world.files,
      this.directory.evaluationFile(name, 'jsonl'),
      v.parser(EvaluationRow),
    );
  }

  /** Closes the rows, then writes the summary, which makes the evaluation finished, and its event. */
  async finishEvaluation(rows: JsonLinesWriter<EvaluationRow>, summary: EvaluationSummary): Promise<void> {
    try {
      await rows.flush();
    } finally {
      await rows.close();
    }
    const path = this.directory.evaluationFile(summary.name, 'json');
    await atomicWrite(this.#world.files, path, `${finiteJson(summary, 2)}\n`);
    await this.append({ type: 'evaluation', summary });
  }

  /**
   * Saves a checkpoint after `step` updates, then removes those no longer needed. Evaluate before, so that `record.best` may name this
   * very step. `check` throws when the state must not be saved (see `requireFinite`); nothing is written then.
   */
  async saveCheckpoint(
    step: number,
    content: CheckpointContent,
    check: () => void | Promise<void> = () => {},
  ): Promise<SavedCheckpoint> {
    await check();
    // The checkpoint speaks of this much of the log; it must be on disk first.
    await this.#events.flush();
    const position = { eventsBytes: this.#events.bytes, best: this.#record.best };
    const checkpoint = await this.directory.checkpoints.save(step, content, position);
    await this.append({ type: 'checkpoint', step });
    await this.#update({ step });
    const { best, resumedFrom, config } = this.#record;
    const needed = [best?.step ?? null, resumedFrom, ...stageBoundaries(config)];
    return { ...checkpoint, stuck: await this.directory.checkpoints.prune(config.checkpoints.keep, needed) };
  }

  /**
   * Takes the run back to its newest whole checkpoint: what came after is removed and the log continues from there, so that the
   * resumed run writes the same again. Cut short at any instant, it can simply be called again.
   * @throws LatroError `run-damaged` when there are checkpoints and none is whole, or when there were some; nothing is removed then
   */
  async resume(): Promise<ResumePoint> {
    const point = await this.newestPoint();
    return { ...point, warnings: await this.returnTo(point) };
  }

  /** The same, to a chosen checkpoint. @throws LatroError `run-damaged` when there is none of that step, or it is not whole */
  async rollBack(step: number): Promise<ResumePoint> {
    const point = await this.pointAt(step);
    return { ...point, warnings: await this.returnTo(point) };
  }

  /** Where `resume` takes the run back to; changes nothing. */
  async newestPoint(): Promise<ResumePoint> {
    const { checkpoint, damaged } = await this.directory.checkpoints.newest();
    const warnings = damaged.map(
      ({ step, reason }) => `The checkpoint of step ${step} is damaged (${reason}) and was not used.`,
    );
    if (checkpoint === null && damaged.length > 0) {
      throw new LatroError(
        'run-damaged',
        `No checkpoint of the run ${this.record.id} is whole: ${warnings.join(' ')}`,
        'Start a new run.',
      );
    }
    if (checkpoint === null) await this.#requireNoneEver();
    return { checkpoint, warnings };
  }

  /** A run that had checkpoints and has none is not one that was ended before its first: beginning again would remove what it tells. */
  async #requireNoneEver(): Promise<void> {
    const { records } = await this.directory.events();
    const last = records.findLast((event) => event.type === 'checkpoint');
    if (last === undefined) return;
    throw new LatroError(
      'run-damaged',
      `The checkpoints of the run ${this.record.id} are gone: its log tells of one after update ${last.step}.`,
      'Put them back, or start a new run; this one was left as it is.',
    );
  }

  /** Where `rollBack` takes the run back to; changes nothing. */
  async pointAt(step: number): Promise<ResumePoint> {
    const found = await this.directory.checkpoints.verify(step);
    if (found === null || 'reason' in found) {
      const kept = (await this.directory.checkpoints.steps()).filter((other) => other !== step);
      throw new LatroError(
        'run-damaged',
        `The run ${this.record.id} has no whole checkpoint of step ${step}${found === null ? '' : `: ${found.reason}`}.`,
        kept.length === 0 ? 'It has no other.' : `Roll back to one of: ${kept.join(', ')}.`,
      );
    }
    return { checkpoint: found, warnings: [] };
  }

  /** Removes everything after the point's checkpoint (null: everything), and says so in the log. Returns all warnings. */
  async returnTo({ checkpoint, warnings }: ResumePoint): Promise<readonly string[]> {
    const { files } = this.#world;
    const { checkpoints } = this.directory;
    const step = checkpoint?.step ?? 0;
    // Newest first, so that being cut short leaves a run that ends earlier, never one with a hole.
    for (const later of (await checkpoints.steps()).reverse()) if (later > step) await checkpoints.remove(later);
    await checkpoints.removeLeftovers();

    const eventsBytes = checkpoint?.manifest.eventsBytes ?? 0;
    const missing = eventsBytes > this.#events.bytes;
    if (!missing) await this.#events.truncate(eventsBytes);
    for (const later of (await this.directory.rolloutSteps()).reverse()) {
      if (later > step) await files.remove(this.directory.rolloutFile(later));
    }
    for (const name of await this.directory.evaluationNames()) {
      if ((evaluationStep(name) ?? 0) <= step) continue;
      // The summary first: rows without one are an evaluation to continue.
      await files.remove(this.directory.evaluationFile(name, 'json'));
      await files.remove(this.directory.evaluationFile(name, 'jsonl'));
    }
    if (checkpoint !== null) await this.append({ type: 'checkpoint', step });
    await this.append({ type: 'resumed', step });
    await this.#update({
      step,
      best: checkpoint?.manifest.best ?? null,
      resumedFrom: checkpoint?.step ?? null,
      gain: null,
      phase: 'preparing',
      status: 'running',
      statusReason: '',
    });
    const incomplete = 'events.jsonl is shorter than when the checkpoint was saved: curves before it are incomplete.';
    return missing ? [...warnings, incomplete] : warnings;
  }

  /** Says how the run ended and lets go of it. */
  async close(status: Exclude<RunStatus, 'running'>, reason = ''): Promise<void> {
    try {
      await this.append({ type: 'status', status, reason });
      await this.#events.flush();
      await this.#update({ status, statusReason: reason, ...(status === 'finished' ? { phase: 'finished' } : {}) });
    } finally {
      await this.release();
    }
  }

  /** Lets go of the run without a word: it then counts as interrupted. */
  async release(): Promise<void> {
    try {
      await this.#events.close();
    } finally {
      await this.#lock.release();
    }
  }

  /** Whole and in order, however many are under way. */
  #update(changes: Partial<RunRecord>): Promise<void> {
    this.#record = { ...this.#record, ...changes, pid: process.pid };
    const text = `${finiteJson(this.#record, 2)}\n`;
    const result = this.#lastUpdate.then(() => atomicWrite(this.#world.files, this.directory.recordFile, text));
    this.#lastUpdate = result.catch(() => {});
    return result;
  }
}

/** What to do when a run's numbers are no longer finite; it would fail again where it did if it were resumed. */
export const LAST_GOOD_CHECKPOINT =
  'The last good checkpoint is kept: start a new run from its "adapter" (or "model") folder with a lower optimizer.learningRate.';

/** @throws LatroError `non-finite` naming the tensor and the place when one of `values` is NaN or infinite */
export function requireFinite(name: string, values: Float32Array | Float64Array): void {
  const index = values.findIndex((value) => !Number.isFinite(value));
  if (index < 0) return;
  throw new LatroError(
    'non-finite',
    `${name}[${index}] is ${values[index]}, so this state is not saved.`,
    LAST_GOOD_CHECKPOINT,
  );
}
