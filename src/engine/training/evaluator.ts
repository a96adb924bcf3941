/**
 * Evaluates a policy question by question: greedy, and K samples for maj@k and pass@k. Outputs run to their end token, so an answer
 * counts only if the model states it itself. Rows are handed on as they are finished; those already there are not done again.
 */
import type { EvaluationRow, EvaluationSummary } from '../../protocol/records.ts';
import { throwIfCancelled } from '../common/errors.ts';
import type { DatasetRow } from '../datasets/row.ts';
import { majorityVote, mean, passAtK } from '../evaluate/statistics.ts';
import { DECODE_ROWS } from '../model/generate.ts';
import { answerLogProb, describeOutput, type EvaluatorSettings, sampleOutputs, sum } from './evaluation_sampling.ts';
import { requireFiniteScores } from './non_finite.ts';
import type { Policy } from './policy.ts';
import type { EncodedQuestion } from './question_encoder.ts';
import type { QuestionTask } from './question_task.ts';
import { evaluateStrategies } from './strategy_evaluator.ts';
import { summariseStrategies } from './strategy_summary.ts';

export interface EvaluationProgress {
  readonly signal?: AbortSignal | undefined;
  /** `done` counts the whole batch that `row` belongs to. */
  readonly onRow: (row: EvaluationRow, done: number, total: number) => Promise<void>;
  /** Awaited between batches: lets interactive work in. */
  readonly onPause?: () => Promise<void>;
}

/** One result per row, in the order of `rows`; `finished` are results of an earlier, interrupted evaluation. */
export async function evaluateRows(
  policy: Policy,
  task: QuestionTask,
  rows: readonly DatasetRow[],
  settings: EvaluatorSettings,
  progress: EvaluationProgress,
  finished: readonly EvaluationRow[] = [],
): Promise<EvaluationRow[]> {
  const identity = (row: { rowKey: string; line: number }): string => `${row.rowKey}:${row.line}`;
  const results = new Map(finished.map((row) => [identity(row), row]));
  const isMissing = ({ row }: EncodedQuestion): boolean => !results.has(identity(row));
  const questions = rows
    .map((row) => task.encoder.encode(row, settings.maxTokens))
    // Like lengths decode together.
    .sort((a, b) => a.promptIds.length - b.promptIds.length || a.row.line - b.row.line);
  const perBatch = questionsTogether((1 + settings.k) * (policy.tags?.ids.length ?? 1));
  for (let start = 0; start < questions.length; start += perBatch) {
    const batch = questions.slice(start, start + perBatch);
    if (!batch.some(isMissing)) continue;
    await progress.onPause?.();
    throwIfCancelled(progress.signal);
    // Whole batches, also where an earlier evaluation got halfway: what is computed together decides how it is rounded.
    const evaluate = policy.tags === null ? evaluateBatch : evaluateStrategies;
    const evaluated = await evaluate(policy, task, batch, settings, progress.signal);
    const added = evaluated.filter((_, i) => isMissing(batch[i]!));
    for (const row of added) results.set(identity(row), row);
    for (const row of added) await progress.onRow(row, results.size, rows.length);
  }
  return rows.map((row) => results.get(identity(row))!);
}

/** With so many outputs of each: as few as fill whole rounds of decoding best. */
function questionsTogether(outputs: number): number {
  const roundsEach = (questions: number): number => Math.ceil((questions * outputs) / DECODE_ROWS) / questions;
  let best = 1;
  for (let more = 2; (more - 1) * outputs < 2 * DECODE_ROWS; more++)
    if (roundsEach(more) < roundsEach(best)) best = more;
  return best;
}

async function evaluateBatch(
  policy: Policy,
  task: QuestionTask,
  questions: readonly EncodedQuestion[],
  settings: EvaluatorSettings,
  signal: AbortSignal | undefined,
): Promise<EvaluationRow[]> {
  const wanted = ['greedy' as const, ...Array.from({ length: settings.k }, (_, i) => i)];
  const requests = questions.map((question) => ({ question, samples: wanted }));
  const generated = await sampleOutputs(policy, task, requests, { ...settings, bareAnswers: true }, signal);

  return questions.map(({ row }, q): EvaluationRow => {
    const { samples: all, answerLogProbsWithoutRationale } = generated[q]!;
    const [first, outputs] = [all[0]!, all.slice(1)];
    const withoutRationale = sum(answerLogProbsWithoutRationale);
    const afterSamples = outputs.map(answerLogProb);
    requireFiniteScores([withoutRationale, answerLogProb(first), ...afterSamples], row.line);
    const samples = outputs.map((output) => describeOutput(output, row, task));
    const majority = samples.length === 0 ? null : majorityVote(samples.map((sample) => sample.extractedAnswer));
    return {
      rowKey: row.rowKey,
      line: row.line,
      question: row.question,
      goldAnswer: row.answer,
      greedy: describeOutput(first, row, task),
      samples,
      majorityAnswer: majority,
      majorityCorrect: samples.length === 0 ? null : majority !== null && task.matches(majority, row),
      answerLogProbWithoutRationale: withoutRationale,
      answerLogProbGreedy: answerLogProb(first),
      answerLogProbSampled: afterSamples.length === 0 ? null : mean(afterSamples),
    };
  });
}

function meanSimilarity(rows: readonly EvaluationRow[]): Pick<EvaluationSummary, 'meanChrF' | 'meanRougeL'> {
  const scores = rows.flatMap(({ greedy }) => greedy.similarity ?? []);
  if (scores.length === 0) return {};
  return { meanChrF: mean(scores.map(({ chrF }) => chrF)), meanRougeL: mean(scores.map(({ rougeL }) => rougeL)) };
}

/** What the rows say together. */
export function summariseEvaluation(
  rows: readonly EvaluationRow[],
  facts: Pick<EvaluationSummary, 'name' | 'checkpoint' | 'dataset' | 'k' | 'seconds'>,
): EvaluationSummary {
  const sampled = facts.k > 0;
  const average = (pick: (row: EvaluationRow) => number): number => mean(rows.map(pick));
  const share = (row: EvaluationRow): number => mean(row.samples.map(({ correct }) => Number(correct)));
  return {
    ...facts,
    questions: rows.length,
    greedyAccuracy: average((row) => Number(row.greedy.correct)),
    majorityAccuracy: sampled ? average((row) => Number(row.majorityCorrect)) : null,
    passAtK: sampled
      ? average((row) =>
          passAtK(row.samples.length, row.samples.filter(({ correct }) => correct).length, row.samples.length),
        )
      : null,
    sampledAccuracy: sampled ? average(share) : null,
    ...meanSimilarity(rows),
    meanAnswerLogProbWithoutRationale: average((row) => row.answerLogProbWithoutRationale),
    meanAnswerLogProbGreedy: average((row) => row.answerLogProbGreedy),
    meanAnswerLogProbSampled: sampled ? average((row) => row.answerLogProbSampled!) : null,
    meanRationaleTokens: average((row) => row.greedy.tokens),
    finishedShare: average((row) => Number(row.greedy.finished)),
    ...(rows.some((row) => row.strategies !== undefined) ? { strategies: summariseStrategies(rows) } : {}),
  };
}
