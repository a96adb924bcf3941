/** Messages between the extension host and the rationale side panel; what holds for every panel is in `panel_messages.ts`. */
import * as v from 'valibot';
import {
  ActionIntent,
  CheckpointName,
  Count,
  Failed,
  Loading,
  PanelFailure,
  ReadyIntent,
  StringsMessage,
} from './panel_messages.ts';
import { QuestionRollout, RationaleRecord } from './records.ts';

export const RatingVerdict = v.picklist(['useful', 'wrong', 'leaks']);
export type RatingVerdict = v.InferOutput<typeof RatingVerdict>;

/** A person's judgement of one rationale; an empty note is no note. */
export const RationaleRating = v.object({ verdict: v.nullable(RatingVerdict), note: v.string() });
export type RationaleRating = v.InferOutput<typeof RationaleRating>;
/** What is absent stays as it is stored: who sends it may know an older one. */
export const RatingChange = v.object({
  verdict: v.exactOptional(RationaleRating.entries.verdict),
  note: v.exactOptional(RationaleRating.entries.note),
});
export type RatingChange = v.InferOutput<typeof RatingChange>;

/** log π(y | x, z_≤t) after the first `tokens` rationale tokens; `tokens` = 0 is the question alone. */
export const PrefixScore = v.object({ tokens: Count, logProb: v.number() });
export type PrefixScore = v.InferOutput<typeof PrefixScore>;

/** How a rationale that was pinned or edited in an earlier sample of these weights had been sampled. */
export const KeptFrom = v.object({
  /** As in `RationaleSet`. */
  step: v.nullable(Count),
  temperature: v.nullable(v.number()),
  beta: v.nullable(v.number()),
  /** Rationales of that sample, itself included; under strategies its baseline may be of fewer. */
  k: Count,
});
export type KeptFrom = v.InferOutput<typeof KeptFrom>;

/** The model's rationale that a person's own began as. */
export const EditedFrom = v.object({ ...KeptFrom.entries, sample: Count, seed: v.nullable(v.number()) });
export type EditedFrom = v.InferOutput<typeof EditedFrom>;

export const RationaleView = v.object({
  /** Unique in the snapshot and stable between snapshots: intents name rationales by it. */
  id: v.string(),
  /** 'run' from a run's rollouts, 'sampled' by "Sample again", 'edited' by a person and scored (not a sample of the model). */
  origin: v.picklist(['run', 'sampled', 'edited']),
  record: RationaleRecord,
  /** Seed this rationale was sampled with; null for an edited one. */
  seed: v.nullable(v.number()),
  pinned: v.boolean(),
  rating: v.nullable(RationaleRating),
  /** In rising order of `tokens`; absent until it was computed. */
  prefixScores: v.optional(v.array(PrefixScore)),
  /** Who scored an edited rationale, and the prefixes: absent when it was the set's own weights, which a run may no longer have. */
  scoredBy: v.optional(CheckpointName),
  tracedBy: v.optional(CheckpointName),
  /** Only of one pinned or edited in a sample that this set took the place of: it is no sample of this set. */
  keptFrom: v.optional(KeptFrom),
  /** Only of an edited one, where it is known. */
  editedFrom: v.optional(EditedFrom),
});
export type RationaleView = v.InferOutput<typeof RationaleView>;

/** The rationales of one question under one checkpoint. */
export const RationaleSet = v.object({
  checkpoint: CheckpointName,
  /** The update at which they were sampled; null when sampled outside a run. */
  step: v.nullable(Count),
  /** The update whose random numbers drew them, with their seed; null where it is not known. */
  randomStep: v.nullable(Count),
  temperature: v.nullable(v.number()),
  /** β of r = log π(y|x⊕z) − β·(log π(z|x) − log π₀(z|x)). */
  beta: v.nullable(v.number()),
  /** log π(y | x) without any rationale; null when not scored. */
  noRationaleLogProb: QuestionRollout.entries.noRationaleLogProb,
  rationales: v.array(RationaleView),
});
export type RationaleSet = v.InferOutput<typeof RationaleSet>;

