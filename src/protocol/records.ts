/**
 * The records of a run, as they stand on disk and as every surface shows them: typed once here, validated at run time wherever
 * they cross a boundary (disk → engine, engine → host, host → webview). All log-probabilities are natural logarithms (nats).
 */
import * as v from 'valibot';
import { EvaluatedOutput } from './evaluated_output.ts';
import { FiguresMade } from './figures_made.ts';
import { DatasetFormat, evaluation, PresetName, templates } from './run_config_fields.ts';
import { StrategyEvaluation, StrategyMetrics, StrategySummary } from './strategy_records.ts';

/** One token of a text: its id, its own decoded piece and log π(token | everything before it). */
export const TokenRecord = v.object({
  id: v.number(),
  text: v.string(),
  logProb: v.nullable(v.number()),
});
export type TokenRecord = v.InferOutput<typeof TokenRecord>;

/** Which part of y a token belongs to: the answer itself, or the template around it ("The answer is", ".", end token). */
export const AnswerTokenRecord = v.object({
  ...TokenRecord.entries,
  part: v.picklist(['template', 'answer']),
  /** log π(token | x, earlier answer tokens) without any rationale; null when it was not scored. */
  logProbWithoutRationale: v.nullable(v.number()),
});
export type AnswerTokenRecord = v.InferOutput<typeof AnswerTokenRecord>;

export const StopReason = v.picklist(['end-token', 'stop-phrase', 'length']);
export type StopReason = v.InferOutput<typeof StopReason>;

/** One rationale z_k of a question with everything its update was made of (algorithms: LaTRO eq. 4). */
export const RationaleRecord = v.object({
  /** k, 0-based, within its question. */
  sample: v.number(),
  text: v.string(),
  tokens: v.array(TokenRecord),
  stopReason: StopReason,
  /** Σ log π(z_t | x, z_<t). */
  logProb: v.number(),
  /** Σ log π_0(z_t | x, z_<t); null when β = 0 and it was not needed. */
  referenceLogProb: v.nullable(v.number()),
  answerTokens: v.array(AnswerTokenRecord),
  /** Σ over the answer's own tokens / over the template's tokens of log π(y_t | x, z, y_<t). */
  answerLogProb: v.number(),
  templateLogProb: v.number(),
  /** The self-reward before KL, made as `made` says: with log-probabilities answerLogProb, with or without templateLogProb. */
  selfReward: v.number(),
  /** β · (logProb − referenceLogProb), subtracted from the reward; 0 under truncation rule question-minimum, whose penalty contains it. */
  klPenalty: v.number(),
  /** What a person's rating of this very text adds to the reward; absent: none. */
  ratingBonus: v.optional(v.number()),
  /** What the advantage is made of: by default selfReward (or the truncation penalty in its place) − klPenalty + rating bonus. */
  reward: v.number(),
  /** By default the leave-one-out (1/(K−1)) Σ_{j≠k} reward_j; null without a sibling that was scored, and then there is no advantage either. */
  baseline: v.nullable(v.number()),
  advantage: v.nullable(v.number()),
  /** w_t of every counted token of z in L(θ) = −Σ w_t log π(token_t); 0: nothing of it is learned. Absent: not recorded, or no update. */
  weight: v.optional(v.number()),
  /** Absent in older files. */
  made: v.optional(FiguresMade),
  extractedAnswer: v.nullable(v.string()),
  correct: v.boolean(),
  /** Forking token g (1-based) when strategies are on. */
  strategy: v.optional(v.number()),
});
export type RationaleRecord = v.InferOutput<typeof RationaleRecord>;

