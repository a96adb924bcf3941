/**
 * One run from its configuration to its before/after evaluation, written to its run directory as it goes. A run that ends early, for
 * whatever reason, can be resumed from its newest checkpoint.
 */
import type { EvaluationSummary, RunEvent, RunPhase, StepMetrics } from '../../protocol/records.ts';
import type { RunConfig } from '../../protocol/run_config.ts';
import { Cancelled, LatroError, unreachable } from '../common/errors.ts';
import { repeatedQuestions } from '../datasets/repeated_questions.ts';
import { healthEvaluation } from '../latro/health.ts';
import { createOptimizer } from '../optimize/create_optimizer.ts';
import { compareIdentity, gatherIdentity, notBitExact } from '../runs/identity.ts';
import type { RunStore } from '../runs/run_store.ts';
import type { ResumePoint, RunWriter, World } from '../runs/run_writer.ts';
import { stageOf, stagesOf } from '../runs/stages.ts';
import { restoreCheckpoint } from './checkpoint_state.ts';
import type { RunEnvironment } from './environment.ts';
import { traceSources } from './methods/traces.ts';
import { withPrecision } from './non_finite.ts';
import { RunRatings, type RunVerdicts, readVerdicts } from './ratings.ts';
import { RunEvaluations } from './run_evaluations.ts';
import { noteOperators, noteRoundingCost } from './run_notes.ts';
import { questionTask, type RunSetup, setUpRun } from './run_setup.ts';
import { validationScore } from './strategy_summary.ts';
import { healthPoint, isValidationDue, newTrainerStart, Trainer, type TrainerStart, totalSteps } from './trainer.ts';

/** How far a run is, for a progress bar. */
export interface RunProgress {
  readonly phase: RunPhase;
  readonly done: number;
  readonly total: number;
  /** Plural: what is counted. */
  readonly unit: 'questions' | 'updates';
  /** Within the current item, in [0, 1). */
  readonly fraction: number;
  readonly message: string;
}

export interface RunObserver {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress: (progress: RunProgress) => void;
  /** What was just appended to the run's log. */
  readonly onEvent: (event: RunEvent) => void;
  /** Awaited between two updates or questions, where other work may come in. With `save` the run can pause, once that has written what is done. */
  readonly onPause?: (save?: () => Promise<void>) => Promise<void>;
  /** Warnings a person should see, such as a resume that is not bit-exact. */
  readonly onWarning: (message: string) => void;
}

export class TrainingRun {
  readonly #world: World;
  readonly #writer: RunWriter;
  readonly #setup: RunSetup;
  readonly #config: RunConfig;
  /** Where a resumed run goes on; null: a new run. */
  readonly #point: ResumePoint | null;

  /** People's ratings of rationales; null: the run uses none. */
  readonly #ratings: RunRatings | null;
  readonly #evaluations: RunEvaluations;

  private constructor(
    world: World,
    writer: RunWriter,
    setup: RunSetup,
    ratings: RunRatings | null,
    point: ResumePoint | null,
  ) {
    this.#world = world;
    this.#writer = writer;
    this.#config = writer.record.config;
    // A chat template may show the date: a run keeps the day it began on, whenever it is resumed.
    const began = new Date(writer.record.createdAt);
    this.#setup = { ...setup, task: questionTask(setup.policy, this.#config, setup.questions, began) };
    this.#evaluations = new RunEvaluations(writer, this.#setup, world.clock);
    this.#ratings = ratings;
    this.#point = point;
  }

  get id(): string {
    return this.#writer.record.id;
  }
  get directory(): string {
    return this.#writer.directory.path;
  }

