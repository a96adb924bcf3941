/** `run.json` of a run directory, and what a list of runs shows of each. */
import * as v from 'valibot';
import { OperatorPlacement, RunPhase, RunStatus } from './records.ts';
import { RunConfig } from './run_config.ts';

/** Raised when a change to the files of a run makes older readers misread them. */
export const RUN_FORMAT_VERSION = 1;

const known = v.nullable(v.string());

/**
 * What a run's numbers depend on besides its config. null: not known, which is not a difference.
 * All hashes are sha256 in hex.
 */
export const RunIdentity = v.object({
  modelConfigSha256: known,
  modelWeightsSha256: known,
  tokenizerSha256: known,
  /** The adapter the run started from; null also when it started from none. */
  adapterSha256: known,
  trainSha256: known,
  validationSha256: known,
  testSha256: known,
  /** Of the verdicts on rationales (not of notes and times); null: the run does not use any. Older runs do not say. */
  ratingsSha256: v.optional(known),
  /** The execution provider the model computes on, as found, not as asked for: "cpu", "webgpu", …. */
  device: known,
  /** Of frozen weights and what is computed with them: "float32", "float16" or "int8". Older runs do not say: they computed in float32. */
  precision: v.optional(known),
  /** CPU threads in use. */
  threads: v.nullable(v.number()),
  processor: known,
  /** Such as "linux-x64". */
  platform: known,
  packageVersion: known,
  nodeVersion: known,
  onnxruntimeVersion: known,
});
export type RunIdentity = v.InferOutput<typeof RunIdentity>;

/** Test questions before and after: rates are fractions in [0, 1], log-probabilities means in nats. */
export const RunGain = v.object({
  questions: v.number(),
  greedyBefore: v.number(),
  greedyAfter: v.number(),
  majorityBefore: v.nullable(v.number()),
  majorityAfter: v.nullable(v.number()),
  answerLogProbBefore: v.number(),
  answerLogProbAfter: v.number(),
});
export type RunGain = v.InferOutput<typeof RunGain>;

/** The checkpoint that did best on the validation questions so far, and its score (higher is better). */
export const BestCheckpoint = v.object({ step: v.number(), score: v.number() });
export type BestCheckpoint = v.InferOutput<typeof BestCheckpoint>;

/** What holding frozen matrices in 8 bits costs: the base model against itself in float32, on questions of the run. */
export const RoundingCost = v.object({
  questions: v.number(),
  /** Of their prompts and answers. */
  tokens: v.number(),
  perplexity: v.object({ float32: v.number(), int8: v.number() }),
  /** Mean |Δ log π| per token, in nats: of those texts, and of what was drawn against the same tokens scored in float32. */
  meanDifference: v.number(),
  meanSampledDifference: v.number(),
});
export type RoundingCost = v.InferOutput<typeof RoundingCost>;

export const RunRecord = v.object({
  formatVersion: v.literal(RUN_FORMAT_VERSION),
  id: v.string(),
  createdAt: v.string(),
  config: RunConfig,
  identity: RunIdentity,
  /** As last written: a run whose process is gone still says "running" here; `RunSummary.status` tells the truth. */
  status: RunStatus,
  /** Why it stopped or failed; empty when there is nothing to say. */
  statusReason: v.string(),
  phase: RunPhase,
  /** Updates done, of `totalSteps` (null until the training questions are counted). */
  step: v.number(),
  totalSteps: v.nullable(v.number()),
  best: v.nullable(BestCheckpoint),
  /** The checkpoint this run was last resumed from; never pruned. */
  resumedFrom: v.nullable(v.number()),
  gain: v.nullable(RunGain),
  /** Of each program that has run; absent on the CPU. */
  operators: v.optional(v.record(v.string(), OperatorPlacement)),
  /** Of an int8 run; null: it could not be measured. Absent: not int8. */
  roundingCost: v.optional(v.nullable(RoundingCost)),
  /** The process that last wrote the run. */
  pid: v.nullable(v.number()),
});
export type RunRecord = v.InferOutput<typeof RunRecord>;

/** A run as a list shows it. */
export const RunSummary = v.object({
  id: v.string(),
  directory: v.string(),
  createdAt: v.string(),
  method: v.string(),
  model: v.string(),
  dataset: v.string(),
  status: RunStatus,
  statusReason: v.string(),
  phase: RunPhase,
  step: v.number(),
  totalSteps: v.nullable(v.number()),
  best: v.nullable(BestCheckpoint),
  gain: v.nullable(RunGain),
});
export type RunSummary = v.InferOutput<typeof RunSummary>;
