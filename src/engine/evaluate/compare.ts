/** Two evaluations of the same questions, question by question: what an update fixed, what it broke, and whether that is chance. */
import type { EvaluationRow } from '../../protocol/records.ts';
import { LatroError } from '../common/errors.ts';
import { RandomStream } from '../common/random.ts';
import { bootstrapInterval, mcNemarExact, mean, pairedInterval } from './statistics.ts';

export type QuestionOutcome = 'fixed' | 'broken' | 'same-right' | 'same-wrong';

export interface ComparedQuestion {
  readonly rowKey: string;
  /** 1-based, as of the later evaluation. */
  readonly line: number;
  readonly question: string;
  readonly goldAnswer: string;
  readonly outcome: QuestionOutcome;
  readonly beforeAnswer: string | null;
  readonly afterAnswer: string | null;
  /** Change of log π(y | x ⊕ z) with the greedy rationale, in nats. */
  readonly rewardChange: number;
}

/** A question that only one of the evaluations holds. */
export type UnpairedQuestion = Pick<EvaluationRow, 'rowKey' | 'line' | 'question'>;

export interface EvaluationComparison {
  /** Questions in both evaluations; everything below is about them. */
  readonly questions: number;
  readonly fixed: number;
  readonly broken: number;
  readonly sameRight: number;
  readonly sameWrong: number;
  /** Fractions in [0, 1]. */
  readonly beforeAccuracy: number;
  readonly afterAccuracy: number;
  readonly difference: number;
  /** 95 % interval of the difference: see `pairedInterval`. */
  readonly interval: [lo: number, hi: number];
  /** Exact, two-sided. */
  readonly mcNemarP: number;
  /** In the order of the later evaluation. */
  readonly perQuestion: readonly ComparedQuestion[];
  readonly onlyBefore: readonly UnpairedQuestion[];
  readonly onlyAfter: readonly UnpairedQuestion[];
}

export interface CompareOptions {
  /** Which answer counts: the greedy one, or the majority of the samples. */
  readonly answers?: 'greedy' | 'majority';
  /** Of the bootstrap; the same seed gives the same interval. */
  readonly seed?: number;
}

/**
 * Questions are joined by content (rowKey), whatever their order; n equal rows on one side meet the first n on the other.
 * Throws `bad-request` when the two share no question, or majority answers are asked of an evaluation without samples.
 */
export function compareEvaluations(
  before: readonly EvaluationRow[],
  after: readonly EvaluationRow[],
  options: CompareOptions = {},
): EvaluationComparison {
  const { answers = 'greedy', seed = 0 } = options;
  const waiting = new Map<string, EvaluationRow[]>(before.map((row) => [row.rowKey, []]));
  for (const row of before) waiting.get(row.rowKey)?.push(row);
  const pairs: { earlier: EvaluationRow; later: EvaluationRow }[] = [];
  const onlyAfter: EvaluationRow[] = [];
  for (const later of after) {
    const earlier = waiting.get(later.rowKey)?.shift();
    if (earlier) pairs.push({ earlier, later });
    else onlyAfter.push(later);
  }
  if (pairs.length === 0) {
    throw new LatroError(
      'bad-request',
      'The two evaluations share no question.',
      'Compare two evaluations of the same dataset.',
    );
  }
  const perQuestion = pairs.map(({ earlier, later }) => compareQuestion(earlier, later, answers));
  const count = (outcome: QuestionOutcome): number =>
    perQuestion.filter((question) => question.outcome === outcome).length;
  const [fixed, broken, sameRight, sameWrong] = [
    count('fixed'),
    count('broken'),
    count('same-right'),
    count('same-wrong'),
  ];
  const differences = perQuestion.map(({ outcome }) => Number(outcome === 'fixed') - Number(outcome === 'broken'));
  return {
    questions: pairs.length,
    fixed,
    broken,
    sameRight,
    sameWrong,
    beforeAccuracy: (sameRight + broken) / pairs.length,
    afterAccuracy: (sameRight + fixed) / pairs.length,
    difference: mean(differences),
    interval: pairedInterval(fixed, broken, pairs.length, bootstrapInterval(differences, new RandomStream(seed))),
    mcNemarP: mcNemarExact(fixed, broken),
    perQuestion,
    onlyBefore: [...waiting.values()].flat().map(unpaired),
    onlyAfter: onlyAfter.map(unpaired),
  };
}

function compareQuestion(
  earlier: EvaluationRow,
  later: EvaluationRow,
  answers: 'greedy' | 'majority',
): ComparedQuestion {
  const [was, is] = [verdict(earlier, answers), verdict(later, answers)];
  return {
    rowKey: later.rowKey,
    line: later.line,
    question: later.question,
    goldAnswer: later.goldAnswer,
    outcome: was.correct ? (is.correct ? 'same-right' : 'broken') : is.correct ? 'fixed' : 'same-wrong',
    beforeAnswer: was.answer,
    afterAnswer: is.answer,
    rewardChange: later.answerLogProbGreedy - earlier.answerLogProbGreedy,
  };
}

function verdict(row: EvaluationRow, answers: 'greedy' | 'majority'): { answer: string | null; correct: boolean } {
  if (answers === 'greedy') return { answer: row.greedy.extractedAnswer, correct: row.greedy.correct };
  if (row.majorityCorrect === null) {
    throw new LatroError(
      'bad-request',
      `The evaluation of line ${row.line} has no samples to take the majority of.`,
      'Evaluate with k of at least 2, or compare greedy answers.',
    );
  }
  return { answer: row.majorityAnswer, correct: row.majorityCorrect };
}

function unpaired({ rowKey, line, question }: EvaluationRow): UnpairedQuestion {
  return { rowKey, line, question };
}
