/**
 * The training loop: one update is sample → weigh → gradient → AdamW. Everything it needs to continue is in the checkpoint, and every
 * random number and every choice of questions follows from (seed, step), so a resumed run is the run that was never interrupted.
 */
import type { RunEvent, StepMetrics } from '../../protocol/records.ts';
import type { Clock } from '../common/clock.ts';
import { Cancelled, LatroError, throwIfCancelled } from '../common/errors.ts';
import { foldKey, RandomStream } from '../common/random.ts';
import type { DatasetRow } from '../datasets/dataset.ts';
import { checkHealth, type HealthEvaluation, type HealthPoint } from '../latro/health.ts';
import { AdamW, clipGradients } from '../optimize/adamw.ts';
import { scheduleFactor } from '../optimize/schedule.ts';
import { type RunWriter, requireFinite } from '../runs/run_writer.ts';
import { checkpointContent, type TrainingState } from './checkpoint_state.ts';
import { INITIAL_METHOD_STATE, type Method, type MethodContext, type MethodUpdate } from './methods/method.ts';

export interface TrainerHooks {
  readonly signal?: AbortSignal | undefined;
  /** Every event appended to the run's log, for surfaces that follow live. */
  readonly onEvent: (event: { readonly type: RunEvent['type'] }) => void;
  /** Samples finished within the current update. */
  readonly onSample?: (finished: number, total: number) => void;
  /** Awaited between updates: lets interactive work in. */
  readonly onPause?: () => Promise<void>;
  /** Evaluates the validation questions after update `step`; null when there are none. Returns the score to choose the best checkpoint by. */
  readonly validate: ((step: number) => Promise<{ readonly score: number; readonly health: HealthEvaluation }>) | null;
}

export interface TrainerStart {
  /** Updates already done. */
  readonly step: number;
  readonly optimizer: AdamW;
  readonly state: TrainingState;
  /** Metrics of the updates already done, and their evaluations: what the health checks look back on. */
  readonly history: readonly StepMetrics[];
  readonly evaluations: readonly HealthEvaluation[];
}

/** Streams of random numbers that must not collide with rationale keys. */
const ORDER_STREAM = 0x0_0e_0c_40;
const DROPOUT_STREAM = 0x0_d4_09_07;

export function newTrainerStart(settings: ConstructorParameters<typeof AdamW>[0]): TrainerStart {
  return {
    step: 0,
    optimizer: new AdamW(settings),
    state: { method: INITIAL_METHOD_STATE, raised: [] },
    history: [],
    evaluations: [],
  };
}

/** Updates of a run over `questions` training questions. */
export function totalSteps(config: MethodContext['config'], questions: number): number {
  return config.steps ?? Math.max(1, Math.round(((config.epochs ?? 1) * questions) / config.questionsPerStep));
}

/** The questions of update `step` (1-based): epochs are shuffled anew, and an update may straddle two. */
export function questionsOfStep(
  rows: readonly DatasetRow[],
  step: number,
  perStep: number,
  seed: number,
): DatasetRow[] {
  const orders = new Map<number, DatasetRow[]>();
  return Array.from({ length: perStep }, (_, i) => {
    const position = (step - 1) * perStep + i;
    const epoch = Math.floor(position / rows.length);
    let order = orders.get(epoch);
    if (order === undefined) {
      order = new RandomStream(seed, ORDER_STREAM, epoch).shuffled(rows);
      orders.set(epoch, order);
    }
    return order[position % rows.length]!;
  });
}

function healthPoint({ leakShare, meanNoRationaleAnswerLogProb: bare, ...metrics }: StepMetrics): HealthPoint {
  return {
    ...metrics,
    ...(leakShare === undefined ? {} : { leakShare }),
    ...(bare == null ? {} : { meanNoRationaleAnswerLogProb: bare }),
  };
}

export class Trainer {
  readonly #context: MethodContext;
  readonly #method: Method;
  readonly #rows: readonly DatasetRow[];
  readonly #writer: RunWriter;
  readonly #clock: Clock;
  readonly #hooks: TrainerHooks;
  readonly #total: number;

  constructor(
    context: MethodContext,
    method: Method,
    rows: readonly DatasetRow[],
    writer: RunWriter,
    clock: Clock,
    hooks: TrainerHooks,
  ) {
    this.#context = context;
    this.#method = method;
    this.#rows = rows;
    this.#writer = writer;
    this.#clock = clock;
    this.#hooks = hooks;
    this.#total = totalSteps(context.config, rows.length);
  }

