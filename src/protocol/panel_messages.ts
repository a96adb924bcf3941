/**
 * Messages between the extension host and the panels: typed once here and in `rationale_messages.ts` (the side panel), validated at run
 * time on both sides.
 *
 * Host → webview: full snapshots (a hidden webview loses messages, so nothing depends on an earlier one), plus two parts that are
 * too large to repeat: a dashboard's new events and the detail of one compared question. Webview → host: intents. A webview says
 * `ready` when it can listen and again whenever it noticed a gap; the host answers with `strings` (optional) and `snapshot`.
 *
 * Log-probabilities are natural logarithms (nats), rates are fractions in [0, 1], times are seconds or ISO 8601, lines are 1-based.
 */
import * as v from 'valibot';
import { FiguresMade } from './figures_made.ts';
import { EvaluationRow, EvaluationSummary, RunEvent, RunPhase } from './records.ts';

/** Which weights: 'base' or 'step-N', as in `EvaluationSummary.checkpoint`. */
export const CheckpointName = v.pipe(v.string(), v.regex(/^(base|step-\d+)$/));
export const Count = v.pipe(v.number(), v.integer(), v.minValue(0));

/** Things a panel can ask for in an empty or failed state; each is a command of the extension. */
export const PanelAction = v.picklist([
  'open-log',
  'retry',
  'choose-model',
  'open-dataset',
  'train',
  'evaluate',
  'resume-run',
  'manage-trust',
]);
export type PanelAction = v.InferOutput<typeof PanelAction>;

/** A failure the person can mend (a `LatroError`), with the buttons that help; never used for cancelling. */
export const PanelFailure = v.object({
  code: v.string(),
  reason: v.string(),
  nextStep: v.string(),
  actions: v.array(PanelAction),
});
export type PanelFailure = v.InferOutput<typeof PanelFailure>;

export const Loading = v.object({ kind: v.literal('loading'), what: v.string() });
export const Failed = v.object({ kind: v.literal('failed'), failure: PanelFailure });

/** The table of localised texts: keys of `webview/strings.ts`; a missing key keeps its English default. */
export const StringsMessage = v.object({
  type: v.literal('strings'),
  locale: v.string(),
  strings: v.record(v.string(), v.string()),
});
export const ReadyIntent = v.object({ type: v.literal('ready') });
export const ActionIntent = v.object({ type: v.literal('action'), action: PanelAction });

// ------------------------------------------------------------------------------------------------------------------ run dashboard

/** What the run does now. 'stopping' and 'pausing' last until the current update is saved; 'queued' waits for the run before it. */
export const LiveStatus = v.picklist([
  'queued',
  'running',
  'pausing',
  'paused',
  'stopping',
  'stopped',
  'finished',
  'failed',
  'interrupted',
]);
export type LiveStatus = v.InferOutput<typeof LiveStatus>;

export const RunProgress = v.object({
  phase: RunPhase,
  done: Count,
  total: Count,
  unit: v.picklist(['updates', 'questions']),
  /** Units per second over the recent past of *this* process (not of before a resume); null until known. */
  perSecond: v.nullable(v.number()),
  /** At work: not while it was stopped. */
  secondsElapsed: v.number(),
  /** Of the phase; null until known. */
  secondsLeft: v.nullable(v.number()),
});
export type RunProgress = v.InferOutput<typeof RunProgress>;

export const RunControl = v.picklist(['pause', 'continue', 'stop', 'resume', 'roll-back', 'export']);
export type RunControl = v.InferOutput<typeof RunControl>;

/** The weights into a new folder: as a PEFT adapter, or merged into a whole model. The others are text. */
export const RunExport = v.picklist(['adapter', 'merged', 'metrics-csv', 'report']);
export type RunExport = v.InferOutput<typeof RunExport>;

