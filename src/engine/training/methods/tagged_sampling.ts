/** Rationales sampled under the tags of reasoning strategies, x ⊕ g ⊕ z': shared by every method that uses them. */
import type { QuestionRollout } from '../../../protocol/records.ts';
import type { StrategyMetrics } from '../../../protocol/strategy_records.ts';
import { LatroError } from '../../common/errors.ts';
import type { ControlTokens } from '../../forking/control_tokens.ts';
import { entropyOf } from '../../forking/diversity.ts';
import { logSoftmax } from '../../forking/gfpo.ts';
import { orderFreeMean as mean } from '../../latro/log_space.ts';
import type { AnswerParts } from '../../latro/reward.ts';
import { type Continuation, type PromptGroup, predictTokens } from '../../model/packing.ts';
import type { Policy } from '../policy.ts';
import type { EncodedQuestion } from '../question_encoder.ts';
import { type ReferenceScorer, type RolloutQuestion, type SampledQuestion, trainingGroup } from '../rollout.ts';
import type { MethodContext, UpdateRequest } from './method.ts';
import { sampleQuestions } from './sampling.ts';

/** 0-based number of a tag; null: no tag. */
export type Tag = number | null;

export interface TaggedQuestion {
  /** The K rationales z' in order of their number. `encoded` is the question without a tag, and log π(y|x) is without one too. */
  readonly sampled: SampledQuestion;
  /** (K): what each was sampled under. */
  readonly tagOf: readonly Tag[];
}

/** @throws LatroError `config-invalid` when the run has no strategies */
export function requireTags({ tags }: Pick<Policy, 'tags'>, method: string): ControlTokens {
  if (tags !== null) return tags;
  throw new LatroError(
    'config-invalid',
    `Method ${method} needs reasoning strategies, and strategies.count is 0.`,
    'Set strategies.count to 2 or more.',
  );
}

/** x ⊕ g. */
export function underTag<Q extends EncodedQuestion>(question: Q, tag: readonly number[]): Q {
  return { ...question, promptIds: [...question.promptIds, ...tag] };
}

/** A continuation of x that begins with the tag: its predictions move along, the tag's own tokens have none. */
export function afterTag({ ids, predictions }: Continuation, tag: readonly number[]): Continuation {
  return {
    ids: [...tag, ...ids],
    predictions: predictions.map((prediction) => ({ ...prediction, at: prediction.at + tag.length })),
  };
}

/**
 * Samples for each question as many rationales as its plan has entries, each under the plan's tag.
 * @param plans (Q, K)
 * @param bare (Q): log π(y_t | x, y_<t), without a tag
 */
export async function sampleUnderTags(
  context: Omit<MethodContext, 'ratings' | 'traceSources'>,
  request: UpdateRequest,
  beta: number,
  plans: readonly (readonly Tag[])[],
  bare: readonly (readonly number[])[],
): Promise<TaggedQuestion[]> {
  const ids = context.policy.tags?.ids ?? [];
  const variants = request.questions.flatMap((question, q) =>
    [...new Set(plans[q])].map((tag) => {
      const samples = [...plans[q]!.keys()].filter((k) => plans[q]![k] === tag);
      const asked: RolloutQuestion = { ...question, samples };
      return { q, samples, question: tag === null ? asked : underTag(asked, ids[tag]!) };
    }),
  );
  const questions = variants.map(({ question }) => question);
  const results = await sampleQuestions(context, { ...request, questions }, beta);
  return request.questions.map((encoded, q) => {
    const rationales: SampledQuestion['rationales'][number][] = [];
    for (const [i, variant] of variants.entries()) {
      if (variant.q !== q) continue;
      for (const [j, k] of variant.samples.entries()) rationales[k] = results[i]!.rationales[j]!;
    }
    return { sampled: { encoded, rationales, answerLogProbsWithoutRationale: bare[q]! }, tagOf: plans[q]! };
  });
}

export interface ForkScores {
  /** (Q, N): ℓ_i = log π(g^(i)|x), summed over the tag's tokens. */
  readonly tagLogProbs: readonly (readonly number[])[];
  /** (Q, m): log π(y_t | x, y_<t): no tag and no rationale. */
  readonly bare: readonly (readonly number[])[];
}

/** What the model thinks right after the prompt: of every tag, and of the bare answer. */
export async function scoreForks(
  score: ReferenceScorer,
  questions: readonly EncodedQuestion[],
  tags: ControlTokens | null,
): Promise<ForkScores> {
  const tagIds = tags?.ids ?? [];
  const groups = questions.map(
    ({ promptIds, answerIds }): PromptGroup => ({
      prompt: promptIds,
      continuations: [...tagIds, answerIds].map((ids) => ({ ids: ids.slice(0, -1), predictions: predictTokens(ids) })),
    }),
  );
  const scores = await score(groups);
  return {
    tagLogProbs: scores.map((group) => group.slice(0, tagIds.length).map((logProbs) => sum(logProbs))),
    bare: scores.map((group) => group[tagIds.length]!),
  };
}

/** p, (N): the tags' probabilities, renormalised among themselves. */
export const tagProbabilities = (tagLogProbs: readonly number[]): number[] => logSoftmax(tagLogProbs).map(Math.exp);

/** `trainingGroup` with every continuation behind its own tag, so that the question's tags share one prompt. */
export function taggedTrainingGroup(
  { sampled, tagOf }: TaggedQuestion,
  weights: readonly { readonly rationaleWeight: number; readonly answerWeights: AnswerParts }[],
  tags: ControlTokens,
  countStopTokens: boolean,
): PromptGroup {
  const continuations = sampled.rationales.flatMap((rationale, k) => {
    const alone = trainingGroup({ ...sampled, rationales: [rationale] }, [weights[k]!], countStopTokens);
    const tag = tagOf[k] ?? null;
    return tag === null ? alone.continuations : alone.continuations.map((one) => afterTag(one, tags.ids[tag]!));
  });
  return { prompt: sampled.encoded.promptIds, continuations };
}

/** The part of a step's metrics that every method with strategies reports. */
export function strategyMetrics(
  count: number,
  tagLogProbs: readonly (readonly number[])[] | null,
  rollouts: readonly QuestionRollout[],
): StrategyMetrics {
  const probabilities = tagLogProbs?.map(tagProbabilities) ?? null;
  const strategies = Array.from({ length: count }, (_, i) => i + 1);
  return {
    probabilities: probabilities && strategies.map((n) => mean(probabilities.map((p) => p[n - 1]!))),
    entropy: probabilities && mean(probabilities.map(entropyOf)),
    perStrategy: strategies.map((n) => {
      const own = rollouts.flatMap(({ rationales }) => rationales.filter(({ strategy }) => strategy === n));
      if (own.length === 0) return null;
      return {
        rationales: own.length,
        reward: mean(own.map(({ reward }) => reward)),
        selfReward: mean(own.map(({ selfReward }) => selfReward)),
        tokens: mean(own.map(({ tokens }) => tokens.length)),
        correctShare: mean(own.map(({ correct }) => Number(correct))),
        finishedShare: mean(own.map(({ stopReason }) => Number(stopReason !== 'length'))),
      };
    }),
    matching: null,
    traces: null,
  };
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