  /**
   * Runs updates start.step + 1 … total. When cancelled it saves a checkpoint of what is done and throws `Cancelled`.
   * @throws LatroError `non-finite` naming the update and its questions; the last good checkpoint stays
   */
  async run(start: TrainerStart): Promise<void> {
    const { config } = this.#context;
    let { state } = start;
    const history = start.history.map(healthPoint);
    const evaluations = [...start.evaluations];
    for (let step = start.step + 1; step <= this.#total; step++) {
      await this.#hooks.onPause?.();
      const { metrics, update } = await this.#updateOrSave(step, start.optimizer, state);
      state = { ...state, method: update.state };
      await this.#writer.writeRollouts(step, update.rollouts);
      await this.#emit({ type: 'step', metrics });
      history.push(healthPoint(metrics));

      const last = step === this.#total;
      if (
        this.#hooks.validate !== null &&
        (last || (config.evaluation.every !== null && step % config.evaluation.every === 0))
      ) {
        const { score, health } = await this.#hooks.validate(step);
        evaluations.push(health);
        const { best } = this.#writer.record;
        if (best === null || score > best.score) await this.#writer.update({ best: { step, score } });
      }
      const stop = await this.#watchHealth(step, history, evaluations, state, (raised) => {
        state = { ...state, raised };
      });
      if (last || stop || step % config.checkpoints.every === 0 || this.#writer.record.best?.step === step) {
        await this.#save(step, start.optimizer, state);
      }
      if (stop) return;
    }
  }

  /** Cancelled before or while it samples, an update has changed nothing yet: what was done before it is saved. */
  async #updateOrSave(
    step: number,
    optimizer: AdamW,
    state: TrainingState,
  ): Promise<{ metrics: StepMetrics; update: MethodUpdate }> {
    try {
      throwIfCancelled(this.#hooks.signal);
      return await this.#update(step, optimizer, state);
    } catch (error) {
      if (error instanceof Cancelled) await this.#save(step - 1, optimizer, state);
      throw error;
    }
  }

  async #update(
    step: number,
    optimizer: AdamW,
    state: TrainingState,
  ): Promise<{ metrics: StepMetrics; update: MethodUpdate }> {
    const { config, policy, task } = this.#context;
    const questions = questionsOfStep(this.#rows, step, config.questionsPerStep, config.seed).map((row) =>
      task.encoder.encode(row, config.sampling.maxRationaleTokens),
    );
    const total = questions.length * config.sampling.rationalesPerQuestion;
    const context: MethodContext = {
      ...this.#context,
      generateOptions: {
        signal: this.#hooks.signal,
        onFinished: (finished) => this.#hooks.onSample?.(finished, total),
      },
    };
    const update = await this.#method(context, { step, questions, state: state.method });

    const before = this.#clock.monotonic();
    const trained = { ...policy.model.programs.tokensRun };
    const { loss, gradients, scores } = await policy.model.step(update.groups, {
      tokenBudget: config.tokenBudget,
      dropoutKey: foldKey(config.seed, DROPOUT_STREAM, step),
    });
    const bad = scores.findIndex((group) =>
      group.some((logProbs) => logProbs.some((value) => !Number.isFinite(value))),
    );
    const norm = clipGradients(gradients, config.optimizer.gradientClip);
    if (bad >= 0 || !Number.isFinite(norm) || !Number.isFinite(loss)) {
      const row = questions[update.sources[Math.max(bad, 0)] ?? 0]!.row;
      throw new LatroError(
        'non-finite',
        bad >= 0
          ? `A log-probability became infinite or NaN in update ${step}, on the question of line ${row.line}.`
          : `The loss or gradient of update ${step} is not a finite number (loss ${loss}, gradient norm ${norm}; its first question is on line ${row.line}).`,
        'The last good checkpoint is kept: resume from it with a lower optimizer.learningRate.',
      );
    }
    const learningRate =
      config.optimizer.learningRate *
      scheduleFactor(config.optimizer.schedule, step - 1, this.#total, config.optimizer.warmupSteps);
    optimizer.update(policy.model.parameters, gradients, learningRate);
    const metrics: StepMetrics = {
      step,
      totalSteps: this.#total,
      loss,
      ...update.statistics,
      gradientNorm: norm,
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
  async #watchHealth(
    step: number,
    steps: readonly HealthPoint[],
    evaluations: readonly HealthEvaluation[],
    state: TrainingState,
    raise: (raised: readonly string[]) => void,
  ): Promise<boolean> {
    const { stopOn } = this.#context.config.health;
    if (this.#context.config.method === 'sft') return false;
    let raised = state.raised;
    let stop = false;
    for (const finding of checkHealth({ steps, evaluations })) {
      if (raised.includes(finding.check)) continue;
      raised = [...raised, finding.check];
      await this.#emit({ type: 'health', step, check: finding.check, message: finding.message, cure: finding.cure });
      if (stopOn.includes(finding.check)) stop = true;
    }
    raise(raised);
    return stop;
  }

  async #save(step: number, optimizer: AdamW, state: TrainingState): Promise<void> {
    const { policy } = this.#context;
    await this.#writer.saveCheckpoint(step, await checkpointContent(policy, optimizer, state), () => {
      for (const [name, { data }] of policy.model.parameters) requireFinite(name, data);
    });
    this.#hooks.onEvent({ type: 'checkpoint' });
  }

  async #emit(event: Parameters<RunWriter['append']>[0]): Promise<void> {
    await this.#writer.append(event);
    this.#hooks.onEvent(event);
  }
}
