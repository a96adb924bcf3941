/** What a run did, as documents: its metrics for spreadsheets, a report for people, in their language. Pure. */
import type { RunExport } from '../../protocol/panel_messages.ts';
import type { EvaluationSummary, RunEvent, RunStatus, StepMetrics } from '../../protocol/records.ts';
import type { RunConfig } from '../../protocol/run_config.ts';
import type { RunRecord } from '../../protocol/run_record.ts';
import type { L10n } from '../common/l10n.ts';
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

/** The language of a report. */
export interface ReportWords {
  readonly l10n: L10n;
  /** A message of the engine, in that language. */
  readonly engineText: (message: string) => string;
  readonly statusText: (status: RunStatus) => string;
}

export function reportMarkdown(record: RunRecord, events: readonly RunEvent[], words: ReportWords): string {
  const { l10n, engineText } = words;
  const { id, config, createdAt } = record;
  const subject = [
    [l10n.t('Method'), config.method],
    [l10n.t('Model'), config.model],
    [l10n.t('Training questions'), config.dataset.train],
    [l10n.t('Started'), createdAt],
    [l10n.t('State'), stateText(record, words)],
  ];
  const ratings = events.flatMap((event) => (event.type === 'phase' ? (event.ratings ?? []) : [])).at(-1);
  const health = events.flatMap((event) => (event.type === 'health' ? [event] : []));
  const evaluations = events.flatMap((event) => (event.type === 'evaluation' ? [event.summary] : []));
  return [
    `# ${l10n.t('Run {0}', markdownText(id))}`,
    markdownTable(['', ''], subject),
    `## ${l10n.t('Results')}`,
    gainText(record, l10n),
    evaluations.length === 0 ? l10n.t('No evaluation is finished.') : evaluationTable(evaluations, l10n),
    ratings === undefined
      ? null
      : l10n.t(
          'Ratings in use: {0} approved and learned, {1} that change a reward, {2} of other rows.',
          ratings.approved,
          ratings.judged,
          ratings.elsewhere,
        ),
    `## ${l10n.t('Health')}`,
    health.length === 0
      ? l10n.t('No warning.')
      : health
          .map(({ step, message, cure }) => {
            const [what, remedy] = [message, cure].map((text) => markdownText(engineText(text)));
            return `- ${l10n.t('From update {0}: {1} {2}', step, what!, remedy!)}`;
          })
          .join('\n'),
    `## ${l10n.t('Updates')}`,
    stepTable(stepsOf(events), l10n),
    `## ${l10n.t('Settings')}`,
    fenced('json', JSON.stringify(config, null, 2)),
    '',
  ]
    .filter((part) => part !== null)
    .join('\n\n');
}

function stateText(record: RunRecord, { l10n, engineText, statusText }: ReportWords): string {
  const { status, statusReason, step, totalSteps } = record;
  const name = statusText(status);
  const state =
    totalSteps === null
      ? l10n.t('{0} at update {1}', name, step)
      : l10n.t('{0} at update {1} of {2}', name, step, totalSteps);
  return statusReason === '' ? state : l10n.t('{0}: {1}', state, engineText(statusReason));
}

const stepsOf = (events: readonly RunEvent[]): StepMetrics[] =>
  events.flatMap((event) => (event.type === 'step' ? [event.metrics] : []));

function gainText({ gain }: RunRecord, l10n: L10n): string | null {
  if (gain === null) return null;
  const { questions, greedyBefore, greedyAfter, answerLogProbBefore, answerLogProbAfter } = gain;
  return l10n.t(
    'Of {0} test questions the greedy answer was right for {1} before and {2} after; mean log p(answer) {3} → {4} nats.',
    questions,
    rate(greedyBefore),
    rate(greedyAfter),
    nats(answerLogProbBefore),
    nats(answerLogProbAfter),
  );
}

function evaluationTable(evaluations: readonly EvaluationSummary[], l10n: L10n): string {
  const header = [
    l10n.t('Evaluation'),
    l10n.t('Questions'),
    l10n.t('Greedy'),
    l10n.t('Majority'),
    'pass@k',
    l10n.t('log p(answer)'),
    l10n.t('Tokens'),
    l10n.t('Ended by itself'),
  ];
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
function stepTable(steps: readonly StepMetrics[], l10n: L10n): string {
  if (steps.length === 0) return l10n.t('No update is done.');
  const rows = Math.min(SHOWN_STEPS, steps.length);
  const shown = Array.from(
    { length: rows },
    (_, i) => steps[rows === 1 ? 0 : Math.round((i * (steps.length - 1)) / (rows - 1))]!,
  );
  const header = [
    l10n.t('Update'),
    l10n.t('Reward'),
    'KL',
    l10n.t('Advantage spread'),
    l10n.t('Right'),
    l10n.t('Tokens'),
    l10n.t('Ended by itself'),
    l10n.t('Loss'),
    l10n.t('Gradient norm'),
  ];
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
