/**
 * What the extension host and the engine process say to each other, over JSON-RPC on a local socket: every request with the schema of
 * its parameters and result, every notification, validated by whoever receives it.
 *
 * A request that computes is a *job*. Its caller names it (`jobId`), so that progress can be matched before the reply arrives.
 * - `train`, `resume` and `evaluate` are background jobs: they run one after another and outlive the client that asked. `train` and
 *   `resume` reply as soon as the run directory exists, `evaluate` when it is done; `jobEnded` tells every client how it went.
 * - The others (`sampleQuestion`, `exportRun`, …) are interactive: they run between the updates of a background job and are cancelled
 *   when their client leaves. `pull` computes nothing: it runs beside all of them.
 * Paths are absolute. Log-probabilities are in nats, times ISO 8601, durations in seconds, sizes in bytes.
 */
import * as v from 'valibot';
import { FiguresMade } from './figures_made.ts';
import { PrefixScore, StrategyChoice } from './rationale_messages.ts';
import { EvaluationSummary, QuestionRollout, RationaleRecord, RunEvent } from './records.ts';
import { RunConfigInput } from './run_config.ts';
import { DatasetFormat } from './run_config_fields.ts';

/** Raised whenever an older peer would misread a message. A client that finds another version replaces an idle engine. */
export const PROTOCOL_VERSION = 3;

const Count = v.pipe(v.number(), v.integer(), v.minValue(0));
const Path = v.pipe(v.string(), v.minLength(1));
const JobId = v.pipe(v.string(), v.minLength(1), v.maxLength(100));
const Nothing = v.object({});
/** Number of a reasoning strategy, from 1; absent: none. */
const Strategy = v.optional(v.pipe(v.number(), v.integer(), v.minValue(1)));

// ------------------------------------------------------------------------------------------------------------------------- jobs

export const JobKind = v.picklist([
  'train',
  'resume',
  'evaluate',
  'describe',
  'preview',
  'sample',
  'score',
  'trace',
  'roll-back',
  'export',
  'pull',
]);
export type JobKind = v.InferOutput<typeof JobKind>;

/** How far a job is. `phase` and `message` are for people; `total` 0 means unknown, as does null in the other two. */
export const JobProgress = v.object({
  phase: v.string(),
  done: Count,
  total: Count,
  /** What is counted, in the plural: "updates", "questions", "tokens", "bytes". */
  unit: v.string(),
  ratePerSecond: v.nullable(v.number()),
  secondsLeft: v.nullable(v.number()),
  message: v.string(),
  /** Before anything is loaded: bytes that the job will take, at the most, and bytes that are free. */
  memory: v.optional(v.object({ needed: v.number(), available: v.number() })),
});
export type JobProgress = v.InferOutput<typeof JobProgress>;

export const JobSnapshot = v.object({
  jobId: JobId,
  kind: JobKind,
  /** 'pausing' until the update under way is done and saved; a 'paused' run keeps its model loaded and lets others compute. */
  state: v.picklist(['queued', 'running', 'pausing', 'paused', 'stopping']),
  createdAt: v.string(),
  /** Known once the run directory exists; null for a job that is no run. */
  runId: v.nullable(v.string()),
  runDirectory: v.nullable(Path),
  progress: v.nullable(JobProgress),
});
export type JobSnapshot = v.InferOutput<typeof JobSnapshot>;

/** A `LatroError` on the wire: what is wrong and where, and what to do. Code 'internal' is a bug; the engine's log has its stack. */
export const EngineFailure = v.object({ code: v.string(), reason: v.string(), nextStep: v.string() });
export type EngineFailure = v.InferOutput<typeof EngineFailure>;

/** A stopped job is 'cancelled', never an error: what it had written is kept. */
export const JobOutcome = v.variant('type', [
  v.object({ type: v.literal('ok') }),
  v.object({ type: v.literal('error'), ...EngineFailure.entries }),
  v.object({ type: v.literal('cancelled') }),
]);
export type JobOutcome = v.InferOutput<typeof JobOutcome>;

// ------------------------------------------------------------------------------------------------------------------- parameters

/** Which weights answer: a model folder as it is (with an adapter or without), or a checkpoint of a run with that run's templates. */
export const Weights = v.variant('kind', [
  v.object({ kind: v.literal('model'), model: Path, adapter: v.nullable(Path) }),
  v.object({
    kind: v.literal('run'),
    runDirectory: Path,
    checkpoint: v.pipe(v.string(), v.regex(/^(base|step-\d+)$/)),
  }),
]);
export type Weights = v.InferOutput<typeof Weights>;

/** One row of a dataset, with its text: the editor's may not be saved yet. `line` is 1-based, in the file `dataset`. */
export const RowReference = v.object({ dataset: Path, format: DatasetFormat, line: v.number(), row: v.string() });
export type RowReference = v.InferOutput<typeof RowReference>;