export const CheckpointOption = v.object({
  name: CheckpointName,
  /** Updates behind these weights; 0 for the base. */
  step: Count,
  /** False where this question has no rationales under it yet (choosing it samples them when `canSample`). */
  sampled: v.boolean(),
  /** The weights are on disk: they can be asked. */
  canSample: v.boolean(),
  /** Tells these weights from others of the same name, which a run that is rolled back makes; absent where nothing does. */
  weights: v.exactOptional(v.string()),
});
export type CheckpointOption = v.InferOutput<typeof CheckpointOption>;

/** Under which strategy's tag rationales are sampled, by its number from 1; 'all': under each equally often; 'none': under no tag. */
export const StrategyChoice = v.union([v.picklist(['all', 'none']), v.pipe(v.number(), v.integer(), v.minValue(1))]);
export type StrategyChoice = v.InferOutput<typeof StrategyChoice>;

export const SamplingSettings = v.object({
  k: v.pipe(v.number(), v.integer(), v.minValue(2), v.maxValue(64)),
  temperature: v.pipe(v.number(), v.minValue(0), v.maxValue(5)),
  seed: Count,
  /** Absent where there are no strategies. */
  strategy: v.optional(StrategyChoice),
});
export type SamplingSettings = v.InferOutput<typeof SamplingSettings>;

/** What is being computed for this panel right now. */
export const PanelActivity = v.object({
  what: v.picklist(['sampling', 'scoring', 'tracing']),
  done: Count,
  total: Count,
  /** Only while one is scored: the id that the edited rationale will have. */
  edited: v.optional(v.string()),
});
export type PanelActivity = v.InferOutput<typeof PanelActivity>;

/** A person's own rationale that was sent and not scored; no failure: it was cancelled, or something else was asked first, or `gone`. */
export const Unscored = v.object({
  edited: v.string(),
  failure: v.nullable(PanelFailure),
  /** There are no rationales any more under the weights it was to be scored under: the run was rolled back, say. */
  gone: v.exactOptional(v.literal(true)),
});
export type Unscored = v.InferOutput<typeof Unscored>;

/** One of the weights a question is looked at under: before training, at the checkpoint before the one shown, and shown. */
export const Stage = v.object({
  role: v.picklist(['base', 'previous', 'current']),
  checkpoint: CheckpointName,
  /** Null: nothing sampled under these weights yet. Edited and kept rationales do not count. */
  figures: v.nullable(
    v.object({
      k: Count,
      right: Count,
      /** Most frequent extracted answer; null when no answer was found most often. */
      majority: v.nullable(v.string()),
      majorityCorrect: v.boolean(),
      meanReward: v.number(),
      meanSelfReward: v.number(),
      /** The rationale with the greatest reward. */
      best: v.pick(RationaleRecord, ['sample', 'text', 'reward', 'extractedAnswer', 'correct']),
      /** Sampled with the same K, temperature, seed and random numbers as what is shown. */
      alike: v.boolean(),
    }),
  ),
  /** The weights are on disk: they can be asked. */
  canSample: v.boolean(),
});
export type Stage = v.InferOutput<typeof Stage>;

export const RationaleQuestion = v.object({
  kind: v.literal('question'),
  /** Name of the file as shown (relative to the workspace). */
  dataset: v.string(),
  line: v.number(),
  rowKey: v.string(),
  question: v.string(),
  goldAnswer: v.string(),
  /** Name of the run the rationales come from; null without a run. */
  run: v.nullable(v.string()),
  /** The runs that can be chosen, newest first, `run` among them. */
  runs: v.array(v.string()),
  /** Base first, then rising steps. */
  checkpoints: v.array(CheckpointOption),
  /** Null: nothing sampled for this question yet under the chosen checkpoint. */
  current: v.nullable(RationaleSet),
  comparison: v.nullable(RationaleSet),
  /** Base, previous checkpoint, current, as far as they are different weights; empty when there is only one, or nothing sampled. */
  stages: v.array(Stage),
  /** `current` was sampled again or holds edited rationales: it can be given up for what the run left behind. */
  discardable: v.boolean(),
  sampling: SamplingSettings,
  /** Names of strategies by `RationaleRecord.strategy` (as decimal string), e.g. {"1": "think 1"}. */
  strategyNames: v.record(v.string(), v.string()),
  /** False without a loaded model or in an untrusted workspace: the buttons that need the engine are off. */
  canSample: v.boolean(),
  activity: v.nullable(PanelActivity),
  /** The last thing asked for failed: shown above what is still valid. */
  failure: v.nullable(PanelFailure),
  /** The last one of this question, until another is sent. */
  unscored: v.nullable(Unscored),
  /** Token of the rating that was stored last. */
  rated: v.optional(v.string()),
  /** Weights that have sampled since the person looked into `current`, which therefore stays; `run`: of another run than this one. */
  newer: v.optional(v.object({ checkpoint: CheckpointName, run: v.exactOptional(v.string()) })),
});
export type RationaleQuestion = v.InferOutput<typeof RationaleQuestion>;

