/** One evaluation in words and figures that explain themselves. */
import { basename } from 'node:path';
import { mean, passAtK as passAt, wilsonInterval } from '../engine/evaluate/statistics.ts';
import type { EvaluationRow, EvaluationSummary } from '../protocol/records.ts';
import { count, duration, fixed, percent } from './number_format.ts';
import type { Terminal } from './terminal.ts';
import { textTable } from './text_table.ts';

export function evaluationReport(
  summary: EvaluationSummary,
  rows: readonly EvaluationRow[],
  terminal: Terminal,
): string[] {
  const share = (right: number): string => {
    const [low, high] = wilsonInterval(right, rows.length);
    return `${right} of ${rows.length}; 95 % interval ${fixed(100 * low, 1)} to ${fixed(100 * high, 1)} %`;
  };
  const table: string[][] = [
    ['Greedy accuracy', percent(summary.greedyAccuracy), share(rows.filter(({ greedy }) => greedy.correct).length)],
  ];
  const { k, majorityAccuracy, passAtK, sampledAccuracy, meanAnswerLogProbSampled } = summary;
  if (majorityAccuracy !== null)
    table.push([`maj@${k}`, percent(majorityAccuracy), share(rows.filter((row) => row.majorityCorrect).length)]);
  if (passAtK !== null) {
    // The unbiased estimate from all k samples, for fewer of them.
    const rateOf = (fewer: number): number =>
      mean(rows.map(({ samples }) => passAt(samples.length, samples.filter(({ correct }) => correct).length, fewer)));
    for (let fewer = 2; fewer < k; fewer *= 2)
      table.push([`pass@${fewer}`, percent(rateOf(fewer)), `from ${k} samples`]);
    table.push([`pass@${k}`, percent(passAtK), 'at least one sample is right']);
  }
  if (sampledAccuracy !== null) table.push(['Sampled accuracy', percent(sampledAccuracy), 'of single samples']);
  const { meanChrF, meanRougeL } = summary;
  if (meanChrF !== undefined)
    table.push(['Mean chrF', fixed(meanChrF, 1), 'of 100; an answer counts as right from 50 on']);
  if (meanRougeL !== undefined) table.push(['Mean ROUGE-L', fixed(meanRougeL, 3), 'F1, of 1']);
  table.push([
    'Mean log p(answer)',
    nats(summary.meanAnswerLogProbGreedy),
    "of the right answer after the model's own greedy rationale",
  ]);
  if (meanAnswerLogProbSampled !== null)
    table.push(['', nats(meanAnswerLogProbSampled), 'after its sampled rationales']);
  table.push(
    ['', nats(summary.meanAnswerLogProbWithoutRationale), 'without any rationale'],
    [
      'Answer length',
      `${fixed(summary.meanRationaleTokens, 1)} tokens`,
      `${percent(summary.finishedShare)} ended by themselves`,
    ],
  );
  return [
    terminal.style(
      'bold',
      `${basename(summary.dataset)}: ${count(summary.questions, 'questions')} in ${duration(summary.seconds)}`,
    ),
    ...textTable(table, 'left'),
  ];
}

const nats = (value: number): string => `${fixed(value, 2)} nats`;
