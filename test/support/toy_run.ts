/**
 * A training run with everything but the training: it writes what a real one writes, in the same order, as a pure function of (seed,
 * step). Serves to interrupt the run directory at every call and compare the resumed run with one that was never interrupted.
 */
import { join } from 'node:path';
import { type FileSystem, NodeFileSystem } from '../../src/engine/common/file_system.ts';
import { RandomStream } from '../../src/engine/common/random.ts';
import type { Processes } from '../../src/engine/runs/processes.ts';
import { resolveRunConfig } from '../../src/engine/runs/resolve_config.ts';
import { evaluationName } from '../../src/engine/runs/run_directory.ts';
import { RunStore } from '../../src/engine/runs/run_store.ts';
import { type RunWriter, requireFinite, type World } from '../../src/engine/runs/run_writer.ts';
import type { EvaluationRow, EvaluationSummary, QuestionRollout, StepMetrics } from '../../src/protocol/records.ts';
import type { RunIdentity } from '../../src/protocol/run_record.ts';
import { ManualClock } from './manual_clock.ts';

export const TOY_CONFIG = resolveRunConfig(
  { model: '/models/Toy Model', dataset: { train: '/data/train.jsonl' }, steps: 6, checkpoints: { every: 2, keep: 2 } },
  'latro.json',
).config;

export const UNKNOWN_IDENTITY: RunIdentity = {
  modelConfigSha256: null,
  modelWeightsSha256: null,
  tokenizerSha256: null,
  adapterSha256: null,
  trainSha256: null,
  validationSha256: null,
  testSha256: null,
  device: null,
  threads: null,
  processor: null,
  platform: null,
  packageVersion: null,
  nodeVersion: null,
  onnxruntimeVersion: null,
};

/** Every process but pid 1000 is gone: what a test leaves locked is a stale lock. */
export function soleProcess(pid = 1000): Processes {
  return {
    self: async () => ({ pid, start: `s${pid}`, host: 'here' }),
    isAlive: async (process) => process.pid === 1000,
  };
}

export function toyWorld(files: FileSystem = new NodeFileSystem(), pid = 1000): World {
  return { files, clock: new ManualClock(), processes: soleProcess(pid) };
}

const round = (value: number) => Math.round(value * 1e6) / 1e6;

export function toyRollout(step: number): QuestionRollout {
  const random = new RandomStream(42, step);
  const rationale = (sample: number) => ({
    sample,
    text: `one and ${random.nextInteger(9)}`,
    tokens: [{ id: random.nextInteger(100), text: 'one', logProb: round(-random.next()) }],
    stopReason: 'end-token' as const,
    logProb: round(-random.next()),
    referenceLogProb: null,
    answerTokens: [],
    answerLogProb: round(-random.next()),
    templateLogProb: 0,
    selfReward: 0,
    klPenalty: 0,
    reward: 0,
    baseline: 0,
    advantage: 0,
    extractedAnswer: null,
    correct: false,
  });
  return {
    step,
    seed: 42,
    rowKey: `row-${step}`,
    line: step,
    question: 'How many?',
    prompt: 'How many?',
    goldAnswer: '7',
    noRationaleLogProb: null,
    rationales: [rationale(0), rationale(1)],
  };
}

function toyMetrics(step: number, parameters: Float32Array): StepMetrics {
  const random = new RandomStream(7, step);
  const numbers = () => round(random.next());
  return {
    step,
    totalSteps: 6,
    loss: round(parameters[0] ?? 0),
    meanReward: numbers(),
    meanSelfReward: numbers(),
    meanAnswerLogProb: numbers(),
    meanTemplateLogProb: numbers(),
    meanKl: numbers(),
    advantageSpread: numbers(),
    meanRationaleTokens: numbers(),
    finishedShare: numbers(),
    correctShare: numbers(),
    zeroVarianceShare: numbers(),
    gradientNorm: numbers(),
    learningRate: numbers(),
    tokensTrained: step,
    secondsSample: performance.now(),
    secondsScore: performance.now(),
    secondsTrain: performance.now(),
    residentMegabytes: process.memoryUsage().rss / 2 ** 20,
  };
}

