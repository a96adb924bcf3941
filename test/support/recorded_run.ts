/**
 * A finished run on disk as the engine's own writers leave it, of invented rationales for the rows of a workspace: half of them right
 * before, most of them after. For what shows runs; what makes them is tested elsewhere.
 */
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../src/engine/common/clock.ts';
import { NodeFileSystem } from '../../src/engine/common/file_system.ts';
import { RandomStream } from '../../src/engine/common/random.ts';
import { jsonRowSources } from '../../src/engine/datasets/json_row_sources.ts';
import { formatById } from '../../src/engine/datasets/registry.ts';
import type { DatasetRow } from '../../src/engine/datasets/row.ts';
import { checkRow, checkRowSource } from '../../src/engine/datasets/row_check.ts';
import { majorityVote, mean } from '../../src/engine/evaluate/statistics.ts';
import { systemProcesses } from '../../src/engine/runs/processes.ts';
import { resolveRunConfig } from '../../src/engine/runs/resolve_config.ts';
import { evaluationName } from '../../src/engine/runs/run_directory.ts';
import { RunStore } from '../../src/engine/runs/run_store.ts';
import type { RunWriter } from '../../src/engine/runs/run_writer.ts';
import type { EvaluationRow, EvaluationSummary, QuestionRollout, RationaleRecord } from '../../src/protocol/records.ts';
import { UNKNOWN_IDENTITY } from './toy_run.ts';

export const RECORDED_RATIONALES = 4;
const STEPS = 10;

/** Records a run that trained on train.jsonl and was evaluated on test.jsonl of `workspace`; returns its directory. */
export async function recordRun(workspace: string): Promise<string> {
  const train = join(workspace, 'train.jsonl');
  const test = join(workspace, 'test.jsonl');
  return await record(workspace, { train, test }, async (writer) => {
    const evaluated = async (step: number | null) =>
      await evaluate(
        writer,
        step,
        test,
        (await soundRows(test)).map((row) => evaluatedRow(row, step ?? 0)),
      );
    const before = await evaluated(null);
    const rows = await soundRows(train);
    for (const step of [1, STEPS]) {
      await writer.writeRollouts(
        step,
        rows.map((row) => rollout(row, step)),
      );
    }
    return { before, after: await evaluated(STEPS) };
  });
}

/** Whether the one answer that counts was right, before and after. */
export interface Judged {
  readonly before: boolean;
  readonly after: boolean;
}

/**
 * Records a run that was evaluated on a dataset of any format of text, whose answers are none below 100; returns its directory.
 * @param judged undefined: the row was not evaluated
 */
export async function recordJudged(
  workspace: string,
  dataset: string,
  judged: (row: DatasetRow) => Judged | undefined,
): Promise<string> {
  const rows = (await soundRows(dataset)).flatMap((row) => {
    const right = judged(row);
    return right === undefined ? [] : [{ row, right }];
  });
  return await record(workspace, { train: join(workspace, 'train.jsonl'), test: dataset }, async (writer) => ({
    before: await evaluate(
      writer,
      null,
      dataset,
      rows.map(({ row, right }) => evaluatedRow(row, 0, right.before)),
    ),
    after: await evaluate(
      writer,
      STEPS,
      dataset,
      rows.map(({ row, right }) => evaluatedRow(row, STEPS, right.after)),
    ),
  }));
}

async function record(
  workspace: string,
  dataset: { readonly train: string; readonly test: string },
  write: (writer: RunWriter) => Promise<{ readonly before: EvaluationSummary; readonly after: EvaluationSummary }>,
): Promise<string> {
  const settings = { model: join(workspace, 'model'), dataset, steps: STEPS };
  const { config } = resolveRunConfig(settings, join(workspace, 'latro.json'));
  const world = { files: new NodeFileSystem(), clock: systemClock, processes: systemProcesses };
  // Made elsewhere and moved, so that who watches sees it appear whole.
  const store = new RunStore(world, join(workspace, '.recording'));
  const writer = await store.create(config, UNKNOWN_IDENTITY);
  const { before, after } = await write(writer);
  const gain = {
    questions: after.questions,
    greedyBefore: before.greedyAccuracy,
    greedyAfter: after.greedyAccuracy,
    majorityBefore: before.majorityAccuracy,
    majorityAfter: after.majorityAccuracy,
    answerLogProbBefore: before.meanAnswerLogProbGreedy,
    answerLogProbAfter: after.meanAnswerLogProbGreedy,
  };
  await writer.update({ phase: 'finished', step: STEPS, totalSteps: STEPS, gain });
  await writer.close('finished');
  const runs = join(workspace, '.latro', 'runs');
  await mkdir(runs, { recursive: true });
  const directory = join(runs, writer.directory.id);
  await rename(writer.directory.path, directory);
  await rm(join(workspace, '.recording'), { recursive: true });
  return directory;
}