/** All rationales of one question at one update: one line of `rollouts/step-NNNNNN.jsonl`. */
export const QuestionRollout = v.object({
  step: v.number(),
  seed: v.number(),
  /** Content key of the dataset row (see datasets/row_key): survives sorting and editing of other rows. */
  rowKey: v.string(),
  /** 1-based line of the row in its file at the time of the run. */
  line: v.number(),
  question: v.string(),
  prompt: v.string(),
  goldAnswer: v.string(),
  /** log π(y | x) with no rationale at all; null when not scored. */
  noRationaleLogProb: v.nullable(v.number()),
  /** β of every `klPenalty` here; absent: that of the run's configuration. */
  klCoefficient: v.optional(v.number()),
  rationales: v.array(RationaleRecord),
});
export type QuestionRollout = v.InferOutput<typeof QuestionRollout>;

/** One question of one evaluation: one line of `evaluations/NAME.jsonl`. */
export const EvaluationRow = v.object({
  rowKey: v.string(),
  line: v.number(),
  question: v.string(),
  goldAnswer: v.string(),
  greedy: EvaluatedOutput,
  /** Empty when only greedy was asked for. */
  samples: v.array(EvaluatedOutput),
  majorityAnswer: v.nullable(v.string()),
  majorityCorrect: v.nullable(v.boolean()),
  /** log π(y | x) without a rationale. */
  answerLogProbWithoutRationale: v.number(),
  /** log π(y | x ⊕ z) with the greedy rationale, and its mean over the samples (null without samples). */
  answerLogProbGreedy: v.number(),
  answerLogProbSampled: v.nullable(v.number()),
  /** With reasoning strategies: `greedy` is then the output under the model's own strategy, `samples` are k/N of every one. */
  strategies: v.optional(StrategyEvaluation),
});
export type EvaluationRow = v.InferOutput<typeof EvaluationRow>;

/** How the questions of an evaluation were asked, and of what: for evaluations that no run's configuration speaks for. */
export const EvaluationSettings = v.object({
  /** Folders. */
  model: v.string(),
  adapter: v.nullable(v.string()),
  /** Of the K samples. */
  temperature: v.number(),
  maxTokens: v.number(),
  seed: v.number(),
  preset: PresetName,
  format: DatasetFormat,
  templates: v.object(templates),
  extractor: evaluation.extractor,
});
export type EvaluationSettings = v.InferOutput<typeof EvaluationSettings>;

/**
 * Where the operators of a program were executed on a device other than the CPU: counts of its nodes. `fellBack` names those on real
 * numbers that the device leaves to the CPU, so that their data crosses twice; those on sizes and token ids stay there on purpose.
 */
export const OperatorPlacement = v.object({
  onDevice: v.number(),
  fellBack: v.record(v.string(), v.number()),
  onIntegers: v.number(),
});
export type OperatorPlacement = v.InferOutput<typeof OperatorPlacement>;

/** The name of a file, and no way out of its folder. */
export const PlainName = v.pipe(v.string(), v.regex(/^(?!\.{1,2}$)[^/\\\0]+$/));

/** What `evaluations/NAME.json` says of all its rows. Rates are fractions in [0, 1]. */
export const EvaluationSummary = v.object({
  name: PlainName,
  /** Which weights: 'base' or 'step-N'. */
  checkpoint: v.string(),
  dataset: v.string(),
  questions: v.number(),
  k: v.number(),
  greedyAccuracy: v.number(),
  majorityAccuracy: v.nullable(v.number()),
  passAtK: v.nullable(v.number()),
  sampledAccuracy: v.nullable(v.number()),
  /** Of greedy free-text answers, in [0, 100] and [0, 1]; absent for other kinds of answers. */
  meanChrF: v.optional(v.number()),
  meanRougeL: v.optional(v.number()),
  meanAnswerLogProbWithoutRationale: v.number(),
  meanAnswerLogProbGreedy: v.number(),
  meanAnswerLogProbSampled: v.nullable(v.number()),
  meanRationaleTokens: v.number(),
  finishedShare: v.number(),
  seconds: v.number(),
  /** Absent in a run, whose configuration says it, and in older files. */
  settings: v.optional(EvaluationSettings),
  /** Of each program that has run; absent on the CPU, and in what a run evaluates itself, whose record says it. */
  operators: v.optional(v.record(v.string(), OperatorPlacement)),
  /** With reasoning strategies. */
  strategies: v.optional(StrategySummary),
});
export type EvaluationSummary = v.InferOutput<typeof EvaluationSummary>;

