/**
 * The training loop: one update is sample → weigh → gradient → AdamW. Everything it needs to continue is in the checkpoint, and every
 * random number and every choice of questions follows from (seed, step), so a resumed run is the run that was never interrupted.
 */
import type { StepMetrics } from '../../protocol/records.ts';
import type { Clock } from '../common/clock.ts';
import { Cancelled, throwIfCancelled } from '../common/errors.ts';
import { foldKey, RandomStream } from '../common/random.ts';
import type { DatasetRow } from '../datasets/row.ts';
import { checkHealth, type HealthEvaluation, type HealthPoint, healthEvaluation } from '../latro/health.ts';
import { createOptimizer } from '../optimize/create_optimizer.ts';
import type { Optimizer } from '../optimize/optimizer.ts';
import { scheduleFactor } from '../optimize/schedule.ts';
import { type RunWriter, requireFinite } from '../runs/run_writer.ts';
import { type Stage, stageOf, stagesOf } from '../runs/stages.ts';
import { checkpointContent } from './checkpoint_state.ts';
import { INITIAL_METHOD_STATE, type MethodContext, type MethodState, type MethodUpdate } from './methods/method.ts';
import { methodOf } from './methods/registry.ts';
import { isFiniteGradient, nonFiniteUpdate, requireFiniteParameters } from './non_finite.ts';

export interface TrainerHooks {
  readonly signal?: AbortSignal | undefined;
  /** An update is done and logged. */
  readonly onStep: (metrics: StepMetrics) => void;
  /** Samples finished within the current update. */
  readonly onSample?: (finished: number, total: number) => void;
  /** Awaited between updates: lets interactive work in, or pauses once `save` has written a checkpoint of what is done. */
  readonly onPause?: (save: () => Promise<void>) => Promise<void>;
  /** Evaluates the validation questions after update `step`; null when there are none. Returns the score to choose the best checkpoint by. */
  readonly validate:
    | ((step: number) => Promise<{ readonly score: number; readonly health: Omit<HealthEvaluation, 'step'> }>)
    | null;
}

export interface TrainerStart {
  /** Updates already done. */
  readonly step: number;
  readonly optimizer: Optimizer;
  readonly state: MethodState;
  /** What the log says of them: metrics, evaluations on the validation questions, health checks already raised. */
  readonly history: readonly StepMetrics[];
  readonly evaluations: readonly HealthEvaluation[];
  readonly raised: readonly string[];
  /** The last update was stopped during its validation, which is still to be done. */
  readonly validationPending: boolean;
}

/** How far the loop is; `saved` is the step of the newest checkpoint. */
interface Position {
  step: number;
  saved: number;
  state: MethodState;
  optimizer: Optimizer;
  readonly history: HealthPoint[];
  readonly evaluations: HealthEvaluation[];
  readonly raised: Set<string>;
}

/** Streams of random numbers that must not collide with rationale keys. */
const ORDER_STREAM = 0x0_0e_0c_40;
const DROPOUT_STREAM = 0x0_d4_09_07;

export function newTrainerStart(optimizer: Optimizer): TrainerStart {
  return {
    step: 0,
    optimizer,
    state: INITIAL_METHOD_STATE,
    history: [],
    evaluations: [],
    raised: [],
    validationPending: false,
  };
}

/** Updates of a run over `questions` training questions. */
export function totalSteps(config: MethodContext['config'], questions: number): number {
  return config.steps ?? Math.max(1, Math.round(((config.epochs ?? 1) * questions) / config.questionsPerStep));
}

/** Whether the validation questions are evaluated after update `step` of `total`. */
export function isValidationDue({ evaluation }: MethodContext['config'], step: number, total: number): boolean {
  return step === total || (evaluation.every !== null && step % evaluation.every === 0);
}

