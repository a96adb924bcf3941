/** What a run did, as documents: its metrics for spreadsheets, a report for people. Pure. */
import type { RunExport } from '../../protocol/panel_messages.ts';
import type { EvaluationSummary, RunEvent, StepMetrics } from '../../protocol/records.ts';
import type { RunConfig } from '../../protocol/run_config.ts';
import type { RunRecord } from '../../protocol/run_record.ts';
import { csvOfRows, markdownTable, markdownText } from '../common/table_text.ts';

/** A run that trains every weight has no adapter. */
export function exportsOf({ trainable }: Pick<RunConfig, 'trainable'>): RunExport[] {
  return [...(trainable.kind === 'lora' ? (['adapter'] as const) : []), 'merged', 'metrics-csv', 'report'];
}

/** One line per update, one column per metric that any update has; a metric that was not measured is empty. */
export function metricsCsv(events: readonly RunEvent[]): string {
  const steps = stepsOf(events);
  const columns = [...new Set(steps.flatMap((metrics) => Object.keys(metrics)))] as (keyof StepMetrics)[];
  return csvOfRows([columns, ...steps.map((metrics) => columns.map((column) => cellOf(metrics[column])))]);
}

/** What is no single number, such as the figures of reasoning strategies, stands as JSON. */
function cellOf(value: StepMetrics[keyof StepMetrics]): string | number {
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : (value ?? '');
}

/** Rows of the report's table of updates, at the most. */
const SHOWN_STEPS = 20;

export function reportMarkdown(record: RunRecord, events: readonly RunEvent[]): string {
  const { id, config, status, statusReason, step, totalSteps, createdAt } = record;
  const subject = [
    ['method', config.method],
    ['model', config.model],
    ['training questions', config.dataset.train],
    ['started', createdAt],
    [
      'state',
      [`${status} at update ${step}${totalSteps === null ? '' : ` of ${totalSteps}`}`, statusReason]
        .filter(Boolean)
        .join(': '),
    ],
  ];
  const ratings = events.flatMap((event) => (event.type === 'phase' ? (event.ratings ?? []) : [])).at(-1);
  const health = events.flatMap((event) => (event.type === 'health' ? [event] : []));
  const evaluations = events.flatMap((event) => (event.type === 'evaluation' ? [event.summary] : []));
  return [
    `# Run ${markdownText(id)}`,
    markdownTable(['', ''], subject),
    '## Results',
    gainText(record),
    evaluations.length === 0 ? 'No evaluation is finished.' : evaluationTable(evaluations),
    ratings === undefined
      ? null
      : `Ratings in use: ${ratings.approved} approved and learned, ${ratings.judged} that change a reward, ${ratings.elsewhere} of other rows.`,
    '## Health',
    health.length === 0
      ? 'No warning.'
      : health
          .map(({ step: at, message, cure }) => `- From update ${at}: ${markdownText(message)} ${markdownText(cure)}`)
          .join('\n'),
    '## Updates',
    stepTable(stepsOf(events)),
    '## Settings',
    fenced('json', JSON.stringify(config, null, 2)),
    '',
  ]
    .filter((part) => part !== null)
    .join('\n\n');
}

const stepsOf = (events: readonly RunEvent[]): StepMetrics[] =>
  events.flatMap((event) => (event.type === 'step' ? [event.metrics] : []));

function gainText({ gain }: RunRecord): string | null {
  if (gain === null) return null;
  const { questions, greedyBefore, greedyAfter, answerLogProbBefore, answerLogProbAfter } = gain;
  return `Of ${questions} test questions the greedy answer was right for ${rate(greedyBefore)} before and ${rate(greedyAfter)} after; mean log p(answer) ${nats(answerLogProbBefore)} → ${nats(answerLogProbAfter)} nats.`;
}

function evaluationTable(evaluations: readonly EvaluationSummary[]): string {
  const header = ['evaluation', 'questions', 'greedy', 'majority', 'pass@k', 'log p(answer)', 'tokens', 'finished'];
  const rows = evaluations.map((summary) => [
    summary.name,
    summary.questions,
    rate(summary.greedyAccuracy),
    summary.majorityAccuracy === null ? '' : rate(summary.majorityAccuracy),
    summary.passAtK === null ? '' : rate(summary.passAtK),
    nats(summary.meanAnswerLogProbGreedy),
    summary.meanRationaleTokens.toFixed(1),
    rate(summary.finishedShare),
  ]);
  return markdownTable(header, rows);
}

/** Evenly spaced updates, the first and the last among them. */
function stepTable(steps: readonly StepMetrics[]): string {
  if (steps.length === 0) return 'No update is done.';
  const rows = Math.min(SHOWN_STEPS, steps.length);
  const shown = Array.from(
    { length: rows },
    (_, i) => steps[rows === 1 ? 0 : Math.round((i * (steps.length - 1)) / (rows - 1))]!,
  );
  const header = ['update', 'reward', 'KL', 'advantage spread', 'right', 'tokens', 'finished', 'loss', 'gradient norm'];
  const cells = shown.map((metrics) => [
    metrics.step,
    nats(metrics.meanReward),
    nats(metrics.meanKl),
    nats(metrics.advantageSpread),
    rate(metrics.correctShare),
    metrics.meanRationaleTokens.toFixed(1),
    rate(metrics.finishedShare),
    metrics.loss.toPrecision(3),
    metrics.gradientNorm.toPrecision(3),
  ]);
  return markdownTable(header, cells);
}

/** The fence is longer than any in the text. */
function fenced(language: string, text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}${language}\n${text}\n${fence}`;
}

const rate = (value: number): string => `${(100 * value).toFixed(1)} %`;
const nats = (value: number): string => value.toFixed(2);