  /** Reads and checks model and dataset, then makes the run directory. Nothing is written when something is wrong. */
  static async create(
    world: World,
    store: RunStore,
    config: RunConfig,
    environment: RunEnvironment,
  ): Promise<TrainingRun> {
    const verdicts = await readVerdicts(config, world.files);
    const setup = await setUpRun(config, environment, world.files, new Date(world.clock.now()));
    let writer: RunWriter | undefined;
    try {
      const ratings = runRatings(verdicts, setup, config);
      const identity = await gatherIdentity(world.files, config, environment, verdicts?.sha256);
      writer = await store.create(config, identity);
      await writer.update({ totalSteps: totalSteps(config, setup.questions.train.length) });
      return new TrainingRun(world, writer, setup, ratings, null);
    } catch (error) {
      await writer?.release();
      await setup.policy.dispose();
      throw error;
    }
  }

  /**
   * Goes on from the newest checkpoint, or from `fromStep`: what came after is removed once the run is executed.
   * @throws LatroError `run-locked`, `run-identity` naming the field that differs, `run-damaged` when there is no such checkpoint, or
   * what is wrong with model and dataset; the run is then as it was
   */
  static async resume(
    world: World,
    store: RunStore,
    idOrPath: string,
    environment: RunEnvironment,
    observer: Pick<RunObserver, 'onWarning'>,
    { fromStep }: { readonly fromStep?: number | undefined } = {},
  ): Promise<TrainingRun> {
    const writer = await store.open(idOrPath);
    try {
      const { config, identity } = writer.record;
      const verdicts = await readVerdicts(config, world.files);
      const now = await gatherIdentity(world.files, config, environment, verdicts?.sha256);
      const warnings = compareIdentity({ config, identity }, { config, identity: now }).map(notBitExact);
      const point = await (fromStep === undefined ? writer.newestPoint() : writer.pointAt(fromStep));
      warnings.forEach(observer.onWarning);
      // Some chat templates show the date: a run keeps the one it began on.
      const setup = await setUpRun(config, environment, world.files, new Date(writer.record.createdAt));
      return new TrainingRun(world, writer, setup, runRatings(verdicts, setup, config), point);
    } catch (error) {
      await writer.release();
      throw error;
    }
  }

