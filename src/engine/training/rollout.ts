/**
 * A question's rollout: K sampled rationales, the answer's likelihood after each, and the reference policy's view of them; what
 * every method turns into token weights. Random numbers are keyed by (seed, step, question, sample).
 */
import { foldKey } from '../common/random.ts';
import { type AnswerParts, joinParts } from '../latro/reward.ts';
import {
  type GenerateOptions,
  type GenerateSettings,
  generate,
  type Sample,
  type StopDetector,
} from '../model/generate.ts';
import type { GroupScores, LanguageModel } from '../model/language_model.ts';
import type { Continuation, Prediction, PromptGroup } from '../model/packing.ts';
import type { EncodedQuestion } from './question_encoder.ts';

export interface SampledRationale extends Sample {
  /** Σ over z (and what stopped it, when that counts) of log π and log π_0; the latter null when nothing asks for it. */
  readonly logProb: number;
  readonly referenceLogProb: number | null;
}

export interface SampledQuestion {
  readonly encoded: EncodedQuestion;
  readonly rationales: readonly SampledRationale[];
  /** log π(y_t | x, y_<t), one per answer token. */
  readonly answerLogProbsWithoutRationale: readonly number[];
}

/** A question to sample for. */
export interface RolloutQuestion extends EncodedQuestion {
  /** Numbers of its samples, which key their random numbers; left out: 0 … K−1. */
  readonly samples?: readonly number[];
}

export interface RolloutSettings {
  readonly generate: GenerateSettings;
  /** K. */
  readonly rationales: number;
  /** Whether the token that ends a rationale is part of log π(z|x). */
  readonly countStopTokens: boolean;
  readonly tokenBudget: number;
}

/** Scores groups under the frozen reference policy π_0. */
export type ReferenceScorer = (groups: readonly PromptGroup[]) => Promise<GroupScores>;

/** Key of one rationale's random numbers. */
export function rationaleKey(seed: number, step: number, rowKey: string, sample: number): number {
  return foldKey(seed, step, Number.parseInt(rowKey.slice(0, 8), 16), Number.parseInt(rowKey.slice(8, 16), 16), sample);
}

/**
 * Samples K rationales for each question at update `step`.
 * @param reference null when β = 0; 'same' while the policy still is the reference: its log-probabilities are then the same
 * numbers, the KL share is exactly 0 and a forward pass is saved
 */
export async function rollOut(
  model: LanguageModel,
  questions: readonly RolloutQuestion[],
  settings: RolloutSettings,
  random: { readonly seed: number; readonly step: number },
  reference: ReferenceScorer | 'same' | null,
  newStopDetector: () => StopDetector,
  options: GenerateOptions = {},
): Promise<SampledQuestion[]> {
  const firstK = Array.from({ length: settings.rationales }, (_, sample) => sample);
  const requests = questions.map(({ promptIds, answerIds, row, samples = firstK }) => ({
    prompt: promptIds,
    answer: answerIds,
    keys: samples.map((sample) => rationaleKey(random.seed, random.step, row.rowKey, sample)),
  }));
  const generated = await generate(model, requests, settings.generate, newStopDetector, options);
  const sampled = questions.map(
    (encoded, q): SampledQuestion => ({
      encoded,
      answerLogProbsWithoutRationale: generated[q]!.answerLogProbsWithoutRationale,
      rationales: generated[q]!.samples.map((sample): SampledRationale => {
        const counted = rationalePredictions(sample, encoded.answerIds, 1, settings.countStopTokens).length;
        const stop = sample.stopLogProbs.slice(0, counted - sample.ids.length);
        const logProb = sum(sample.logProbs) + sum(stop);
        return { ...sample, logProb, referenceLogProb: reference === 'same' ? logProb : null };
      }),
    }),
  );
  return typeof reference === 'function' ? withReference(sampled, settings.countStopTokens, reference) : sampled;
}

/** The same rationales with log π_0(z|x), scored all together. */
export async function withReference(
  questions: readonly SampledQuestion[],
  countStopTokens: boolean,
  reference: ReferenceScorer,
): Promise<SampledQuestion[]> {
  const scores = await reference(
    questions.map(({ encoded: { promptIds, answerIds }, rationales }) => ({
      prompt: promptIds,
      continuations: rationales.map((rationale) =>
        continuation(rationale.ids, answerIds, rationalePredictions(rationale, answerIds, 1, countStopTokens)),
      ),
    })),
  );
  return questions.map((question, q) => ({
    ...question,
    rationales: question.rationales.map((rationale, k) => ({ ...rationale, referenceLogProb: sum(scores[q]![k]!) })),
  }));
}

/**
 * Predictions of log π(z|x): every token of z and, when they count, the tokens that stopped it. Those follow z in the sequence only
 * as far as they are also how y begins (their predecessors are then there); the first one that differs is still predicted.
 */
export function rationalePredictions(
  sample: Pick<Sample, 'ids' | 'stopIds'>,
  answerIds: readonly number[],
  weight: number,
  countStopTokens: boolean,
): Prediction[] {
  const predictions = sample.ids.map((target, at): Prediction => ({ at, target, weight }));
  if (!countStopTokens) return predictions;
  for (const [i, target] of sample.stopIds.entries()) {
    predictions.push({ at: sample.ids.length + i, target, weight });
    if (target !== answerIds[i]) break;
  }
  return predictions;
}

/** z ⊕ y with all predictions of non-zero weight: no longer than they need it. */
export function continuation(
  rationale: readonly number[],
  answerIds: readonly number[],
  predictions: readonly Prediction[],
): Continuation {
  const last = predictions.reduce((most, prediction) => Math.max(most, prediction.at), 0);
  return { ids: [...rationale, ...answerIds].slice(0, Math.max(last, 1)), predictions };
}

/**
 * The training group of a question: `rationaleWeights[k]` on every counted token of z_k and `answerWeights[k]` on y's tokens, part
 * by part in order of appearance. Rationales without any weight are left out.
 */
export function trainingGroup(
  question: SampledQuestion,
  weights: readonly { readonly rationaleWeight: number; readonly answerWeights: AnswerParts }[],
  countStopTokens: boolean,
): PromptGroup {
  const { encoded, rationales } = question;
  const continuations = rationales.flatMap((rationale, k): Continuation[] => {
    const { rationaleWeight, answerWeights } = weights[k]!;
    const onAnswer = joinParts(answerWeights, encoded.answerParts);
    const predictions = [
      ...rationalePredictions(rationale, encoded.answerIds, rationaleWeight, countStopTokens),
      ...encoded.answerIds.map(
        (target, t): Prediction => ({ at: rationale.ids.length + t, target, weight: onAnswer[t]! }),
      ),
    ].filter((prediction) => prediction.weight !== 0);
    return predictions.length === 0 ? [] : [continuation(rationale.ids, encoded.answerIds, predictions)];
  });
  return { prompt: encoded.promptIds, continuations };
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