export const RationaleSnapshot = v.variant('kind', [
  v.object({
    kind: v.literal('empty'),
    why: v.picklist(['no-dataset', 'no-row', 'bad-row', 'too-large', 'no-model', 'untrusted']),
  }),
  Loading,
  Failed,
  RationaleQuestion,
]);
export type RationaleSnapshot = v.InferOutput<typeof RationaleSnapshot>;

export const RationaleHostMessage = v.variant('type', [
  StringsMessage,
  v.object({ type: v.literal('snapshot'), snapshot: RationaleSnapshot }),
]);
export type RationaleHostMessage = v.InferOutput<typeof RationaleHostMessage>;

/** As the snapshot names them: a run's, or the model's own where there is none. */
const weightsOfRun = { run: v.nullable(v.string()), checkpoint: CheckpointName };

/** `rowKey` travels with every intent about a question: the cursor may have moved on before it arrives. */
export const RationaleIntent = v.variant('type', [
  ReadyIntent,
  ActionIntent,
  /** Holds for the whole dataset. */
  v.object({ type: v.literal('choose-run'), rowKey: v.string(), run: v.string() }),
  v.object({ type: v.literal('choose-checkpoint'), rowKey: v.string(), checkpoint: CheckpointName }),
  v.object({ type: v.literal('choose-comparison'), rowKey: v.string(), checkpoint: v.nullable(CheckpointName) }),
  v.object({ type: v.literal('sample'), rowKey: v.string(), checkpoint: CheckpointName, settings: SamplingSettings }),
  /** Samples other weights as what is shown was sampled, and compares with them. */
  v.object({ type: v.literal('sample-alike'), rowKey: v.string(), checkpoint: CheckpointName }),
  v.object({ type: v.literal('discard'), rowKey: v.string(), checkpoint: CheckpointName }),
  /** The person looks into the rationales of these weights: they stay while a run samples others, or another run does. */
  v.object({ type: v.literal('hold'), rowKey: v.string(), ...weightsOfRun }),
  /** No longer. */
  v.object({ type: v.literal('let-go'), rowKey: v.string() }),
  v.object({
    type: v.literal('score-edited'),
    rowKey: v.string(),
    checkpoint: CheckpointName,
    /** As in `hold`. Absent: whichever is shown, for a text that was begun when this was not kept. */
    run: v.exactOptional(v.nullable(v.string())),
    /** As in `CheckpointOption`, when the text was begun. */
    weights: v.exactOptional(v.string()),
    rationale: v.string(),
    text: v.string(),
    /** Chosen by the panel, new each time: the id that the scored rationale will have. */
    edited: v.string(),
  }),
  v.object({
    type: v.literal('trace-prefixes'),
    rowKey: v.string(),
    checkpoint: CheckpointName,
    rationale: v.string(),
  }),
  v.object({ type: v.literal('cancel') }),
  v.object({ type: v.literal('pin'), rowKey: v.string(), rationale: v.string(), pinned: v.boolean() }),
  v.object({
    type: v.literal('rate'),
    rowKey: v.string(),
    rationale: v.string(),
    rating: RatingChange,
    /** Chosen by the panel: told once the rating is stored. */
    token: v.exactOptional(v.string()),
  }),
  v.object({ type: v.literal('copy'), text: v.string() }),
  v.object({ type: v.literal('open-row'), rowKey: v.string(), line: v.number() }),
  v.object({ type: v.literal('open-rollout'), rowKey: v.string(), step: Count, sample: Count }),
]);
export type RationaleIntent = v.InferOutput<typeof RationaleIntent>;