function toyRow(name: string, line: number): EvaluationRow {
  const correct = new RandomStream(name.length, line).next() < 0.5;
  return {
    rowKey: `${name}-${line}`,
    line,
    question: 'How many?',
    goldAnswer: '7',
    greedy: { text: '7', extractedAnswer: '7', correct, tokens: 1, finished: true },
    samples: [],
    majorityAnswer: null,
    majorityCorrect: null,
    answerLogProbWithoutRationale: -1,
    answerLogProbGreedy: -0.5,
    answerLogProbSampled: null,
  };
}

async function evaluate(writer: RunWriter, step: number | null): Promise<number> {
  const name = evaluationName(step, 'validation');
  const done = await writer.directory.evaluation(name);
  if (done !== null) {
    await writer.append({ type: 'evaluation', summary: done });
    return done.greedyAccuracy;
  }
  const rows = await writer.openEvaluation(name);
  const already = await writer.directory.evaluationRows(name);
  try {
    for (let line = already.length + 1; line <= 2; line++) await rows.append(toyRow(name, line));
  } catch (error) {
    await rows.close();
    throw error;
  }
  const all = await writer.directory.evaluationRows(name);
  const greedyAccuracy = all.filter((row) => row.greedy.correct).length / all.length;
  const summary: EvaluationSummary = {
    name,
    checkpoint: step === null ? 'base' : `step-${step}`,
    dataset: 'validation',
    questions: all.length,
    k: 0,
    greedyAccuracy,
    majorityAccuracy: null,
    passAtK: null,
    sampledAccuracy: null,
    meanAnswerLogProbWithoutRationale: -1,
    meanAnswerLogProbGreedy: -0.5,
    meanAnswerLogProbSampled: null,
    meanRationaleTokens: 1,
    finishedShare: 1,
    seconds: performance.now(),
  };
  await writer.finishEvaluation(rows, summary);
  return greedyAccuracy;
}

function toyContent(parameters: Float32Array, step: number): Record<string, Uint8Array[]> {
  const bytes = new Uint8Array(parameters.buffer.slice(0));
  return {
    'adapter/adapter_model.safetensors': [bytes.subarray(0, 5), bytes.subarray(5)],
    'adapter/adapter_config.json': [new TextEncoder().encode('{}')],
    'state.json': [new TextEncoder().encode(JSON.stringify({ step, position: step * 2 }))],
  };
}

/** Trains to `TOY_CONFIG.steps`, from the beginning or from where the newest checkpoint is. */
export async function toyTrain(writer: RunWriter, resume: boolean, files: FileSystem): Promise<void> {
  let parameters = new Float32Array([0.5, -0.25, 1, 2]);
  let start = 0;
  if (resume) {
    const { checkpoint } = await writer.resume();
    if (checkpoint !== null) {
      start = checkpoint.step;
      const bytes = await files.read(join(checkpoint.directory, 'adapter/adapter_model.safetensors'));
      parameters = new Float32Array(bytes.slice().buffer);
    }
  }
  await writer.append({ type: 'phase', phase: 'training' });
  if (start === 0) await evaluate(writer, null);
  for (let step = start + 1; step <= (TOY_CONFIG.steps ?? 0); step++) {
    const random = new RandomStream(1, step);
    parameters = parameters.map((value) => value + random.nextNormal() * 0.1);
    await writer.writeRollouts(step, [toyRollout(step)]);
    await writer.append({ type: 'step', metrics: toyMetrics(step, parameters) });
    if (step % TOY_CONFIG.checkpoints.every === 0) {
      const score = await evaluate(writer, step);
      const { best } = writer.record;
      if (best === null || score > best.score) await writer.update({ best: { step, score } });
      await writer.saveCheckpoint(step, toyContent(parameters, step), () => requireFinite('parameters', parameters));
    }
  }
  await writer.close('finished');
}

export async function newToyRun(world: World, folder: string): Promise<RunWriter> {
  return new RunStore(world, folder).create(TOY_CONFIG, UNKNOWN_IDENTITY);
}