export const ConfigSource = v.variant('kind', [
  v.object({ kind: v.literal('file'), path: Path }),
  /** Relative paths inside `config` start at `baseDirectory`; in a file they start at the file's folder. */
  v.object({ kind: v.literal('inline'), config: RunConfigInput, baseDirectory: Path }),
]);
export type ConfigSource = v.InferOutput<typeof ConfigSource>;

/** What is known of a model folder from its headers alone. */
export const ModelDescription = v.object({
  directory: Path,
  /** As config.json names it, e.g. "LlamaForCausalLM". */
  architecture: v.string(),
  parameters: Count,
  layers: Count,
  hiddenSize: Count,
  heads: Count,
  keyValueHeads: Count,
  vocabularySize: Count,
  /** Longest sequence in tokens. */
  contextLength: Count,
  weightBytes: Count,
  /** Memory that a run under the preset's settings takes, at the most. */
  trainingBytes: Count,
  /** What such a run cannot do without. */
  leastTrainingBytes: Count,
  tiedHead: v.boolean(),
  chatTemplate: v.boolean(),
});
export type ModelDescription = v.InferOutput<typeof ModelDescription>;

/** What a model reads of a row, and what it is rewarded for: exactly the texts whose tokens go in, special tokens included. */
export const PromptPreview = v.object({
  prompt: v.string(),
  promptTokens: Count,
  /** y: separator, template with the gold answer, end token. */
  answer: v.string(),
  answerTokens: Count,
  /** What the reward is, before KL and ratings; null for supervised fine-tuning, which has none. */
  made: v.nullable(v.pick(FiguresMade, ['kind', 'over', 'subtractNoRationale'])),
  /** The tokens of y that it counts: none where a verifier judges. */
  counted: v.string(),
  countedTokens: Count,
});
export type PromptPreview = v.InferOutput<typeof PromptPreview>;

export const ExportKind = v.picklist(['adapter', 'merged']);
export type ExportKind = v.InferOutput<typeof ExportKind>;

const StartedRun = v.object({ runId: v.string(), runDirectory: Path });

// --------------------------------------------------------------------------------------------------------- requests, notifications

function message<const P extends v.GenericSchema, const R extends v.GenericSchema>(
  method: string,
  params: P,
  result: R,
) {
  return { method: `latro/${method}`, params, result };
}

