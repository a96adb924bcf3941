/** Which tokens of y a rationale's reward counts, and their log-probability with and without the rationale: always of the same tokens. */
import type { CountedOver, FiguresMade } from './figures_made.ts';
import type { AnswerTokenRecord, RationaleRecord } from './records.ts';

/** Sums agree to float32 rounding. */
const TOLERANCE = 1e-5;

/** The part of a record that says what its self-reward is. */
export const SELF_REWARD_PARTS = ['made', 'selfReward', 'answerLogProb', 'templateLogProb', 'answerTokens'] as const;
type SelfRewardParts = Pick<RationaleRecord, (typeof SELF_REWARD_PARTS)[number]>;

/** As recorded; for older records as far as the figures themselves say it, else null. */
export function countedOver(record: SelfRewardParts): CountedOver | null {
  const { made, selfReward, answerLogProb, templateLogProb, answerTokens } = record;
  if (made !== undefined) return answerTokens.length === 0 ? null : made.over;
  if (answerTokens.length === 0) return null;
  if (near(selfReward, answerLogProb + templateLogProb)) return 'answer-and-template';
  return near(selfReward, answerLogProb) ? 'answer' : null;
}

/** What a self-reward is: of which kind, of which tokens, and whether the same without a rationale is subtracted from it. */
export type SelfRewardMade = Pick<FiguresMade, 'kind' | 'over' | 'subtractNoRationale'>;

/** As recorded; what an older record itself says, else null. */
export function madeOf(record: SelfRewardParts): SelfRewardMade | null {
  const { made } = record;
  if (made !== undefined) return { kind: made.kind, over: made.over, subtractNoRationale: made.subtractNoRationale };
  const over = countedOver(record);
  return over === null ? null : { kind: 'log-probability', over, subtractNoRationale: false };
}

const near = (a: number, b: number): boolean => Math.abs(a - b) <= TOLERANCE * Math.max(1, Math.abs(b));

export function countedTokens(record: RationaleRecord, over: CountedOver): AnswerTokenRecord[] {
  return record.answerTokens.filter(({ part }) => over === 'answer-and-template' || part === 'answer');
}

/** log π(y_t | x, y_<t) of the counted tokens without any rationale, in their order; null where one was not scored. */
export function bareLogProbs(record: RationaleRecord, over: CountedOver): number[] | null {
  const bare = countedTokens(record, over).map(({ logProbWithoutRationale }) => logProbWithoutRationale);
  return bare.length > 0 && bare.every((each) => each !== null) ? bare : null;
}

/** The same with the rationale. */
export function countedLogProbs(record: RationaleRecord, over: CountedOver): number[] | null {
  const logProbs = countedTokens(record, over).map(({ logProb }) => logProb);
  return logProbs.length > 0 && logProbs.every((each) => each !== null) ? logProbs : null;
}

/** Σ log π(y_t | x, y_<t) over the tokens that this rationale's reward counts; null where it is not known. */
export function bareLogProb(record: RationaleRecord | undefined): number | null {
  const over = record === undefined ? null : countedOver(record);
  const bare = over === null ? null : bareLogProbs(record!, over);
  return bare === null ? null : sum(bare);
}

export const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
