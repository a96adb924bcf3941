/**
 * An engine small enough to see through, for the tests of what stands around an engine: its model has one parameter θ, writes the
 * right answer with probability σ(θ), and learns it by gradient ascent on log σ(θ), a step every `stepMilliseconds`.
 */
import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { systemClock } from '../../src/engine/common/clock.ts';
import { Cancelled, LatroError } from '../../src/engine/common/errors.ts';
import { NodeFileSystem } from '../../src/engine/common/file_system.ts';
import { systemProcesses } from '../../src/engine/runs/processes.ts';
import type { EngineService, JobContext, StartedRun } from '../../src/engine/server/engine_service.ts';
import { pullJob } from '../../src/engine/server/pull_job.ts';
import type { RequestParams, RequestResult, RowReference } from '../../src/protocol/engine_rpc.ts';
import type { RationaleRecord, RunEvent, StepMetrics } from '../../src/protocol/records.ts';

/** More memory than any machine has. */
const NO_MACHINE_BYTES = 1e18;

const logSigmoid = (x: number) => -Math.log1p(Math.exp(-x));

export class TinyEngineService implements EngineService {
  readonly #stepMilliseconds: number;
  disposed = false;

  constructor(stepMilliseconds: number) {
    this.#stepMilliseconds = stepMilliseconds;
  }

  async describeModel({ model }: RequestParams<'describeModel'>): Promise<RequestResult<'describeModel'>> {
    if (model.includes('missing')) {
      throw new LatroError('model-not-found', `There is no model in ${model}.`, 'Choose a folder with config.json.');
    }
    const none = { layers: 0, hiddenSize: 0, heads: 0, keyValueHeads: 0, vocabularySize: 0, contextLength: 0 };
    // By its name one is for a machine that nobody has, or for such a one unless it is made small.
    const isHuge = path.basename(model) === 'huge';
    return {
      directory: model,
      architecture: 'Logistic',
      parameters: 1,
      weightBytes: 8,
      trainingBytes: isHuge || path.basename(model) === 'large' ? NO_MACHINE_BYTES : 24,
      leastTrainingBytes: isHuge ? NO_MACHINE_BYTES : 24,
      tiedHead: false,
      chatTemplate: false,
      ...none,
    };
  }

