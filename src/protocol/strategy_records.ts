/**
 * What a run records of its reasoning strategies: part of a step's metrics, of an evaluated question and of an evaluation's summary.
 * Strategies are numbered from 1 wherever a number names one; lists "(N)" are in their order. Log-probabilities are in nats.
 */
import * as v from 'valibot';
import { EvaluatedOutput } from './evaluated_output.ts';

/** Of one update. */
export const StrategyMetrics = v.object({
  /** Mean p_i over the update's questions, (N): the tags' probabilities at the fork, renormalised among themselves; null when not scored. */
  probabilities: v.nullable(v.array(v.number())),
  /** Mean entropy H(p) of a question, nats, in [0, log N]; null when not scored. */
  entropy: v.nullable(v.number()),
  /** Means over the rationales sampled under each tag, (N); null where none was, or the method does not sample under tags. */
  perStrategy: v.array(
    v.nullable(
      v.object({
        rationales: v.number(),
        reward: v.number(),
        selfReward: v.number(),
        tokens: v.number(),
        correctShare: v.number(),
        finishedShare: v.number(),
      }),
    ),
  ),
  /** SSFT: which tag learned which source's traces; null for other methods and for the control without tags. */
  matching: v.nullable(
    v.object({
      /** Who wrote the traces, the same in every update (absent: numbered): sources of the dataset or, for sampled ones, "0" for no tag and "i" for tag i. */
      sources: v.optional(v.array(v.string())),
      /** (N, sources): matchings of this update. */
      counts: v.array(v.array(v.number())),
      /** Mean entropy of the columns, nats: log N when tags are taken at random, 0 when each source has its tag. */
      entropy: v.number(),
      /** Mean C[σ(j)][j] over the matched traces, nats per token; null for control random, which does not look at it. */
      meanCost: v.nullable(v.number()),
    }),
  ),
  /** SSFT: traces learned in this update; null for other methods. */
  traces: v.nullable(v.number()),
});
export type StrategyMetrics = v.InferOutput<typeof StrategyMetrics>;

/** One evaluated question under every strategy. */
export const StrategyEvaluation = v.object({
  /** (N): log π(g|x) of every tag. */
  tagLogProbs: v.array(v.number()),
  /** The strategy the model itself finds likeliest, 1-based. */
  own: v.number(),
  /** (N): the question answered under each tag. Empty when the evaluated weights use no tags (base, control `mixed`). */
  outputs: v.array(
    v.object({
      greedy: EvaluatedOutput,
      /** k samples. */
      samples: v.array(EvaluatedOutput),
      /** log π(y | x ⊕ g ⊕ z) with the greedy rationale, and its mean over the samples (null without). */
      answerLogProbGreedy: v.number(),
      answerLogProbSampled: v.nullable(v.number()),
    }),
  ),
  /** Without tags: N·k samples, so that N votes can be taken here too. Empty with tags. */
  untagged: v.array(EvaluatedOutput),
  /** log π(z|x,g) − log (1/N) Σ_g' π(z|x,g'), its mean over one rationale z per tag g, nats; null when nothing was sampled. */
  tagInformation: v.nullable(v.number()),
});
export type StrategyEvaluation = v.InferOutput<typeof StrategyEvaluation>;

/** What an evaluation says of the strategies; rates are fractions in [0, 1]. */
export const StrategySummary = v.object({
  /** N. */
  count: v.number(),
  /** Whether outputs were opened by tags; false for weights that use none, whose consensus is that of plain samples. */
  tagged: v.boolean(),
  /** (N); empty without tags. */
  perStrategy: v.array(
    v.object({
      /** Mean p_i. */
      probability: v.number(),
      /** Share of questions for which the model finds this strategy likeliest. */
      chosenShare: v.number(),
      greedyAccuracy: v.number(),
      /** pass@1: share of right samples; maj@k: of right votes of all k under this one tag. null without samples. */
      sampledAccuracy: v.nullable(v.number()),
      majorityAccuracy: v.nullable(v.number()),
      meanTokens: v.number(),
      /** Reward: mean log π(y | x ⊕ g ⊕ z) over the samples, or of the greedy rationale without samples. */
      meanAnswerLogProb: v.number(),
    }),
  ),
  /** pass@1 with the model's own strategy, the likeliest: greedy, and share of right samples. */
  ownGreedyAccuracy: v.number(),
  ownSampledAccuracy: v.nullable(v.number()),
  /** cons@k: vote of k/N samples of every strategy (without tags, of k samples), mean over N disjoint sets. */
  consensusAccuracy: v.nullable(v.number()),
  /** Share of questions that at least one strategy (without tags, one of N samples) gets right, over one sample each. */
  anyAccuracy: v.nullable(v.number()),
  /** I(g; z | x), nats, in [0, log N] up to sampling noise. */
  tagInformation: v.nullable(v.number()),
  /** Mean H(p) at the fork, nats. */
  entropy: v.number(),
  /** Over one rationale of every strategy (without tags, N samples): distinct answers, distinct-2, and mean pairwise Jaccard of 2-grams. */
  distinctAnswers: v.nullable(v.number()),
  distinctBigrams: v.nullable(v.number()),
  pairwiseJaccard: v.nullable(v.number()),
});
export type StrategySummary = v.InferOutput<typeof StrategySummary>;