/** Metrics of one update: the payload of a `step` event. */
export const StepMetrics = v.object({
  step: v.number(),
  totalSteps: v.number(),
  loss: v.number(),
  meanReward: v.number(),
  meanSelfReward: v.number(),
  meanAnswerLogProb: v.number(),
  meanTemplateLogProb: v.number(),
  meanKl: v.number(),
  advantageSpread: v.number(),
  meanRationaleTokens: v.number(),
  finishedShare: v.number(),
  correctShare: v.number(),
  zeroVarianceShare: v.number(),
  /** Share of rationales that announce an answer before the answer segment, in [0, 1]. */
  leakShare: v.optional(v.number()),
  /** Mean Σ log π over the answer's own tokens without any rationale; null when not scored. */
  meanNoRationaleAnswerLogProb: v.optional(v.nullable(v.number())),
  /** Sampled rationales whose reward a person's rating changed, and approved ones learned beside them; absent: no ratings in use. */
  ratedRationales: v.optional(v.number()),
  approvedRationales: v.optional(v.number()),
  /** With reasoning strategies. */
  strategies: v.optional(StrategyMetrics),
  gradientNorm: v.number(),
  learningRate: v.number(),
  tokensTrained: v.number(),
  secondsSample: v.number(),
  secondsScore: v.number(),
  secondsTrain: v.number(),
  residentMegabytes: v.number(),
});
export type StepMetrics = v.InferOutput<typeof StepMetrics>;

export const RunPhase = v.picklist(['preparing', 'evaluating-before', 'training', 'evaluating-after', 'finished']);
export type RunPhase = v.InferOutput<typeof RunPhase>;

export const RunStatus = v.picklist(['running', 'stopped', 'finished', 'failed', 'interrupted']);
export type RunStatus = v.InferOutput<typeof RunStatus>;

/** People's ratings a run uses: how many rationales of its training questions they approve or judge, and ratings of other rows. */
export const RatingsInUse = v.object({
  /** Learned beside the sampled rationales. */
  approved: v.number(),
  /** Change the reward of a sampled rationale with the same text. */
  judged: v.number(),
  /** Of rows that this run does not train on, or that were edited since: not used. */
  elsewhere: v.number(),
});
export type RatingsInUse = v.InferOutput<typeof RatingsInUse>;

/** One line of `events.jsonl`, append-only. `time` is ISO 8601. */
export const RunEvent = v.variant('type', [
  v.object({
    type: v.literal('phase'),
    time: v.string(),
    phase: RunPhase,
    /** With phase 'training'; absent: no ratings in use. */
    ratings: v.optional(RatingsInUse),
  }),
  v.object({ type: v.literal('step'), time: v.string(), metrics: StepMetrics }),
  v.object({ type: v.literal('evaluation'), time: v.string(), summary: EvaluationSummary }),
  v.object({ type: v.literal('checkpoint'), time: v.string(), step: v.number() }),
  v.object({
    type: v.literal('health'),
    time: v.string(),
    step: v.number(),
    check: v.string(),
    message: v.string(),
    cure: v.string(),
  }),
  v.object({ type: v.literal('resumed'), time: v.string(), step: v.number() }),
  /** A pause is over, or was ended by a stop; `seconds`: how long it was. A run that is killed while it rests writes none. */
  v.object({ type: v.literal('paused'), time: v.string(), seconds: v.number() }),
  v.object({ type: v.literal('status'), time: v.string(), status: RunStatus, reason: v.string() }),
]);
export type RunEvent = v.InferOutput<typeof RunEvent>;
