/** What a rollout looks like on disk and in the panels: every number that its update was made of. */
import type { FiguresMade } from '../../protocol/figures_made.ts';
import type { QuestionRollout, RationaleRecord } from '../../protocol/records.ts';
import type { RationaleUpdate } from '../latro/objective.ts';
import type { Tokenizer } from '../model/tokenizer.ts';
import type { QuestionTask } from './question_task.ts';
import type { SampledQuestion, SampledRationale } from './rollout.ts';

export function questionRollout(
  question: SampledQuestion,
  updates: readonly RationaleUpdate[],
  task: QuestionTask,
  random: { readonly seed: number; readonly step: number },
  made: FiguresMade,
  ratingBonuses: readonly number[] = [],
  /** Tag each rationale was sampled under, 0-based; null: none. */
  tagOf: readonly (number | null)[] = [],
): QuestionRollout {
  const { encoded, rationales, answerLogProbsWithoutRationale: bare } = question;
  return {
    step: random.step,
    seed: random.seed,
    rowKey: encoded.row.rowKey,
    line: encoded.row.line,
    question: encoded.row.question,
    prompt: encoded.prompt,
    goldAnswer: encoded.row.answer,
    noRationaleLogProb: bare.length === 0 ? null : sum(bare),
    klCoefficient: made.beta,
    rationales: rationales.map((rationale, sample) => {
      const tag = tagOf[sample] ?? null;
      const record = rationaleRecord(
        question,
        rationale,
        sample,
        updates[sample]!,
        task,
        made,
        ratingBonuses[sample] ?? 0,
      );
      return tag === null ? record : { ...record, strategy: tag + 1 };
    }),
  };
}

function rationaleRecord(
  { encoded, answerLogProbsWithoutRationale: bare }: SampledQuestion,
  rationale: SampledRationale,
  sample: number,
  update: RationaleUpdate,
  task: QuestionTask,
  made: FiguresMade,
  ratingBonus: number,
): RationaleRecord {
  const { tokenizer } = task;
  const answerPieces = tokenizer.decodePieces(encoded.answerIds);
  const verdict = task.judge(fullText(tokenizer, rationale), encoded.row);
  return {
    sample,
    text: tokenizer.decode(rationale.ids),
    tokens: tokenizer
      .decodePieces(rationale.ids)
      .map((text, t) => ({ id: rationale.ids[t]!, text, logProb: rationale.logProbs[t]! })),
    stopReason: rationale.stopReason,
    logProb: rationale.logProb,
    referenceLogProb: rationale.referenceLogProb,
    answerTokens: encoded.answerIds.map((id, t) => ({
      id,
      text: answerPieces[t]!,
      logProb: rationale.answerLogProbs[t] ?? null,
      part: encoded.answerParts[t]!,
      logProbWithoutRationale: bare[t] ?? null,
    })),
    answerLogProb: update.answerLogProb ?? 0,
    templateLogProb: update.templateLogProb ?? 0,
    selfReward: update.selfReward ?? 0,
    klPenalty: update.klPenalty,
    ...(ratingBonus === 0 ? {} : { ratingBonus }),
    reward: update.reward ?? 0,
    baseline: update.baseline,
    advantage: update.baseline === null ? null : update.advantage,
    weight: update.rationaleWeight,
    made,
    extractedAnswer: verdict.extracted,
    correct: verdict.correct,
  };
}

/** The rollout with what its rationales, by sample, weigh, where that is known only after it. */
export function withWeights(rollout: QuestionRollout, weights: ReadonlyMap<number, number>): QuestionRollout {
  const rationales = rollout.rationales.map((record) => ({ ...record, weight: weights.get(record.sample) ?? 0 }));
  return { ...rollout, rationales };
}

/** Everything the model said: rationale, stop phrase and its own answer. */
export function fullText(tokenizer: Tokenizer, sample: Pick<SampledRationale, 'ids' | 'stopIds' | 'tailIds'>): string {
  return tokenizer.decode([...sample.ids, ...sample.stopIds, ...sample.tailIds], { skipSpecialTokens: true });
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
