/** A person's ratings as a run uses them: a bonus on the reward of rationales they judged, and those they approved as token ids. */
import type { RatingsInUse } from '../../protocol/records.ts';
import type { RunConfig } from '../../protocol/run_config.ts';
import { LatroError } from '../common/errors.ts';
import type { FileSystem } from '../common/file_system.ts';
import { quoteExcerpt } from '../datasets/quote.ts';
import { readRatings, type Verdicts, verdictsOf, verdictsSha256 } from '../datasets/ratings.ts';
import type { DatasetRow } from '../datasets/row.ts';
import { approvedCoefficient } from '../latro/approved_rationales.ts';
import type { QuestionTask } from './question_task.ts';

export interface RunVerdicts {
  readonly verdicts: Verdicts;
  readonly sha256: string;
}

type RatingsConfig = Pick<RunConfig, 'method' | 'ratings' | 'sftWeight' | 'strategies'>;

/** The verdicts beside the training file as they are now; null when the run does not ask for any. */
export async function readVerdicts(
  config: RatingsConfig & Pick<RunConfig, 'dataset'>,
  files: FileSystem,
): Promise<RunVerdicts | null> {
  if (config.ratings.rewardBonus === 0 && !learnsApproved(config)) return null;
  if (config.method !== 'latro') return null;
  const verdicts = verdictsOf(await readRatings(files, config.dataset.train));
  return { verdicts, sha256: verdictsSha256(verdicts) };
}

/** Not with reasoning strategies: nothing says under which tag a rationale is to be learned. */
function learnsApproved({ ratings, sftWeight, strategies }: RatingsConfig): boolean {
  return strategies.count === 0 && ratings.trainOnApproved && approvedCoefficient(sftWeight) > 0;
}

export class RunRatings {
  readonly inUse: RatingsInUse;
  readonly #verdicts: Verdicts;
  readonly #bonus: number;
  readonly #approved: ReadonlyMap<string, readonly (readonly number[])[]>;

  /**
   * @param rows the training questions
   * @throws LatroError `prompt-too-long` when an approved rationale does not fit into the model's positions
   */
  constructor(
    verdicts: Verdicts,
    rows: readonly DatasetRow[],
    task: QuestionTask,
    maxPositions: number,
    config: RatingsConfig,
  ) {
    this.#verdicts = verdicts;
    this.#bonus = config.ratings.rewardBonus;
    const byKey = new Map(rows.map((row) => [row.rowKey, row]));
    const own = [...verdicts].flatMap(([rowKey, row]) => (byKey.has(rowKey) ? [...row.values()] : []));
    const all = [...verdicts.values()].reduce((sum, row) => sum + row.size, 0);
    const approved = new Map<string, (readonly number[])[]>();
    for (const [rowKey, row] of learnsApproved(config) ? byKey : []) {
      const texts = [...(verdicts.get(rowKey) ?? [])].flatMap(([text, verdict]) =>
        verdict === 'useful' ? [text] : [],
      );
      if (texts.length > 0)
        approved.set(
          rowKey,
          texts.sort().map((text) => encodeApproved(text, row, task, maxPositions)),
        );
    }
    this.#approved = approved;
    this.inUse = {
      approved: [...approved.values()].reduce((sum, texts) => sum + texts.length, 0),
      judged: this.#bonus === 0 ? 0 : own.length,
      elsewhere: all - own.length,
    };
  }

  /** Added to the reward of a sampled rationale: ± rewardBonus when this very text was judged for this row, otherwise 0. */
  bonus(rowKey: string, rationale: string): number {
    const verdict = this.#verdicts.get(rowKey)?.get(rationale);
    if (verdict === undefined) return 0;
    return verdict === 'useful' ? this.#bonus : -this.#bonus;
  }

  /** Whether any rationale of this row was judged and that counts. */
  judges(rowKey: string): boolean {
    return this.#bonus > 0 && this.#verdicts.has(rowKey);
  }

  /** Token ids of the row's approved rationales that are learned, in an order that the file's does not change. */
  approved(rowKey: string): readonly (readonly number[])[] {
    return this.#approved.get(rowKey) ?? [];
  }
}

function encodeApproved(text: string, row: DatasetRow, task: QuestionTask, maxPositions: number): readonly number[] {
  const { promptIds, answerIds } = task.encoder.encode(row, 0);
  const ids = task.tokenizer.encode(text, { addSpecialTokens: false });
  const needed = promptIds.length + ids.length + answerIds.length;
  if (needed <= maxPositions) return ids;
  throw new LatroError(
    'prompt-too-long',
    `The approved rationale ${quoteExcerpt(text)} of the question on line ${row.line} needs ${needed} tokens with its question and answer, but the model has ${maxPositions} positions.`,
    'Rate it otherwise, or set ratings.trainOnApproved to false.',
  );
}