/** How reasoning strategies share out the questions of one evaluation, by their greedy outputs. Lists "(N)" are by strategy. */
export const StrategyWins = v.object({
  checkpoint: CheckpointName,
  questions: Count,
  /** (N): questions that only this strategy gets right; questions on which its log π(y | x ⊕ g ⊕ z) is the greatest. */
  onlyRight: v.array(Count),
  best: v.array(Count),
  /** (N, N): questions right under the row's strategy and wrong under the column's; on the diagonal all that are right under it. */
  rightWhereWrong: v.array(v.array(Count)),
  /** Questions right under none. */
  none: Count,
});
export type StrategyWins = v.InferOutput<typeof StrategyWins>;

export const DashboardStrategies = v.object({
  /** By number from 1, as decimal string: the tag's text. */
  names: v.record(v.string(), v.string()),
  /** Of the newest evaluation under tags; null before there is one. */
  wins: v.nullable(StrategyWins),
});
export type DashboardStrategies = v.InferOutput<typeof DashboardStrategies>;

export const DashboardRun = v.object({
  kind: v.literal('run'),
  runId: v.string(),
  name: v.string(),
  model: v.string(),
  dataset: v.string(),
  startedAt: v.string(),
  status: LiveStatus,
  /** Why it stopped or failed; empty when there is nothing to say. */
  statusReason: v.string(),
  progress: RunProgress,
  /** `events.jsonl` from its first line. */
  events: v.array(RunEvent),
  /** Steps whose rollouts are kept, rising: of others the nearest one of these opens. */
  rolloutSteps: v.array(Count),
  /** Steps with a checkpoint on disk, rising: where a roll back can go. */
  checkpointSteps: v.array(Count),
  /** Controls that make sense now; the others are shown disabled. */
  controls: v.array(RunControl),
  /** What `export` can give. */
  exports: v.array(RunExport),
  /** What the run's rewards and advantages are; absent: not known. */
  objective: v.optional(v.omit(FiguresMade, ['questions'])),
  /** Absent for a run without reasoning strategies. */
  strategies: v.optional(DashboardStrategies),
  failure: v.nullable(PanelFailure),
});
export type DashboardRun = v.InferOutput<typeof DashboardRun>;

export const DashboardSnapshot = v.variant('kind', [Loading, Failed, DashboardRun]);
export type DashboardSnapshot = v.InferOutput<typeof DashboardSnapshot>;

/** Everything that changes while events come in. `firstEvent` is the 0-based line of `events[0]`; on a gap the webview says `ready`. */
export const DashboardUpdate = v.object({
  ...v.omit(DashboardRun, ['kind', 'name', 'model', 'dataset', 'startedAt']).entries,
  type: v.literal('update'),
  firstEvent: Count,
});
export type DashboardUpdate = v.InferOutput<typeof DashboardUpdate>;

export const DashboardHostMessage = v.variant('type', [
  StringsMessage,
  v.object({ type: v.literal('snapshot'), snapshot: DashboardSnapshot }),
  DashboardUpdate,
]);
export type DashboardHostMessage = v.InferOutput<typeof DashboardHostMessage>;

export const DashboardIntent = v.variant('type', [
  ReadyIntent,
  ActionIntent,
  v.object({ type: v.literal('pause'), runId: v.string() }),
  v.object({ type: v.literal('continue'), runId: v.string() }),
  v.object({ type: v.literal('stop'), runId: v.string() }),
  v.object({ type: v.literal('resume'), runId: v.string() }),
  v.object({ type: v.literal('roll-back'), runId: v.string(), step: Count }),
  v.object({ type: v.literal('export'), runId: v.string(), what: RunExport }),
  v.object({ type: v.literal('open-step'), runId: v.string(), step: Count }),
  /** Accuracy diff of two of this run's evaluations, by `EvaluationSummary.name`. */
  v.object({ type: v.literal('compare'), runId: v.string(), before: v.string(), after: v.string() }),
]);
export type DashboardIntent = v.InferOutput<typeof DashboardIntent>;

// ------------------------------------------------------------------------------------------------------------------ accuracy diff

/** 'fixed' wrong → right, 'broken' right → wrong. */
export const PairedOutcome = v.picklist(['fixed', 'broken', 'both-right', 'both-wrong']);
export type PairedOutcome = v.InferOutput<typeof PairedOutcome>;

