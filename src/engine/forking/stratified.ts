/**
 * LaTRO under stratified tags (§7.3 of the design; ours). The forking token is the rationale's first decision,
 * z = (g, z'), so
 *
 *     J = Σ_i p_i · E_{z'~π(·|x,g_i)}[ log π(y|x⊕g_i⊕z') − β log(π(z'|x,g_i)/π_0(z'|x,g_i)) ]  −  β KL(p ‖ p0)
 *
 * Every tag is forced S times (K = N·S). The gradient of π(z'|x,g) uses the leave-one-out baseline within its tag: the
 * baseline across tags would mix the tag's quality into the rationale's. The difference between tags goes to g (gfpo.ts).
 */
import { LatroError } from '../common/errors.ts';
import { orderFreeMean } from '../latro/log_space.ts';
import {
  type BatchContext,
  latroUpdate,
  type ObjectiveSettings,
  type QuestionUpdate,
  type ScoredQuestion,
  type ScoredRationale,
} from '../latro/objective.ts';

/** `equal`: 1/N, trains all modes alike. `probability`: p_i, the true J. */
export type TagWeighting = 'equal' | 'probability';

/** The S rationales z' that were sampled under one tag; logProb and referenceLogProb are of z' given the tag, without g. */
export interface TagGroup {
  /** 0-based. */
  readonly tag: number;
  readonly rationales: readonly ScoredRationale[];
}

export interface TagUpdate {
  readonly tag: number;
  /** Weights already multiplied by the tag's 1/N or p_i. */
  readonly update: QuestionUpdate;
  /** r̄_i for `exactForkUpdate`: mean reward under this tag, KL(z'|g_i) subtracted; null when none could be scored. */
  readonly meanReward: number | null;
}

/**
 * The update of one question.
 *
 * @param tagProbabilities p_i, (N), by tag; read only with weighting 'probability'.
 * @throws LatroError `config-invalid` when a tag has fewer than S = 2 rationales, or tags have different numbers of them.
 */
export function stratifiedUpdate(
  groups: readonly TagGroup[],
  noRationale: ScoredQuestion['noRationale'],
  settings: ObjectiveSettings,
  batch: BatchContext,
  weighting: TagWeighting,
  tagProbabilities: readonly number[],
): TagUpdate[] {
  checkStrata(groups);
  return groups.map(({ tag, rationales }) => {
    const update = latroUpdate({ rationales, noRationale }, settings, batch);
    const weight = weighting === 'equal' ? 1 / groups.length : (tagProbabilities[tag] as number);
    const rewards = update.rationales.flatMap(({ reward }) => reward ?? []);
    return {
      tag,
      update: { ...update, rationales: update.rationales.map((r) => scaled(r, weight)) },
      meanReward: rewards.length === 0 ? null : orderFreeMean(rewards),
    };
  });
}

type RationaleUpdate = QuestionUpdate['rationales'][number];

function scaled(rationale: RationaleUpdate, weight: number): RationaleUpdate {
  const { answer, template } = rationale.answerWeights;
  return {
    ...rationale,
    rationaleWeight: rationale.rationaleWeight * weight,
    answerWeights: { answer: answer.map((w) => w * weight), template: template.map((w) => w * weight) },
  };
}

function checkStrata(groups: readonly TagGroup[]): void {
  const perTag = groups[0]?.rationales.length ?? 0;
  if (perTag >= 2 && groups.every(({ rationales }) => rationales.length === perTag)) return;
  throw new LatroError(
    'config-invalid',
    'Rationales per question must be a multiple of the number of strategies, and at least twice it: the baseline of a rationale is the mean reward of the others under the same strategy.',
    'Set sampling.rationalesPerQuestion to S × the number of strategies, with S ≥ 2.',
  );
}
