/**
 * What every self-reward is made of: the log-probabilities of the gold answer's tokens under the model itself, with a
 * rationale in front of them and, where asked for, without one. All log-probabilities are natural logarithms (nats).
 *
 * A reward depends on θ twice: through the rationale that was sampled, and through the answer's own likelihood. Lemma 1 of
 * Likelihood-Based Reward Designs (arXiv 2602.03979): ∇E_z[R_θ] = E_z[(R − c)·∇log π(z|x) + ∇R_θ]. So each reward file
 * returns the value R and its gradient with respect to the answer's token log-probabilities, ∂R/∂log π(y_t).
 */

/** One number per token of y, the two parts apart. y is the template with the answer in it, plus its end token. */
export interface AnswerParts<Values = readonly number[]> {
  /** The answer's own tokens, in order of appearance. */
  readonly answer: Values;
  /** Every other token of y: "The answer is", ".", the end token; in order of appearance. */
  readonly template: Values;
}

/** log π(y_t | x ⊕ z, y_<t) of every token of y; in a no-rationale score z is empty. */
export type AnswerScores = AnswerParts;

/** Which tokens of y the reward counts. The paper counts all of them; then learning the template alone raises the reward. */
export type RewardOver = 'answer-and-template' | 'answer';

export type RewardKind = 'log-probability' | 'probability' | 'mean-token-probability' | 'jepo' | 'spread-weighted';

export interface RewardSettings {
  readonly kind: RewardKind;
  readonly over: RewardOver;
  /**
   * Subtract the score of the same answer without a rationale, a constant in θ here (stop-gradient). Leave-one-out
   * advantages of unclipped rewards do not change; what changes is the sign that a person reads, and RLPR's clip.
   */
  readonly subtractNoRationale: boolean;
}

/** The reward of one rationale before KL, truncation and ratings. */
export interface SelfReward {
  readonly value: number;
  /** ∂value/∂log π(y_t); 0 on tokens that the reward does not count. */
  readonly gradient: AnswerParts;
}

/** The scored rationales of one question, and its score without a rationale where the settings ask for one. */
export interface RewardInput {
  readonly group: readonly AnswerScores[];
  readonly noRationale: AnswerScores | null;
  readonly settings: RewardSettings;
}

/** The log-probabilities that the reward counts: the answer's first, then the template's. */
export function countedLogProbs(scores: AnswerScores, over: RewardOver): readonly number[] {
  return over === 'answer' ? scores.answer : [...scores.answer, ...scores.template];
}

/** Lays one value per counted token (in the order of `countedLogProbs`) back over y; 0 on the tokens not counted. */
export function spreadOverParts(values: readonly number[], like: AnswerScores, over: RewardOver): AnswerParts {
  const answer = values.slice(0, like.answer.length);
  return { answer, template: over === 'answer' ? like.template.map(() => 0) : values.slice(like.answer.length) };
}

/** The no-rationale score that `subtractNoRationale` needs, per counted token; null when it is off. */
export function noRationaleLogProbs({ group, noRationale, settings }: RewardInput): readonly number[] | null {
  if (!settings.subtractNoRationale) return null;
  if (noRationale === null)
    throw new Error('subtractNoRationale is on, but the question has no score without rationale');
  const counted = countedLogProbs(noRationale, settings.over);
  const first = group[0];
  if (first !== undefined && countedLogProbs(first, settings.over).length !== counted.length) {
    throw new Error('the score without rationale is of another answer than the scores with one');
  }
  return counted;
}

export function sum(values: readonly number[]): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

/** Splits y's per-token values, in order of appearance, into its two parts. `parts` has one entry per token of y. */
export function splitParts(values: readonly number[], parts: readonly ('template' | 'answer')[]): AnswerParts {
  return {
    answer: values.filter((_, t) => parts[t] === 'answer'),
    template: values.filter((_, t) => parts[t] === 'template'),
  };
}

/** The inverse of `splitParts`: y's per-token values in order of appearance; 0 where there are none, for a rationale without scores. */
export function joinParts(values: AnswerParts, parts: readonly ('template' | 'answer')[]): number[] {
  const next = { answer: 0, template: 0 };
  return parts.map((part) => values[part][next[part]++] ?? 0);
}