/** Paired comparison of greedy answers on the same questions. */
export const PairedStatistics = v.object({
  questions: Count,
  fixed: Count,
  broken: Count,
  bothRight: Count,
  bothWrong: Count,
  /** accuracy(after) − accuracy(before), and its 95 % interval. */
  difference: v.number(),
  interval95: v.tuple([v.number(), v.number()]),
  /** Two-sided exact McNemar test: 2·P(Binomial(fixed + broken, ½) ≤ min(fixed, broken)), at most 1. */
  mcnemarP: v.number(),
});
export type PairedStatistics = v.InferOutput<typeof PairedStatistics>;

/** One side of one compared question: its greedy rationale in figures. */
export const ComparedSide = v.object({
  extractedAnswer: v.nullable(v.string()),
  correct: v.boolean(),
  /** log π(y | x ⊕ z) with the greedy rationale. */
  answerLogProb: v.number(),
  tokens: Count,
  /** Samples that were right, of K; null when only greedy was asked for. */
  samplesRight: v.nullable(Count),
});
export type ComparedSide = v.InferOutput<typeof ComparedSide>;

export const ComparedQuestion = v.object({
  /** Of this question in this comparison: rows that say the same share a `rowKey`. */
  id: v.string(),
  rowKey: v.string(),
  line: v.number(),
  question: v.string(),
  goldAnswer: v.string(),
  before: ComparedSide,
  after: ComparedSide,
});
export type ComparedQuestion = v.InferOutput<typeof ComparedQuestion>;

export function outcomeOf({ before, after }: Pick<ComparedQuestion, 'before' | 'after'>): PairedOutcome {
  if (before.correct) return after.correct ? 'both-right' : 'broken';
  return after.correct ? 'fixed' : 'both-wrong';
}

export const AccuracyComparison = v.object({
  kind: v.literal('comparison'),
  dataset: v.string(),
  /** Name of the run; null when the two evaluations come from different runs. */
  run: v.nullable(v.string()),
  /** What to call the two sides, in the language of the window: "base" and "step 40", with more where that would not tell them apart. */
  labels: v.object({ before: v.string(), after: v.string() }),
  before: EvaluationSummary,
  after: EvaluationSummary,
  paired: PairedStatistics,
  questions: v.array(ComparedQuestion),
  /** Questions that only one of the two evaluations has: left out of `paired` and `questions`. */
  onlyBefore: Count,
  onlyAfter: Count,
  /** What besides the weights was different, in words: "K: 4 → 8". */
  differences: v.array(v.string()),
  failure: v.nullable(PanelFailure),
});
export type AccuracyComparison = v.InferOutput<typeof AccuracyComparison>;

export const AccuracySnapshot = v.variant('kind', [Loading, Failed, AccuracyComparison]);
export type AccuracySnapshot = v.InferOutput<typeof AccuracySnapshot>;

export const AccuracyHostMessage = v.variant('type', [
  StringsMessage,
  v.object({ type: v.literal('snapshot'), snapshot: AccuracySnapshot }),
  /** Answer to `show-question`: the full rows with their texts. */
  v.object({ type: v.literal('question'), id: v.string(), before: EvaluationRow, after: EvaluationRow }),
]);
export type AccuracyHostMessage = v.InferOutput<typeof AccuracyHostMessage>;

export const AccuracyIntent = v.variant('type', [
  ReadyIntent,
  ActionIntent,
  v.object({ type: v.literal('show-question'), id: v.string() }),
  v.object({ type: v.literal('open-row'), rowKey: v.string(), line: v.number() }),
  v.object({ type: v.literal('swap') }),
  /** Another pair, which the person picks. */
  v.object({ type: v.literal('choose') }),
  v.object({
    type: v.literal('export'),
    format: v.picklist(['markdown', 'csv']),
    /** The questions as filtered and sorted on screen. */
    ids: v.array(v.string()),
    /** The filters in words, as the panel names them; empty when every question is listed. */
    filters: v.array(v.string()),
  }),
]);
export type AccuracyIntent = v.InferOutput<typeof AccuracyIntent>;
