/**
 * Run health: is a rising reward earned by reasoning? A rising reward proves nothing by itself: measured on MiniMind2-Small,
 * LaTRO raised its mean reward from −8.9 to −5.1 nats while its rationales shrank from 16 tokens to 2. Each check
 * below measures one way to go wrong, over windows of updates, against a threshold; all of them are pure functions of the
 * run's own records. Where the threshold comes from is said beside it; [ours] means that no paper gives one.
 */
import type { StepMetrics } from '../../protocol/records.ts';
import type { HealthCheck as HealthCheckId } from '../../protocol/run_config_fields.ts';
import { orderFreeMean } from './log_space.ts';

/** The metrics of one update that the checks look at, and two shares that only some runs measure. */
export interface HealthPoint
  extends Pick<
    StepMetrics,
    | 'step'
    | 'meanAnswerLogProb'
    | 'meanTemplateLogProb'
    | 'meanRationaleTokens'
    | 'finishedShare'
    | 'zeroVarianceShare'
    | 'meanKl'
    | 'correctShare'
  > {
  /** Share of rationales that announce an answer (answer_leak.ts), in [0, 1]. */
  readonly leakShare?: number;
  /** Mean Σ log π over the answer's own tokens without any rationale, same questions, nats. */
  readonly meanNoRationaleAnswerLogProb?: number;
}

/** Accuracies in [0, 1] after update `step`. */
export interface HealthEvaluation {
  readonly step: number;
  /** Of greedy answers to the validation questions. */
  readonly greedyAccuracy: number;
  /** Of single samples; null when none are known. */
  readonly sampledAccuracy: number | null;
}

export interface HealthSeries {
  /** In order of updates, from the start of the run. */
  readonly steps: readonly HealthPoint[];
  /** In order of time. */
  readonly evaluations: readonly HealthEvaluation[];
}

export interface HealthRule {
  readonly id: HealthCheckId;
  readonly title: string;
  /** What is measured, in words, with its unit. */
  readonly definition: string;
  /** The check is raised when the measured value is on this side of the threshold. */
  readonly raisedWhen: 'above' | 'below';
  readonly threshold: number;
  readonly explanation: string;
  /** Dotted name in latro.json of the setting that cures it, and what to do with it. */
  readonly cure: { readonly setting: string; readonly advice: string };
  /** The measured value; null while there is not yet enough to measure. */
  readonly measure: (series: HealthSeries, window: number) => number | null;
}

export interface HealthFinding {
  readonly check: HealthCheckId;
  /** The update after which it was raised. */
  readonly step: number;
  readonly value: number;
  readonly threshold: number;
  readonly message: string;
  readonly cure: string;
}

export const HEALTH_RULES: readonly HealthRule[] = [
  {
    id: 'length-collapse',
    title: 'Length collapse',
    definition: 'Mean rationale length of the last window divided by that of the first window.',
    raisedWhen: 'below',
    // [ours] Between LaTRO's wanted shortening and the two measured collapses (to 0.2 and 0.4 of the first window).
    threshold: 0.5,
    explanation: 'Rationales are shrinking towards nothing: the model finds that saying less disturbs the answer less.',
    cure: {
      setting: 'sampling.minRationaleTokens',
      advice: 'raise it, lower optimizer.learningRate, or warm-start with method sft or rejection-sampling',
    },
    measure: ({ steps }, window) => ratio(change(steps, window, (p) => p.meanRationaleTokens)),
  },
  {
    id: 'truncation',
    title: 'Growing truncation',
    definition: 'Share of unfinished rationales in the last window minus that of the first window.',
    raisedWhen: 'above',
    threshold: 0.15, // [ours]
    explanation: 'More and more rationales run out of length before they reach an answer.',
    cure: {
      setting: 'reward.truncationRule',
      advice: 'use "question-minimum" with sampling.countStopTokens on, or raise sampling.maxRationaleTokens',
    },
    measure: ({ steps }, window) => difference(change(steps, window, (p) => 1 - p.finishedShare)),
  },
  {
    id: 'template-learning',
    title: 'Template learning',
    definition:
      "The template's share of the reward gained since the first window (gain of its log-probability over both gains), once it has gained 0.5 nats.",
    raisedWhen: 'above',
    threshold: 0.8, // [ours]
    explanation: "The reward rises because the model learns the words around the answer; the answer's own does not.",
    cure: {
      setting: 'reward.over',
      advice:
        'set it to "answer", so that the template earns nothing; where it is, warm-start with method sft, for the model has no rationale worth selecting',
    },
    measure: ({ steps }, window) => {
      const template = difference(change(steps, window, (p) => p.meanTemplateLogProb));
      const answer = difference(change(steps, window, (p) => p.meanAnswerLogProb));
      if (template === null || answer === null) return null;
      return template < 0.5 ? 0 : template / (template + Math.max(answer, 0));
    },
  },
  {
    id: 'answer-leak',
    title: 'Answer leak',
    definition: 'Share of rationales in the last window that announce an answer before the answer segment.',
    raisedWhen: 'above',
    threshold: 0.1, // [ours]
    explanation: 'Rationales state an answer that the scored answer then merely copies.',
    cure: { setting: 'sampling.stopPhrases', advice: 'add the phrase that announces the answer' },
    measure: ({ steps }, window) => meanOfLast(steps, window, (p) => p.leakShare),
  },
  {
    id: 'guessing',
    title: 'Guessing',
    definition:
      "log π(answer) with a sampled rationale minus without any, mean of the last window, nats over the answer's tokens.",
    raisedWhen: 'below',
    threshold: 0.1, // [ours]
    explanation: 'An empty rationale scores as well: the answers come from the question, not from the reasoning.',
    cure: {
      setting: 'reward.kind',
      advice: 'use "mean-token-probability" with reward.subtractNoRationale, or questions that need steps',
    },
    measure: ({ steps }, window) =>
      meanOfLast(steps, window, (p) =>
        p.meanNoRationaleAnswerLogProb === undefined ? undefined : p.meanAnswerLogProb - p.meanNoRationaleAnswerLogProb,
      ),
  },
  {
    id: 'hedging',
    title: 'Hedging',
    definition:
      "Greedy accuracy on the validation questions minus the share of right samples in the updates just before; 0 while it is no larger than at the run's first validation.",
    raisedWhen: 'above',
    // Table of arXiv 2602.03979: base models 0.04 to 0.06, verifier RL 0 to 0.01, log-probability rewards 0.09 to 0.14.
    threshold: 0.08,
    explanation: 'Greedy answers are far better than sampled ones: probability is spread over plausible answers.',
    cure: { setting: 'reward.kind', advice: 'use "probability" or "mean-token-probability"' },
    measure: ({ evaluations }) => {
      const gaps = evaluations.flatMap((e) =>
        e.sampledAccuracy === null ? [] : [e.greedyAccuracy - e.sampledAccuracy],
      );
      const [first, last] = [gaps[0], gaps.at(-1)];
      if (gaps.length < 2 || first === undefined || last === undefined) return null;
      return last <= first ? 0 : last;
    },
  },
  {
    id: 'zero-variance',
    title: 'Zero-variance questions',
    definition: 'Share of questions in the last window whose K rewards are all equal.',
    raisedWhen: 'above',
    threshold: 0.5, // [ours]
    explanation: 'On most questions all rationales earn the same, so they teach the model nothing.',
    cure: {
      setting: 'sampling.rationalesPerQuestion',
      advice: 'raise it or sampling.temperature, or train on questions that are neither known nor hopeless',
    },
    measure: ({ steps }, window) => meanOfLast(steps, window, (p) => p.zeroVarianceShare),
  },
  {
    id: 'kl-drift',
    title: 'KL drift',
    definition:
      'Mean log π(z|x) − log π₀(z|x) per rationale token, last window, nats per token; not measured with reward.klCoefficient 0.',
    raisedWhen: 'above',
    threshold: 0.25, // [ours] a token that the start model finds 22 % less likely, on average over all tokens
    explanation: 'The model has moved far from where it started; its language may be degrading.',
    cure: { setting: 'reward.klCoefficient', advice: 'raise it, or lower optimizer.learningRate' },
    measure: ({ steps }, window) => meanOfLast(steps, window, (p) => p.meanKl / Math.max(p.meanRationaleTokens, 1)),
  },
];