/** The questions of update `step` (1-based): epochs are shuffled anew, and an update may straddle two. `before` were seen earlier. */
export function questionsOfStep(
  rows: readonly DatasetRow[],
  step: number,
  perStep: number,
  seed: number,
  before = 0,
): DatasetRow[] {
  const orders = new Map<number, DatasetRow[]>();
  return Array.from({ length: perStep }, (_, i) => {
    const position = before + (step - 1) * perStep + i;
    const epoch = Math.floor(position / rows.length);
    let order = orders.get(epoch);
    if (order === undefined) {
      order = new RandomStream(seed, ORDER_STREAM, epoch).shuffled(rows);
      orders.set(epoch, order);
    }
    return order[position % rows.length]!;
  });
}

export function healthPoint({ leakShare, meanNoRationaleAnswerLogProb: bare, ...metrics }: StepMetrics): HealthPoint {
  return {
    ...metrics,
    ...(leakShare === undefined ? {} : { leakShare }),
    ...(bare == null ? {} : { meanNoRationaleAnswerLogProb: bare }),
  };
}

export class Trainer {
  readonly #context: MethodContext;
  readonly #rows: readonly DatasetRow[];
  readonly #writer: RunWriter;
  readonly #clock: Clock;
  readonly #hooks: TrainerHooks;
  readonly #total: number;
  readonly #stages: readonly Stage[];

  constructor(
    context: MethodContext,
    rows: readonly DatasetRow[],
    writer: RunWriter,
    clock: Clock,
    hooks: TrainerHooks,
  ) {
    this.#context = context;
    this.#rows = rows;
    this.#writer = writer;
    this.#clock = clock;
    this.#hooks = hooks;
    this.#total = totalSteps(context.config, rows.length);
    this.#stages = stagesOf(context.config, this.#total);
  }