export const ENGINE_REQUESTS = {
  /** Must come first, with the token of `engine.json`: until then there are no other methods, and soon no connection. */
  initialize: message(
    'initialize',
    v.object({ protocolVersion: v.number(), token: v.string(), client: v.string() }),
    v.object({ protocolVersion: v.number(), engineVersion: v.string(), pid: Count, jobs: v.array(JobSnapshot) }),
  ),
  describeModel: message('describeModel', v.object({ jobId: JobId, model: Path }), ModelDescription),
  previewPrompt: message(
    'previewPrompt',
    v.object({ jobId: JobId, weights: Weights, row: RowReference }),
    PromptPreview,
  ),
  /** `overrides` are merged into the config, objects member by member, before it is validated. */
  train: message(
    'train',
    v.object({ jobId: JobId, source: ConfigSource, overrides: v.record(v.string(), v.unknown()) }),
    StartedRun,
  ),
  resume: message('resume', v.object({ jobId: JobId, runDirectory: Path }), StartedRun),
  /** Replies whether there was such a job. A run saves a checkpoint first and can be resumed. */
  stop: message('stop', v.object({ jobId: JobId }), v.object({ found: v.boolean() })),
  /**
   * Pauses a run: it finishes the update under way, saves a checkpoint and lets other jobs compute until it is continued (or stopped).
   * Replies whether there was such a run at work. `jobChanged` tells when it is paused.
   */
  pause: message('pause', v.object({ jobId: JobId }), v.object({ found: v.boolean() })),
  /** Replies whether there was such a run, pausing or paused. */
  continue: message('continue', v.object({ jobId: JobId }), v.object({ found: v.boolean() })),
  /** Takes a run back to the checkpoint after `step` updates: what came after is removed. It is then stopped, and can be resumed. */
  rollBack: message('rollBack', v.object({ jobId: JobId, runDirectory: Path, step: Count }), v.object({ step: Count })),
  /**
   * Writes a run's result to the new folder `out`: a PEFT adapter, or a Hugging Face model folder with the adapter in its weights.
   * `checkpoint` null: the weights the run chose, else its newest. Replies with the updates behind them.
   */
  exportRun: message(
    'exportRun',
    v.object({ jobId: JobId, runDirectory: Path, to: ExportKind, out: Path, checkpoint: v.nullable(Count) }),
    v.object({ step: Count }),
  ),
  /**
   * Downloads `OWNER/MODEL[@REVISION]` or `datasets/OWNER/NAME[@REVISION]` into `models/OWNER--MODEL` or `datasets/OWNER--NAME` of
   * `base`; what has arrived stays when it is cancelled. `token` null: the engine's HF_TOKEN, if it has one.
   */
  pull: message(
    'pull',
    v.object({ jobId: JobId, source: v.string(), base: Path, token: v.nullable(v.string()) }),
    v.object({
      kind: v.picklist(['model', 'dataset']),
      folder: Path,
      commit: v.string(),
      /** Paths within `folder`, `/` between their parts. */
      files: v.array(v.object({ path: v.string(), bytes: Count })),
      bytesTransferred: Count,
    }),
  ),
  /** `k` samples per question besides the greedy answer; `questions` at most, from the top; `file` holds one EvaluationRow a line. */
  evaluate: message(
    'evaluate',
    v.object({
      jobId: JobId,
      weights: Weights,
      dataset: Path,
      format: DatasetFormat,
      questions: v.nullable(Count),
      k: Count,
    }),
    v.object({ summary: EvaluationSummary, file: Path }),
  ),
  /**
   * `maxTokens` null: the run's, or the preset's. `strategy` absent: under no tag; only weights of a run with strategies have any.
   * `randomStep`: the update whose random numbers are drawn, so that other weights can be asked with the same ones; absent: the update
   * after these weights. The reply's `step` is that update.
   */
  sampleQuestion: message(
    'sampleQuestion',
    v.object({
      jobId: JobId,
      weights: Weights,
      row: RowReference,
      k: v.pipe(Count, v.minValue(2)),
      temperature: v.pipe(v.number(), v.minValue(0)),
      maxTokens: v.nullable(Count),
      seed: Count,
      strategy: v.optional(StrategyChoice),
      randomStep: v.optional(Count),
    }),
    QuestionRollout,
  ),
  /**
   * A rationale a person wrote, scored as if it had been sampled (without siblings: baseline and advantage are null), under the tag of a
   * strategy when one is given.
   */
  scoreRationale: message(
    'scoreRationale',
    v.object({ jobId: JobId, weights: Weights, row: RowReference, text: v.string(), strategy: Strategy }),
    RationaleRecord,
  ),
  /** log π(y | x, z_≤t) for growing t, in rising order of tokens; under the tag of a strategy when one is given. */
  tracePrefixes: message(
    'tracePrefixes',
    v.object({ jobId: JobId, weights: Weights, row: RowReference, text: v.string(), strategy: Strategy }),
    v.object({ scores: v.array(PrefixScore) }),
  ),
  listJobs: message('listJobs', Nothing, v.object({ jobs: v.array(JobSnapshot) })),
  /** Ends the process. With background jobs about, only when `stopJobs` is set; replies whether it will. */
  shutdown: message('shutdown', v.object({ stopJobs: v.boolean() }), v.object({ stopping: v.boolean() })),
} as const;
export type EngineRequests = typeof ENGINE_REQUESTS;
export type RequestName = keyof EngineRequests;
export type RequestParams<N extends RequestName> = v.InferOutput<EngineRequests[N]['params']>;
export type RequestResult<N extends RequestName> = v.InferOutput<EngineRequests[N]['result']>;

function notification<const P extends v.GenericSchema>(method: string, params: P) {
  return { method: `latro/${method}`, params };
}

export const ENGINE_NOTIFICATIONS = {
  /** A job is new, has begun, has got its run directory, or is stopping. */
  jobChanged: notification('jobChanged', JobSnapshot),
  progress: notification('progress', v.object({ jobId: JobId, kind: JobKind, ...JobProgress.entries })),
  runEvent: notification('runEvent', v.object({ jobId: JobId, runId: v.string(), event: RunEvent })),
  jobEnded: notification(
    'jobEnded',
    v.object({
      jobId: JobId,
      kind: JobKind,
      runId: v.nullable(v.string()),
      runDirectory: v.nullable(Path),
      outcome: JobOutcome,
    }),
  ),
  /** The last thing a client hears of an engine that ends on purpose: a connection that closes without it was a crash. */
  stopping: notification('stopping', v.object({ reason: v.picklist(['shutdown', 'idle', 'signal']) })),
} as const;
export type EngineNotifications = typeof ENGINE_NOTIFICATIONS;
export type NotificationName = keyof EngineNotifications;
export type NotificationParams<N extends NotificationName> = v.InferOutput<EngineNotifications[N]['params']>;

// ----------------------------------------------------------------------------------------------------------------------- errors

/** JSON-RPC error codes: a `LatroError` travels in `data` as an EngineFailure; the second is the Language Server Protocol's own. */
export const RPC_FAILURE = -32_000;
export const RPC_CANCELLED = -32_800;