  /** Runs to the end. Cancelled: the run is stopped and can be resumed. Always releases the run and the model. */
  async execute(told: RunObserver): Promise<void> {
    this.#writer.onAppended = told.onEvent;
    const observer = this.#notingPauses(told);
    try {
      const start = await this.#start(observer);
      await noteRoundingCost(this.#writer, this.#setup, observer);
      const before = await this.#evaluateTest(null, observer);
      await this.#phase('training', observer);
      await this.#train(start, observer);
      const after = await this.#evaluateTest(await this.#restoreBest(observer), observer);
      if (before !== null && after !== null) await this.#writer.update({ gain: gainOf(before, after) });
      await noteOperators(this.#writer, this.#setup.policy.model.programs, observer);
      await this.#writer.close('finished');
    } catch (thrown) {
      const error = withPrecision(thrown, this.#setup.policy.model.programs.precision);
      await noteOperators(this.#writer, this.#setup.policy.model.programs, observer).catch(() => {});
      // What ended the run is said, even if a full disk keeps it from being written.
      await this.#closeAfter(error).catch(() => {});
      throw error;
    } finally {
      await this.#setup.policy.dispose();
    }
  }

  /** The log says how long the run rested, also where a stop ended that: what was no work is no part of the time it took. */
  #notingPauses(observer: RunObserver): RunObserver {
    const { onPause } = observer;
    if (onPause === undefined) return observer;
    const { clock } = this.#world;
    const pausing = async (save?: () => Promise<void>): Promise<void> => {
      if (save === undefined) return await onPause();
      // By the clock of the events, between which it lies: the other one stands still on Linux while the machine sleeps.
      let since: number | null = null;
      const note = async (): Promise<void> => {
        if (since === null) return;
        await this.#writer.append({ type: 'paused', seconds: Math.max(0, clock.now() - since) / 1000 });
      };
      try {
        await onPause(async () => {
          await save();
          since = clock.now();
        });
      } catch (error) {
        // What ended the pause is said, even if a full disk keeps its length from being written.
        await note().catch(() => {});
        throw error;
      }
      await note();
    };
    return { ...observer, onPause: pausing };
  }

  async #closeAfter(error: unknown): Promise<void> {
    if (error instanceof Cancelled) await this.#writer.close('stopped', 'Stopped; it can be resumed.');
    else if (error instanceof LatroError) await this.#writer.close('failed', error.message);
    else await this.#writer.close('failed', error instanceof Error ? error.message : String(error));
  }

  async #start(observer: RunObserver): Promise<TrainerStart> {
    const optimizer = createOptimizer(this.#setup.policy.model, this.#config.optimizer);
    if (this.#point === null) {
      repeatedQuestions(this.#setup.questions).forEach(observer.onWarning);
      return newTrainerStart(optimizer);
    }
    const { checkpoint } = this.#point;
    const warnings = await this.#writer.returnTo(this.#point);
    warnings.forEach(observer.onWarning);
    await this.#writer.update({ totalSteps: this.#totalSteps });
    if (checkpoint === null) return newTrainerStart(optimizer);
    this.#restored = checkpoint.step;
    await this.#restoreReference(checkpoint.step);
    const state = await restoreCheckpoint(checkpoint.directory, this.#setup.policy, optimizer);
    return { step: checkpoint.step, optimizer, state, ...(await this.#soFar(checkpoint.step)) };
  }

  /** π_0 of a later stage is the policy as the stage began. */
  async #restoreReference(step: number): Promise<void> {
    const { start, config } = stageOf(stagesOf(this.#config, this.#totalSteps), step + 1);
    if (config.reward.klCoefficient === 0 || start === 0 || step === start || step >= this.#totalSteps) return;
    const { checkpoint } = await this.#writer.pointAt(start);
    await restoreCheckpoint(checkpoint!.directory, this.#setup.policy, null);
    await this.#setup.policy.takeReference();
  }

  #restored = 0;

  get #totalSteps(): number {
    return totalSteps(this.#config, this.#setup.questions.train.length);
  }

  /** What the log says of the updates before the checkpoint. */
  async #soFar(step: number): Promise<Pick<TrainerStart, 'history' | 'evaluations' | 'raised' | 'validationPending'>> {
    const { records } = await this.#writer.directory.events();
    this.#evaluations.remember(records);
    const due = step > 0 && isValidationDue(this.#config, step, this.#totalSteps);
    return {
      history: stepsOf(records),
      evaluations: records.flatMap((event, i) =>
        event.type === 'evaluation' && event.summary.name.endsWith('-validation')
          ? [healthEvaluation(event.summary, stepsOf(records.slice(0, i)).map(healthPoint))]
          : [],
      ),
      raised: records.flatMap((event) => (event.type === 'health' ? [event.check] : [])),
      validationPending: due && !this.#evaluations.isAnnounced(step, 'validation'),
    };
  }

  async #train(start: TrainerStart, observer: RunObserver): Promise<void> {
    const { train, validation } = this.#setup.questions;
    let done = start.step;
    const report = (message: string, fraction = 0): void =>
      observer.onProgress({ phase: 'training', done, total: this.#totalSteps, unit: 'updates', fraction, message });
    report('');
    const trainer = new Trainer(
      {
        policy: this.#setup.policy,
        task: this.#setup.task,
        config: this.#config,
        ratings: this.#ratings,
        generateOptions: {},
        traceSources: traceSources(train),
      },
      train,
      this.#writer,
      this.#world.clock,
      {
        signal: observer.signal,
        ...(observer.onPause === undefined ? {} : { onPause: observer.onPause }),
        onStep: (metrics) => {
          done = metrics.step;
          report(describeStep(metrics));
        },
        onSample: (finished, samples) => report('sampling rationales', (finished / samples) * 0.5),
        validate:
          validation.length === 0
            ? null
            : async (step) => {
                const summary = await this.#evaluations.evaluate(
                  { step, set: 'validation', rows: validation, k: 0 },
                  {
                    ...observer,
                    onDone: (evaluated) => report(`validating: ${evaluated} of ${validation.length} questions`),
                  },
                );
                const { method } = stageOf(stagesOf(this.#config, this.#totalSteps), step).config;
                return { score: validationScore(summary, method), health: summary };
              },
      },
    );
    await trainer.run(start);
  }

  /** Puts the weights that did best on the validation questions in place. Returns the step of the weights the run ends with. */
  async #restoreBest(observer: RunObserver): Promise<number> {
    const { best, step } = this.#writer.record;
    if (best === null || best.step === step) return step;
    const found = await this.#writer.directory.checkpoints.verify(best.step);
    if (found === null || 'reason' in found) {
      observer.onWarning(`The best checkpoint (update ${best.step}) is gone; the last one is evaluated instead.`);
      return step;
    }
    await restoreCheckpoint(found.directory, this.#setup.policy, null);
    return best.step;
  }

  async #evaluateTest(step: number | null, observer: RunObserver): Promise<EvaluationSummary | null> {
    const { test } = this.#setup.questions;
    if (test.length === 0) return null;
    // The base evaluation needs the starting weights; it was finished before the first update.
    const finished = await this.#evaluations.finished(step, 'test');
    if (step === null && this.#restored > 0) return finished;
    const phase = step === null ? 'evaluating-before' : 'evaluating-after';
    if (finished === null) await this.#phase(phase, observer);
    return this.#evaluations.evaluate(
      { step, set: 'test', rows: test, k: this.#config.evaluation.k },
      {
        ...observer,
        onDone: (done) =>
          observer.onProgress({ phase, done, total: test.length, unit: 'questions', fraction: 0, message: '' }),
      },
    );
  }

  async #phase(phase: RunPhase, observer: RunObserver): Promise<void> {
    await noteOperators(this.#writer, this.#setup.policy.model.programs, observer);
    await this.#writer.update({ phase });
    const ratings = phase === 'training' && this.#ratings !== null ? { ratings: this.#ratings.inUse } : {};
    await this.#writer.append({ type: 'phase', phase, ...ratings });
    observer.onProgress({ phase, done: 0, total: 0, unit: phaseUnit(phase), fraction: 0, message: '' });
  }
}

function runRatings(
  read: RunVerdicts | null,
  { questions, task, policy }: RunSetup,
  config: RunConfig,
): RunRatings | null {
  return read && new RunRatings(read.verdicts, questions.train, task, policy.config.maxPositions, config);
}

function phaseUnit(phase: RunPhase): RunProgress['unit'] {
  switch (phase) {
    case 'preparing':
    case 'training':
    case 'finished':
      return 'updates';
    case 'evaluating-before':
    case 'evaluating-after':
      return 'questions';
    default:
      return unreachable(phase);
  }
}

function stepsOf(records: readonly RunEvent[]): StepMetrics[] {
  return records.flatMap((event) => (event.type === 'step' ? [event.metrics] : []));
}

function describeStep({ meanSelfReward, correctShare, meanRationaleTokens }: StepMetrics): string {
  return `self-reward ${meanSelfReward.toFixed(2).replace('-', '−')}, ${(100 * correctShare).toFixed(0)} % right, ${meanRationaleTokens.toFixed(0)} tokens`;
}

function gainOf(before: EvaluationSummary, after: EvaluationSummary) {
  return {
    questions: before.questions,
    greedyBefore: before.greedyAccuracy,
    greedyAfter: after.greedyAccuracy,
    majorityBefore: before.majorityAccuracy,
    majorityAfter: after.majorityAccuracy,
    answerLogProbBefore: before.meanAnswerLogProbGreedy,
    answerLogProbAfter: after.meanAnswerLogProbGreedy,
  };
}