async function soundRows(file: string): Promise<DatasetRow[]> {
  const text = await readFile(file, 'utf8');
  const format = formatById('starter');
  if (file.endsWith('.json'))
    return jsonRowSources(text).sources.flatMap((row) => checkRowSource(row, format).row ?? []);
  const lines = text.split('\n');
  return lines.flatMap((text, index) => checkRow(text, index + 1, format).row ?? []);
}

const shareRight = (step: number): number => (step === STEPS ? 0.8 : 0.5);

function rollout({ rowKey, line, question, answer }: DatasetRow, step: number): QuestionRollout {
  const rationales = Array.from({ length: RECORDED_RATIONALES }, (_, sample) => {
    const random = new RandomStream(11, line, step, sample);
    return rationale(sample, answer, random.next() < shareRight(step), random);
  });
  const prompt = `${question}\n`;
  return { step, seed: 11, rowKey, line, question, prompt, goldAnswer: answer, noRationaleLogProb: -4, rationales };
}

function rationale(sample: number, answer: string, correct: boolean, random: RandomStream): RationaleRecord {
  const extractedAnswer = correct ? answer : String(random.nextInteger(100));
  const reward = correct ? -random.next() : -2 - 2 * random.next();
  const text = `First ${random.nextInteger(20)}, then ${random.nextInteger(20)}.\nThat makes ${extractedAnswer}.`;
  const words = text.split(/(?=\s)/);
  return {
    sample,
    text,
    tokens: words.map((word, id) => ({ id, text: word, logProb: -random.next() })),
    stopReason: 'stop-phrase',
    logProb: -words.length / 2,
    referenceLogProb: null,
    answerTokens: [{ id: 0, text: answer, logProb: reward, part: 'answer', logProbWithoutRationale: -4 }],
    answerLogProb: reward,
    templateLogProb: 0,
    selfReward: reward,
    klPenalty: 0,
    reward,
    baseline: 0,
    advantage: reward,
    extractedAnswer,
    correct: extractedAnswer === answer,
  };
}

async function evaluate(
  writer: RunWriter,
  step: number | null,
  dataset: string,
  rows: readonly EvaluationRow[],
): Promise<EvaluationSummary> {
  const name = evaluationName(step, 'test');
  const log = await writer.openEvaluation(name);
  for (const row of rows) await log.append(row);
  const share = (of: (row: EvaluationRow) => boolean) => rows.filter(of).length / rows.length;
  const summary: EvaluationSummary = {
    name,
    checkpoint: step === null ? 'base' : `step-${step}`,
    dataset,
    questions: rows.length,
    k: RECORDED_RATIONALES,
    greedyAccuracy: share(({ greedy }) => greedy.correct),
    majorityAccuracy: share(({ majorityCorrect }) => majorityCorrect === true),
    passAtK: null,
    sampledAccuracy: null,
    meanAnswerLogProbWithoutRationale: -4,
    meanAnswerLogProbGreedy: -1,
    meanAnswerLogProbSampled: -1,
    meanRationaleTokens: 12,
    finishedShare: 1,
    seconds: 1,
  };
  await writer.finishEvaluation(log, summary);
  return summary;
}

function evaluatedRow({ rowKey, line, question, answer }: DatasetRow, step: number, isRight?: boolean): EvaluationRow {
  const answered = (sample: number, right?: boolean) => {
    const random = new RandomStream(12, line, step, sample);
    const isSo = random.next() < shareRight(step);
    const sampled = rationale(sample, answer, right ?? isSo, random);
    const { text, extractedAnswer, correct, answerLogProb } = sampled;
    return { text, extractedAnswer, correct, answerLogProb, tokens: 12, finished: true };
  };
  const samples = Array.from({ length: RECORDED_RATIONALES }, (_, sample) => answered(sample));
  const majorityAnswer = majorityVote(samples.map(({ extractedAnswer }) => extractedAnswer));
  const greedy = answered(RECORDED_RATIONALES, isRight);
  return {
    rowKey,
    line,
    question,
    goldAnswer: answer,
    greedy,
    samples,
    majorityAnswer,
    majorityCorrect: majorityAnswer === answer,
    answerLogProbWithoutRationale: -4,
    answerLogProbGreedy: greedy.answerLogProb,
    answerLogProbSampled: mean(samples.map(({ answerLogProb }) => answerLogProb)),
  };
}