const WINDOW = 5;

/**
 * What a validation after the last of `steps` says of the run's health. Validations are greedy; what single samples are worth is known
 * from the rationales of the updates just before, at the temperature they were sampled at and on training questions.
 */
export function healthEvaluation(
  { greedyAccuracy, sampledAccuracy }: Omit<HealthEvaluation, 'step'>,
  steps: readonly HealthPoint[],
): HealthEvaluation {
  return {
    step: steps.at(-1)?.step ?? 0,
    greedyAccuracy,
    sampledAccuracy: sampledAccuracy ?? meanOfLast(steps, WINDOW, (p) => p.correctShare),
  };
}

export interface HealthOptions {
  /** Updates per window (at least 1); default 5. Checks of a change need two windows, the others one. */
  readonly window?: number;
  readonly thresholds?: Partial<Record<HealthCheckId, number>>;
}

/** The checks that the series raises, in the order of `HEALTH_RULES`; none for a healthy or too short series. */
export function checkHealth(series: HealthSeries, options: HealthOptions = {}): HealthFinding[] {
  const window = options.window ?? WINDOW;
  const step = series.steps.at(-1)?.step ?? 0;
  return HEALTH_RULES.flatMap((rule): HealthFinding[] => {
    const threshold = options.thresholds?.[rule.id] ?? rule.threshold;
    const value = rule.measure(series, window);
    if (value === null || (rule.raisedWhen === 'above' ? value <= threshold : value >= threshold)) return [];
    const [measured, bound] = [rounded(value), rounded(threshold)];
    const figures = rule.raisedWhen === 'above' ? `(${measured}, above ${bound})` : `(${measured}, below ${bound})`;
    const message = `${rule.title}: ${rule.explanation} ${figures}`;
    const cure = `${rule.cure.setting}: ${rule.cure.advice}.`;
    return [{ check: rule.id, step, value, threshold, message, cure }];
  });
}

type Measured = (point: HealthPoint) => number | undefined;

/** Mean over the window's points that have the value; null when there is no full window or none has it. */
function meanOver(points: readonly HealthPoint[], window: number, value: Measured): number | null {
  if (points.length < window) return null;
  const values = points.flatMap((point) => value(point) ?? []);
  return values.length === 0 ? null : orderFreeMean(values);
}

function meanOfLast(steps: readonly HealthPoint[], window: number, value: Measured): number | null {
  return meanOver(steps.slice(-window), window, value);
}

/** Means of the first and the last window; null until two windows do not overlap. */
function change(
  steps: readonly HealthPoint[],
  window: number,
  value: Measured,
): { first: number; last: number } | null {
  if (steps.length < 2 * window) return null;
  const first = meanOver(steps.slice(0, window), window, value);
  const last = meanOfLast(steps, window, value);
  return first === null || last === null ? null : { first, last };
}

const difference = (pair: { first: number; last: number } | null) => (pair === null ? null : pair.last - pair.first);

/** A first window of empty rationales cannot shrink. */
const ratio = (pair: { first: number; last: number } | null) =>
  pair === null ? null : pair.first > 0 ? pair.last / pair.first : 1;

const rounded = (value: number) => Number(value.toFixed(3)).toString();