  /**
   * Runs updates start.step + 1 … total. When cancelled it saves a checkpoint of what is done and throws `Cancelled`.
   * @throws LatroError `non-finite` naming the update and its questions; the last good checkpoint stays
   */
  async run(start: TrainerStart): Promise<void> {
    const position: Position = {
      step: start.step,
      saved: start.step,
      state: start.state,
      optimizer: start.optimizer,
      history: start.history.map(healthPoint),
      evaluations: [...start.evaluations],
      raised: new Set(start.raised),
    };
    try {
      if (start.validationPending && (await this.#conclude(position))) return;
      while (position.step < this.#total) {
        await this.#hooks.onPause?.(async () => {
          if (position.step > position.saved) await this.#save(position);
        });
        throwIfCancelled(this.#hooks.signal);
        await this.#advance(position);
        if (await this.#conclude(position)) return;
      }
    } catch (error) {
      // Cancelling is heeded before the weights change and while they are validated: what is in memory is a whole update.
      if (error instanceof Cancelled && position.step > position.saved) await this.#save(position);
      throw error;
    } finally {
      await position.optimizer.dispose();
    }
  }

  async #advance(position: Position): Promise<void> {
    const step = position.step + 1;
    const stage = stageOf(this.#stages, step);
    if (stage.index > 0 && stage.start === position.step) await this.#enter(stage, position);
    const { metrics, update } = await this.#update(step, stage, position.optimizer, position.state);
    await this.#writer.writeRollouts(step, update.rollouts);
    await this.#writer.append({ type: 'step', metrics });
    position.step = step;
    position.state = update.state;
    position.history.push(healthPoint(metrics));
    this.#hooks.onStep(metrics);
  }

  /** A later stage begins as a run of its own would: with what it is given as π_0, and without moments. */
  async #enter({ config }: Stage, position: Position): Promise<void> {
    const { policy } = this.#context;
    if (config.reward.klCoefficient > 0) await policy.takeReference();
    await position.optimizer.dispose();
    position.optimizer = createOptimizer(policy.model, config.optimizer);
    position.state = INITIAL_METHOD_STATE;
  }

  /** What follows an update: validation, health checks and a checkpoint where they are due. Returns whether the run is to stop. */
  async #conclude(position: Position): Promise<boolean> {
    const { config } = this.#context;
    const { step } = position;
    if (this.#hooks.validate !== null && isValidationDue(config, step, this.#total)) {
      const { score, health } = await this.#hooks.validate(step);
      position.evaluations.push(healthEvaluation(health, position.history));
      const { best } = this.#writer.record;
      // Earlier stages are on the way: what they pass on is their last weights, and the run ends with its last stage's best.
      const isLast = stageOf(this.#stages, step) === this.#stages.at(-1);
      if (isLast && (best === null || score > best.score)) await this.#writer.update({ best: { step, score } });
    }
    const stop = await this.#watchHealth(position);
    const ends = this.#stages.some(({ end }) => end === step);
    const due = ends || stop || step % config.checkpoints.every === 0;
    if (due || this.#writer.record.best?.step === step) await this.#save(position);
    return stop;
  }

  async #update(
    step: number,
    { config, start, end, questionsBefore }: Stage,
    optimizer: Optimizer,
    state: MethodState,
  ): Promise<{ metrics: StepMetrics; update: MethodUpdate }> {
    const { policy, task } = this.#context;
    const { questionsPerStep, seed } = config;
    const questions = questionsOfStep(this.#rows, step - start, questionsPerStep, seed, questionsBefore).map((row) =>
      task.encoder.encode(row, config.sampling.maxRationaleTokens),
    );
    const total = questions.length * config.sampling.rationalesPerQuestion;
    const context: MethodContext = {
      ...this.#context,
      config,
      generateOptions: {
        signal: this.#hooks.signal,
        onFinished: (finished) => this.#hooks.onSample?.(finished, total),
      },
    };
    const request = { step, questions, state, isReference: step === start + 1 };
    const update = await methodOf(config)(context, request);

    const before = this.#clock.monotonic();
    const trained = { ...policy.model.programs.tokensRun };
    const options = { tokenBudget: config.tokenBudget, dropoutKey: foldKey(config.seed, DROPOUT_STREAM, step) };
    const gradient = await optimizer.gradient(update.groups, options);
    if (!isFiniteGradient(gradient)) {
      const lines = update.sources.map((source) => questions[source]!.row.line);
      throw await nonFiniteUpdate(step, update.groups, lines, (group) => optimizer.gradient([group], options));
    }
    const learningRate =
      config.optimizer.learningRate *
      scheduleFactor(config.optimizer.schedule, step - start - 1, end - start, config.optimizer.warmupSteps);
    requireFiniteParameters(
      await optimizer.update(learningRate, config.optimizer.gradientClip),
      step,
      questions.map(({ row }) => row.line),
    );
    const metrics: StepMetrics = {
      step,
      totalSteps: this.#total,
      loss: gradient.loss,
      ...update.statistics,
      gradientNorm: gradient.norm,
      learningRate,
      tokensTrained: policy.model.programs.tokensRun.step - trained.step,
      secondsSample: update.secondsSample,
      secondsScore: update.secondsScore,
      secondsTrain: (this.#clock.monotonic() - before) / 1000,
      residentMegabytes: process.memoryUsage().rss / 2 ** 20,
    };
    return { metrics, update };
  }

  /** Reports each check once; returns whether the run is to stop. */
  async #watchHealth({ step, history, evaluations, raised }: Position): Promise<boolean> {
    const stage = stageOf(this.#stages, step);
    const { method, health } = stage.config;
    // Neither samples under the policy's own habits, which is what the checks look at.
    if (method === 'sft' || method === 'ssft') return false;
    let stop = false;
    const ofStage = ({ step: at }: { readonly step: number }): boolean => at > stage.start;
    const series = { steps: history.filter(ofStage), evaluations: evaluations.filter(ofStage) };
    for (const { check, message, cure } of checkHealth(series)) {
      if (raised.has(check)) continue;
      raised.add(check);
      await this.#writer.append({ type: 'health', step, check, message, cure });
      if (health.stopOn.includes(check)) stop = true;
    }
    return stop;
  }

  async #save(position: Position): Promise<void> {
    const { policy } = this.#context;
    const { updates } = position.optimizer;
    const moments = await position.optimizer.moments();
    const content = await checkpointContent(policy, { updates, moments }, position.state);
    await this.#writer.saveCheckpoint(position.step, content, () => {
      for (const [name, { first, second }] of moments) {
        requireFinite(`The first moment of ${name}`, first);
        requireFinite(`The second moment of ${name}`, second);
      }
    });
    position.saved = position.step;
  }
}
