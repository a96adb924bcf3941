/** What a run's log says of its reasoning strategies, as the dashboard shows it: pure, no DOM. Strategies are numbered from 1. */
import type { StepMetrics } from '../src/protocol/records.ts';
import type { StrategyMetrics, StrategySummary } from '../src/protocol/strategy_records.ts';
import { accuracyCurve, type EvaluationAt, nearest, type RunHistory } from './run_history.ts';

export type StrategyMeasure = 'probability' | 'reward' | 'correctShare' | 'tokens';
export const strategyMeasures: readonly StrategyMeasure[] = ['probability', 'reward', 'correctShare', 'tokens'];

export interface StrategyStep {
  readonly step: number;
  readonly metrics: StrategyMetrics;
}

export interface StrategyLines {
  /** Rising: steps at which at least one strategy has a value. */
  readonly steps: readonly number[];
  /** Per strategy, one value per step; null where it has none. */
  readonly lines: readonly (readonly (number | null)[])[];
}

export interface StrategyHistory {
  /** N. */
  readonly count: number;
  readonly steps: readonly StrategyStep[];
  /** Evaluations of one set of questions, rising; only those that looked at strategies. */
  readonly evaluations: readonly (EvaluationAt & { readonly strategies: StrategySummary })[];
}

/** null for a run without strategies. */
export function strategyHistory(history: RunHistory): StrategyHistory | null {
  const steps = history.steps.flatMap(({ step, strategies }: StepMetrics) =>
    strategies === undefined ? [] : [{ step, metrics: strategies }],
  );
  const evaluations = accuracyCurve(history.evaluations).flatMap((evaluation) => {
    const { strategies } = evaluation.summary;
    return strategies === undefined ? [] : [{ ...evaluation, strategies }];
  });
  const count = Math.max(
    0,
    ...steps.map(({ metrics }) => metrics.perStrategy.length),
    ...evaluations.map(({ strategies }) => strategies.count),
  );
  return count === 0 ? null : { count, steps, evaluations };
}

const readers: Record<StrategyMeasure, (metrics: StrategyMetrics, index: number) => number | null> = {
  probability: ({ probabilities }, i) => probabilities?.[i] ?? null,
  reward: ({ perStrategy }, i) => perStrategy[i]?.reward ?? null,
  correctShare: ({ perStrategy }, i) => perStrategy[i]?.correctShare ?? null,
  tokens: ({ perStrategy }, i) => perStrategy[i]?.tokens ?? null,
};

export function strategyLines({ count, steps }: StrategyHistory, measure: StrategyMeasure): StrategyLines {
  const read = readers[measure];
  const indices = Array.from({ length: count }, (_, i) => i);
  const known = steps.filter(({ metrics }) => indices.some((i) => read(metrics, i) !== null));
  return {
    steps: known.map(({ step }) => step),
    lines: indices.map((i) => known.map(({ metrics }) => read(metrics, i))),
  };
}

/** Measures that the run has values of. */
export function knownMeasures(history: StrategyHistory): StrategyMeasure[] {
  return strategyMeasures.filter((measure) => strategyLines(history, measure).steps.length > 0);
}

/** The number of the strategy with the greatest value; null without values or when two share it. */
export function leader(values: readonly (number | null)[]): number | null {
  const greatest = Math.max(...values.map((value) => value ?? Number.NEGATIVE_INFINITY));
  if (!Number.isFinite(greatest) || values.filter((value) => value === greatest).length > 1) return null;
  return values.indexOf(greatest) + 1;
}

export interface MatchingMatrix {
  /** Steps that were added up, first and last. */
  readonly from: number;
  readonly to: number;
  /** Who wrote the traces: as named in the dataset, or the number of the strategy that sampled them. */
  readonly sources: readonly string[];
  /** (N, sources): matchings. */
  readonly counts: readonly (readonly number[])[];
  /** Of each source's traces, in order of the sources. */
  readonly totals: readonly number[];
  /** Mean entropy of the columns, nats, in [0, log N]: 0 when each source has its strategy, log N when they are taken at random. */
  readonly entropy: number;
}

/** Updates that are added up: enough for a stable picture, few enough to see it change. */
export const MATCHING_WINDOW = 20;

/** Which tag learned which source's traces, over the updates up to `cursor` (null: the newest); null where nothing was matched. */
export function matchingMatrix({ count, steps }: StrategyHistory, cursor: number | null): MatchingMatrix | null {
  const matched = steps.flatMap(({ step, metrics: { matching } }) =>
    matching === null ? [] : [{ step, counts: matching.counts, sources: matching.sources ?? [] }],
  );
  const at =
    cursor === null
      ? matched.at(-1)?.step
      : nearest(
          matched.map(({ step }) => step),
          cursor,
        );
  if (at === undefined) return null;
  const last = matched.findIndex(({ step }) => step === at);
  const shown = matched.slice(Math.max(0, last + 1 - MATCHING_WINDOW), last + 1);
  const width = Math.max(...shown.flatMap(({ counts }) => counts.map((row) => row.length)));
  const sources = Array.from({ length: width }, (_, i) => matched[last]!.sources[i] ?? String(i));
  const sum = (pick: (counts: readonly (readonly number[])[]) => number): number =>
    shown.reduce((total, { counts }) => total + pick(counts), 0);
  const all = Array.from({ length: count }, (_, tag) =>
    sources.map((_, source) => sum((counts) => counts[tag]?.[source] ?? 0)),
  );
  const totals = sources.map((_, source) => all.reduce((total, row) => total + row[source]!, 0));
  return { from: shown[0]!.step, to: at, sources, counts: all, totals, entropy: columnEntropy(all, totals) };
}

/** −Σ p log p of each column that has any counts, and the mean over those. */
function columnEntropy(counts: readonly (readonly number[])[], totals: readonly number[]): number {
  const seen = totals.flatMap((total, column) => (total > 0 ? [{ total, column }] : []));
  const entropies = seen.map(({ total, column }) =>
    counts.reduce((sum, row) => {
      const p = row[column]! / total;
      return p > 0 ? sum - p * Math.log(p) : sum;
    }, 0),
  );
  return seen.length === 0 ? 0 : entropies.reduce((sum, entropy) => sum + entropy, 0) / seen.length;
}
