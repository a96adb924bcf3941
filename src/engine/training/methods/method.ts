/** What a training method is: questions of one update in, weighted sequences out. To add one, copy a file of this folder. */
import type { QuestionRollout } from '../../../protocol/records.ts';
import type { RunConfig } from '../../../protocol/run_config.ts';
import type { StrategyMetrics } from '../../../protocol/strategy_records.ts';
import type { GenerateOptions } from '../../model/generate.ts';
import type { PromptGroup } from '../../model/packing.ts';
import type { Policy } from '../policy.ts';
import type { EncodedQuestion } from '../question_encoder.ts';
import type { QuestionTask } from '../question_task.ts';
import type { RunRatings } from '../ratings.ts';

export interface MethodContext {
  readonly policy: Policy;
  readonly task: QuestionTask;
  readonly config: RunConfig;
  /** null: the run uses none. */
  readonly ratings: RunRatings | null;
  readonly generateOptions: GenerateOptions;
  /** Sources of the training rows' rationales where rows have several, sorted. */
  readonly traceSources: readonly string[];
}

/** Means over the rationales of one update; 0 for methods that sample none. */
export interface RolloutStatistics {
  readonly meanReward: number;
  readonly meanSelfReward: number;
  readonly meanAnswerLogProb: number;
  readonly meanTemplateLogProb: number;
  readonly meanKl: number;
  /** Standard deviation of the advantages. */
  readonly advantageSpread: number;
  readonly meanRationaleTokens: number;
  readonly finishedShare: number;
  readonly correctShare: number;
  readonly zeroVarianceShare: number;
  readonly leakShare: number;
  /** Of the answer's own tokens; null when not scored. */
  readonly meanNoRationaleAnswerLogProb: number | null;
  /** Sampled rationales whose reward a rating changed, and approved ones learned beside them; absent: no ratings in use. */
  readonly ratedRationales?: number;
  readonly approvedRationales?: number;
  /** With reasoning strategies. */
  readonly strategies?: StrategyMetrics;
}

export interface MethodUpdate {
  /** Sequences and weights of L(θ) = −Σ w · log π. */
  readonly groups: readonly PromptGroup[];
  /** Index into the update's questions of each group, to name a question in an error. */
  readonly sources: readonly number[];
  readonly rollouts: readonly QuestionRollout[];
  readonly statistics: RolloutStatistics;
  readonly secondsSample: number;
  readonly secondsScore: number;
  /** Carried to the next update and into the checkpoint. */
  readonly state: MethodState;
}

/** JSON: what a method remembers between updates. */
export interface MethodState {
  /** RLPR's moving average of reward spreads. */
  readonly spreadSteps: number;
  readonly spreadAverage: number | null;
}

export const INITIAL_METHOD_STATE: MethodState = { spreadSteps: 0, spreadAverage: null };

export interface UpdateRequest {
  /** The policy still is its reference π_0: nothing was updated since the run, or the stage of a chained run, began. */
  readonly isReference?: boolean;
  /** 1-based number of the update. */
  readonly step: number;
  readonly questions: readonly EncodedQuestion[];
  readonly state: MethodState;
}

export type Method = (context: MethodContext, request: UpdateRequest) => Promise<MethodUpdate>;
