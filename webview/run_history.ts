/** A run's event log as the dashboard draws it: pure, no DOM. */
import type { DashboardRun, DashboardUpdate } from '../src/protocol/panel_messages.ts';
import type { EvaluationSummary, RatingsInUse, RunEvent, StepMetrics } from '../src/protocol/records.ts';

export interface HealthWarning {
  readonly step: number;
  readonly check: string;
  readonly message: string;
  readonly cure: string;
}

export interface EvaluationAt {
  readonly step: number;
  readonly summary: EvaluationSummary;
}

export interface RunHistory {
  /** One per step, rising. */
  readonly steps: readonly StepMetrics[];
  /** In order of time. */
  readonly evaluations: readonly EvaluationAt[];
  /** The first occurrence of each check: where it began. */
  readonly health: readonly HealthWarning[];
  /** Steps from which the run was continued after a stop, a crash or a roll back. */
  readonly resumedAt: readonly number[];
  /** People's ratings that the run learns from; null: none. */
  readonly ratings: RatingsInUse | null;
}

/** Continuing from step s does the steps after s again: what the log says of them before is dropped. */
export function runHistory(events: readonly RunEvent[]): RunHistory {
  const steps: StepMetrics[] = [];
  const keepUntil = (step: number): void => {
    while ((steps.at(-1)?.step ?? Number.NEGATIVE_INFINITY) > step) steps.pop();
  };
  let evaluations: EvaluationAt[] = [];
  let health: HealthWarning[] = [];
  let resumedAt: number[] = [];
  let ratings: RatingsInUse | null = null;
  for (const event of events) {
    switch (event.type) {
      case 'step':
        keepUntil(event.metrics.step - 1);
        steps.push(event.metrics);
        break;
      case 'evaluation':
        evaluations.push({ step: checkpointStep(event.summary.checkpoint), summary: event.summary });
        break;
      case 'health':
        if (!health.some((warning) => warning.check === event.check)) health.push(event);
        break;
      case 'resumed':
        keepUntil(event.step);
        evaluations = evaluations.filter((evaluation) => evaluation.step <= event.step);
        health = health.filter((warning) => warning.step <= event.step);
        resumedAt = [...resumedAt.filter((step) => step < event.step), event.step];
        break;
      case 'phase':
        ratings = event.ratings ?? ratings;
        break;
      case 'checkpoint':
      case 'paused':
      case 'status':
        break;
    }
  }
  return { steps, evaluations, health, resumedAt, ratings };
}

function checkpointStep(checkpoint: string): number {
  return checkpoint === 'base' ? 0 : Number(checkpoint.slice('step-'.length));
}

/** The evaluations that can be put on one curve: those of the dataset that was evaluated most often, the later one on a tie. */
export function accuracyCurve(evaluations: readonly EvaluationAt[]): EvaluationAt[] {
  let best: EvaluationAt[] = [];
  for (const dataset of new Set(evaluations.map(({ summary }) => summary.dataset))) {
    const same = evaluations.filter(({ summary }) => summary.dataset === dataset);
    if (same.length >= best.length) best = same;
  }
  return [...best].sort((a, b) => a.step - b.step);
}

export type QuestionSet = 'validation' | 'test' | 'other';

/** First and last accuracy on each of the run's own sets that was evaluated twice: what it is measured on comes first. */
export function beforeAndAfter(
  evaluations: readonly EvaluationAt[],
): { readonly set: QuestionSet; readonly before: EvaluationSummary; readonly after: EvaluationSummary }[] {
  return (['test', 'validation'] as const).flatMap((set) => {
    const own = evaluations.filter((evaluation) => questionSet([evaluation]) === set).sort((a, b) => a.step - b.step);
    const [first, last] = [own[0], own.at(-1)];
    return first === undefined || last === undefined || first === last
      ? []
      : [{ set, before: first.summary, after: last.summary }];
  });
}

/** Which of a run's own questions a curve is about; 'other' for those that a person had evaluated besides. */
export function questionSet(evaluations: readonly EvaluationAt[]): QuestionSet {
  const sets = new Set(
    evaluations.map(({ summary }) => /^(?:base|step-\d+)-(validation|test)$/.exec(summary.name)?.[1]),
  );
  const [only] = sets;
  return sets.size === 1 && (only === 'validation' || only === 'test') ? only : 'other';
}

/** The run with an update taken in, or null when events are missing in between (ask for a snapshot then). */
export function withUpdate(run: DashboardRun, update: DashboardUpdate): DashboardRun | null {
  if (update.runId !== run.runId || update.firstEvent > run.events.length) return null;
  const { type: _, firstEvent, events, ...rest } = update;
  return { ...run, ...rest, events: [...run.events.slice(0, firstEvent), ...events] };
}

/**
 * Centred moving average with triangular weights, m_t = (Σ_i w_i·x_{t+i}) ⁄ (Σ_i w_i), w_i = 1 − |i| ⁄ (halfWidth + 1): unlike a causal
 * average it does not lag behind a rise. Values that are not finite are left out.
 */
export function smoothed(values: readonly number[], halfWidth: number): number[] {
  return values.map((_, t) => {
    let sum = 0;
    let weights = 0;
    for (let i = -halfWidth; i <= halfWidth; i++) {
      const value = values[t + i];
      if (value === undefined || !Number.isFinite(value)) continue;
      const weight = 1 - Math.abs(i) / (halfWidth + 1);
      sum += weight * value;
      weights += weight;
    }
    return weights === 0 ? Number.NaN : sum / weights;
  });
}

const SHORTEST_AXIS = 20;

/**
 * Where the axis of steps ends: with the run, or sooner while there is only a beginning to see, which would be a line one cannot read.
 * It then doubles now and again, so that it stands still in between.
 */
export function axisEnd(done: number, total: number): number {
  if (done >= total / 4) return Math.max(done, total);
  let end = SHORTEST_AXIS;
  while (end < done * 1.25) end *= 2;
  return Math.min(end, total);
}

/** The member of `sorted` (rising) nearest to `value`. */
export function nearest(sorted: readonly number[], value: number): number | undefined {
  let best: number | undefined;
  for (const candidate of sorted) {
    if (best === undefined || Math.abs(candidate - value) < Math.abs(best - value)) best = candidate;
  }
  return best;
}
