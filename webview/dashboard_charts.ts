/** Which curves the dashboard shows, what each means, and how its figures are written. */
import type { DashboardRun } from '../src/protocol/panel_messages.ts';
import type { StepMetrics } from '../src/protocol/records.ts';
import type { CurveData } from './curve.ts';
import { compact, percent } from './format.ts';
import { advantageOf, type Objective, rewardOf } from './objective_tips.ts';
import { accuracyCurve, axisEnd, questionSet, type RunHistory } from './run_history.ts';
import { type StringKey, t } from './strings.ts';
import type { Tip } from './tip.ts';

interface MetricChart {
  readonly key: string;
  readonly read: (metrics: StepMetrics) => number;
  readonly formula?: string;
  /** What depends on the method; without knowing it neither. */
  readonly of?: (objective: Objective) => Pick<Tip, 'formula' | 'text'>;
  readonly format?: (value: number) => string;
  readonly share?: true;
}

export interface Chart {
  readonly key: string;
  readonly title: string;
  readonly tip: Tip;
  readonly format: (value: number) => string;
  readonly data: CurveData;
}

const whole = (value: number): string => percent(value, 0);

const metricCharts: readonly MetricChart[] = [
  { key: 'reward', read: (m) => m.meanReward, of: rewardOf },
  { key: 'kl', read: (m) => m.meanKl, formula: 'log π(z | x) − log π_0(z | x)' },
  { key: 'advantageSpread', read: (m) => m.advantageSpread, of: advantageOf },
  { key: 'rationaleLength', read: (m) => m.meanRationaleTokens, format: (v) => t('dashboard.tokens', compact(v)) },
  { key: 'finishedShare', read: (m) => m.finishedShare, format: whole, share: true },
  { key: 'loss', read: (m) => m.loss },
  { key: 'gradientNorm', read: (m) => m.gradientNorm },
  { key: 'memory', read: (m) => m.residentMegabytes, format: (v) => `${compact(v)} MB` },
];

function tipOf(key: string, fixed: Pick<Tip, 'formula'>, own: Pick<Tip, 'formula' | 'text'> | undefined): Tip {
  const text = t(`dashboard.chart.${key}.text` as StringKey);
  const formula = own?.formula === undefined ? fixed : { formula: own.formula };
  return {
    title: t(`dashboard.chart.${key}` as StringKey),
    ...formula,
    text: own?.text === undefined ? text : `${text} ${own.text}`,
  };
}

/** From this many updates on the curve is a moving average, with the raw one faint behind it. */
const SMOOTH_FROM = 30;

export function charts(history: RunHistory, totalSteps: number, objective?: DashboardRun['objective']): Chart[] {
  const shared = {
    warnings: history.health,
    resumedAt: history.resumedAt,
    lastStep: axisEnd(history.steps.at(-1)?.step ?? 0, totalSteps),
  };
  const metrics = metricCharts.map(
    ({ key, read, formula, of, format, share }): Chart => ({
      key,
      title: t(`dashboard.chart.${key}` as StringKey),
      tip: tipOf(key, formula === undefined ? {} : { formula }, objective && of?.(objective)),
      format: format ?? compact,
      data: {
        ...shared,
        steps: history.steps.map((m) => m.step),
        values: history.steps.map(read),
        smooth: history.steps.length >= SMOOTH_FROM,
        share: share === true,
      },
    }),
  );
  const curve = accuracyCurve(history.evaluations);
  const title = t(`dashboard.accuracy.${questionSet(curve)}`);
  const accuracy: Chart = {
    key: 'accuracy',
    title,
    tip: {
      title,
      text: t('dashboard.chart.accuracy.text', curve[0]?.summary.questions ?? 0),
    },
    format: (value) => percent(value),
    data: {
      ...shared,
      steps: curve.map((evaluation) => evaluation.step),
      values: curve.map((evaluation) => evaluation.summary.greedyAccuracy),
      smooth: false,
      share: true,
    },
  };
  return [metrics[0]!, accuracy, ...metrics.slice(1)];
}