  async train(params: RequestParams<'train'>, context: JobContext): Promise<StartedRun> {
    const { source, overrides } = params;
    const base = source.kind === 'inline' ? source.baseDirectory : path.dirname(source.path);
    const { steps = 5 } = overrides;
    if (typeof steps !== 'number') throw new LatroError('config-invalid', 'steps is not a number.', 'Give a number.');
    const runId = `tiny-${context.jobId}`;
    const runDirectory = path.join(base, '.latro', 'runs', runId);
    await mkdir(runDirectory, { recursive: true });
    await writeFile(path.join(runDirectory, 'tiny.json'), JSON.stringify({ steps }));
    return { runId, runDirectory, finished: this.#ascend(runDirectory, 0, steps, context) };
  }

  async resume({ runDirectory }: RequestParams<'resume'>, context: JobContext): Promise<StartedRun> {
    const { steps } = JSON.parse(await readFile(path.join(runDirectory, 'tiny.json'), 'utf8')) as { steps: number };
    const log = await readFile(path.join(runDirectory, 'events.jsonl'), 'utf8').catch(() => '');
    const done = log.split('\n').filter((line) => line.includes('"step"')).length;
    return {
      runId: path.basename(runDirectory),
      runDirectory,
      finished: this.#ascend(runDirectory, done, steps, context),
    };
  }

  async #ascend(directory: string, first: number, steps: number, context: JobContext): Promise<void> {
    let theta = first; // learning rate 1, and θ starts at 0 for every run
    for (let step = first + 1; step <= steps; step++) {
      await setTimeout(this.#stepMilliseconds);
      theta += 1 / (1 + Math.exp(theta));
      const event: RunEvent = {
        type: 'step',
        time: new Date().toISOString(),
        metrics: metricsOf(step, steps, theta),
      };
      await appendFile(path.join(directory, 'events.jsonl'), `${JSON.stringify(event)}\n`);
      context.onEvent(event);
      context.progress({
        phase: 'training',
        done: step,
        total: steps,
        unit: 'updates',
        ratePerSecond: 1000 / this.#stepMilliseconds,
        secondsLeft: ((steps - step) * this.#stepMilliseconds) / 1000,
        message: '',
      });
      await context.pauseIfAsked(async () => {});
    }
  }

  async rollBack({ runDirectory, step }: RequestParams<'rollBack'>): Promise<RequestResult<'rollBack'>> {
    const file = path.join(runDirectory, 'events.jsonl');
    const steps = (await readFile(file, 'utf8')).split('\n').slice(0, step);
    await writeFile(file, steps.map((line) => `${line}\n`).join(''));
    return { step };
  }

  async exportRun({ runDirectory, out }: RequestParams<'exportRun'>): Promise<RequestResult<'exportRun'>> {
    const log = await readFile(path.join(runDirectory, 'events.jsonl'), 'utf8');
    const step = log.split('\n').filter((line) => line.includes('"step"')).length;
    await mkdir(out);
    await writeFile(path.join(out, 'theta.json'), JSON.stringify({ step }));
    return { step };
  }

  /** The real thing: there is nothing tiny about a download. */
  pull(params: RequestParams<'pull'>, context: JobContext): Promise<RequestResult<'pull'>> {
    const world = { files: new NodeFileSystem(), clock: systemClock, processes: systemProcesses };
    return pullJob(params, context, world, process.env);
  }

  async evaluate(params: RequestParams<'evaluate'>, context: JobContext): Promise<RequestResult<'evaluate'>> {
    for (let done = 0; done < 5; done++) {
      await setTimeout(this.#stepMilliseconds);
      await context.letInteractiveRun();
    }
    const rates = { greedyAccuracy: 1, majorityAccuracy: null, passAtK: null, sampledAccuracy: null };
    const logProbs = {
      meanAnswerLogProbWithoutRationale: -1,
      meanAnswerLogProbGreedy: -0.1,
      meanAnswerLogProbSampled: null,
    };
    const summary = {
      name: 'tiny',
      checkpoint: 'base',
      dataset: params.dataset,
      questions: 5,
      k: params.k,
      meanRationaleTokens: 1,
      finishedShare: 1,
      seconds: 0,
      ...rates,
      ...logProbs,
    };
    return { summary, file: `${params.dataset}.rows` };
  }

  async sampleQuestion(
    params: RequestParams<'sampleQuestion'>,
    context: JobContext,
  ): Promise<RequestResult<'sampleQuestion'>> {
    const { row, k, seed } = params;
    for (let sample = 0; sample < k; sample++) {
      await setTimeout(1);
      if (context.signal.aborted) throw new Cancelled();
    }
    const { question, answer } = parseRow(row);
    const rationales = Array.from({ length: k }, (_, sample) =>
      rationaleOf(`thought ${seed}.${sample}`, sample, answer, -1 - sample),
    );
    const total = rationales.reduce((sum, rationale) => sum + rationale.reward, 0);
    for (const rationale of rationales) {
      const baseline = (total - rationale.reward) / (k - 1);
      Object.assign(rationale, { baseline, advantage: rationale.reward - baseline });
    }
    return {
      step: 0,
      seed,
      rowKey: 'tiny',
      line: row.line,
      question,
      prompt: question,
      goldAnswer: answer,
      noRationaleLogProb: -3,
      rationales,
    };
  }

  async previewPrompt({ row }: RequestParams<'previewPrompt'>): Promise<RequestResult<'previewPrompt'>> {
    const { question, answer } = parseRow(row);
    const words = (text: string) => text.split(' ').length;
    const made = { kind: 'log-probability', over: 'answer', subtractNoRationale: false } as const;
    const counted = { made, counted: answer, countedTokens: words(answer) };
    return { prompt: question, promptTokens: words(question), answer, answerTokens: words(answer), ...counted };
  }

  async scoreRationale({ row, text }: RequestParams<'scoreRationale'>): Promise<RationaleRecord> {
    const { answer } = parseRow(row);
    return rationaleOf(text, 0, answer, text.includes(answer) ? -0.1 : -2);
  }

  async tracePrefixes({ text }: RequestParams<'tracePrefixes'>): Promise<RequestResult<'tracePrefixes'>> {
    const words = text.split(' ').length;
    return {
      scores: Array.from({ length: words + 1 }, (_, tokens) => ({ tokens, logProb: -3 + (2 * tokens) / words })),
    };
  }

  async dispose(): Promise<void> {
    this.disposed = true;
  }
}

function parseRow({ row, line }: RowReference): { question: string; answer: string } {
  const value = JSON.parse(row) as { question?: unknown; answer?: unknown };
  if (typeof value.question !== 'string' || value.answer === undefined) {
    throw new LatroError('dataset-row', `Line ${line} lacks a question or an answer.`, 'Add it.');
  }
  return { question: value.question, answer: String(value.answer) };
}

function rationaleOf(text: string, sample: number, answer: string, selfReward: number): RationaleRecord {
  return {
    sample,
    text,
    tokens: text.split(' ').map((word, id) => ({ id, text: id === 0 ? word : ` ${word}`, logProb: -0.5 })),
    stopReason: 'end-token',
    logProb: -0.5 * text.split(' ').length,
    referenceLogProb: null,
    answerTokens: [{ id: 0, text: answer, logProb: selfReward, part: 'answer', logProbWithoutRationale: -3 }],
    answerLogProb: selfReward,
    templateLogProb: 0,
    selfReward,
    klPenalty: 0,
    reward: selfReward,
    baseline: null,
    advantage: null,
    extractedAnswer: answer,
    correct: true,
  };
}

function metricsOf(step: number, totalSteps: number, theta: number): StepMetrics {
  const logProb = logSigmoid(theta);
  const zero = {
    meanTemplateLogProb: 0,
    meanKl: 0,
    advantageSpread: 0,
    zeroVarianceShare: 0,
    secondsSample: 0,
    secondsScore: 0,
    secondsTrain: 0,
    residentMegabytes: 0,
  };
  return {
    step,
    totalSteps,
    loss: -logProb,
    meanReward: logProb,
    meanSelfReward: logProb,
    meanAnswerLogProb: logProb,
    meanRationaleTokens: 1,
    finishedShare: 1,
    correctShare: Math.exp(logProb),
    gradientNorm: 1 / (1 + Math.exp(theta)),
    learningRate: 1,
    tokensTrained: step,
    ...zero,
  };
}
