/**
 * LaTRO (Chen et al. 2024, arXiv 2411.04282): from the K scored rationales of a question to the token weights of its update.
 *
 * Objective (eq. 3, with the β of Prop. 2):
 *
 *     J(θ) = E_(x,y) [ E_{z~π_θ(·|x)}[ log π_θ(y | x⊕z) ]  −  β · KL[ π_θ(z|x) ‖ π_0(z|x) ] ]
 *
 * Gradient (eq. 4), for N questions and K rationales z_k ~ π_θ(·|x) each:
 *
 *     ∇̂J = (1/(N·K)) Σ_i Σ_k [ A_k · ∇log π_θ(z_k | x_i)  +  c_sft · ∇log π_θ(y_i | x_i⊕z_k) ]
 *     r_k = log π_θ(y | x⊕z_k) − β · (log π_θ(z_k|x) − log π_0(z_k|x))        A_k = r_k − (1/(K−1)) Σ_{j≠k} r_j
 *
 * so every token of z_k weighs A_k/(N·K) and every counted token of y weighs c_sft/(N·K) in L(θ) = −Σ w_t log π_θ(token_t).
 * c_sft = 1 is not a choice but the product rule: ∇E_z[R_θ(z)] = E_z[R_θ ∇log π(z|x) + ∇R_θ]. Other self-rewards take the
 * place of log π(y|x⊕z) with their own ∇R (reward_*.ts). No whitening, no PPO ratio: one step per batch of rollouts.
 */
import type { StopReason } from '../../protocol/records.ts';
import { unreachable } from '../common/errors.ts';
import {
  advantagesOver,
  clipAdvantages,
  leaveOneOutBaseline,
  requireSeveralRationales,
  standardDeviation,
  ZERO_SPREAD,
} from './advantage.ts';
import { klPenalty } from './kl.ts';
import { orderFreeMean } from './log_space.ts';
import {
  type AnswerParts,
  type AnswerScores,
  countedLogProbs,
  type RewardSettings,
  type SelfReward,
  sum,
} from './reward.ts';
import { jepoAnswerWeights, jepoBound, jepoLeaveOneOutBounds } from './reward_jepo.ts';
import { selfRewards } from './reward_registry.ts';
import { isFinished, questionMinimum, type TruncationSettings } from './truncation.ts';

/** c_sft: how much of ∇log π(y|x⊕z) joins the update. It only ever reaches the tokens of y that the reward counts. */
export type AnswerTermSettings =
  /** The same for every rationale: 1 in eq. 4, 0 in the released code. */
  | { readonly type: 'constant'; readonly coefficient: number }
  /** coefficient · sg[π(y|x⊕z)] (VeriFree, arXiv 2505.21493): rationales that make the answer unlikely teach nothing. */
  | { readonly type: 'answer-probability'; readonly coefficient: number }
  /**
   * coefficient · ∂R/∂log π(y_t) of the chosen reward: 1 for LaTRO, π(y|x⊕z) for VeriFree, π(y_t)/m for RLPR, w(σ_t) for R3,
   * K · π_k/Σπ_j for JEPO. With coefficient 1, ∇̂J is the exact gradient of the chosen objective.
   */
  | { readonly type: 'reward-gradient'; readonly coefficient: number };

export interface ObjectiveSettings {
  readonly reward: RewardSettings;
  /** KL coefficient β ≥ 0. */
  readonly beta: number;
  readonly truncation: TruncationSettings;
  /** Shorter rationales count as unfinished (tokens). 0: none does. */
  readonly minTokens: number;
  readonly answerTerm: AnswerTermSettings;
  /**
   * Whether y is also learned after an unfinished rationale. The paper's estimator does; but where a penalty has taken the
   * reward's place the reward no longer depends on y, and its gradient is 0.
   */
  readonly answerTermOnUnfinished: boolean;
  /** c in Ã = clip(A/std, −c, c) (JEPO: 1); null: off. With it Σ_k A_k is no longer 0. */
  readonly advantageClip: number | null;
}

export interface ScoredRationale {
  /** n_z. */
  readonly tokens: number;
  readonly stopReason: StopReason;
  /** Σ log π_θ(z_t | x, z_<t). */
  readonly logProb: number;
  /** Σ log π_0(z_t | x, z_<t); null only when β = 0. */
  readonly referenceLogProb: number | null;
  /** Per-token scores of y after this rationale; null when it could not be scored: no update, and no part in any baseline. */
  readonly scores: AnswerScores | null;
  /** Added to the reward: a person's rating of this rationale. */
  readonly ratingBonus?: number;
}

export interface ScoredQuestion {
  /** (K), K ≥ 2. */
  readonly rationales: readonly ScoredRationale[];
  /** Scores of y with no rationale; null when not scored. */
  readonly noRationale: AnswerScores | null;
}

/** What a question's update needs to know of the batch that it is part of. */
export interface BatchContext {
  /** N, the questions of the whole update (not of a micro-batch): accumulation then equals the big batch. */
  readonly questions: number;
  /** Mean self-reward over all rationales of the batch; only truncation rule 'batch-mean' reads it. */
  readonly meanSelfReward: number | null;
}

/** Everything that one rationale's update is made of. Numbers are null for a rationale that could not be scored. */
export interface RationaleUpdate {
  readonly finished: boolean;
  /** Σ log π over the answer's own tokens / over the template's. */
  readonly answerLogProb: number | null;
  readonly templateLogProb: number | null;
  readonly selfReward: number | null;
  /** What took the self-reward's place because the rationale is unfinished; null when nothing did. */
  readonly truncationPenalty: number | null;
  /** β · k1 as it was subtracted; 0 where the question-minimum penalty replaced the whole reward. */
  readonly klPenalty: number;
  /** (truncationPenalty ?? selfReward) − klPenalty + ratingBonus; under JEPO the group's bound plus its own share of KL. */
  readonly reward: number | null;
  /** Leave-one-out baseline; null when no sibling was scored. */
  readonly baseline: number | null;
  /** reward − baseline, clipped when that is on. */
  readonly advantage: number;
  /** w_t of every token of z. */
  readonly rationaleWeight: number;
  /** w_t of every token of y, part by part. */
  readonly answerWeights: AnswerParts;
}

export interface QuestionUpdate {
  /** (K), in the order given. */
  readonly rationales: readonly RationaleUpdate[];
  /** Standard deviation of the scored rewards (JEPO: of the advantages): what the RLPR filter looks at. */
  readonly rewardSpread: number;
  /** All rewards (nearly) equal: this question teaches its rationales nothing. */
  readonly zeroVariance: boolean;
}

/**
 * The update of every question of a batch.
 *
 * @throws LatroError `config-invalid` when K < 2; `non-finite` when a score is not a finite number.
 */
export function latroBatchUpdate(questions: readonly ScoredQuestion[], settings: ObjectiveSettings): QuestionUpdate[] {
  const batch = { questions: questions.length, meanSelfReward: meanSelfReward(questions, settings) };
  return questions.map((question) => latroUpdate(question, settings, batch));
}

/** Over all rationales that could be scored; null without one. */
export function meanSelfReward(questions: readonly ScoredQuestion[], settings: ObjectiveSettings): number | null {
  const values = questions
    .flatMap(({ rationales, noRationale }) =>
      selfRewards(
        settings.reward,
        rationales.map((r) => r.scores),
        noRationale,
      ),
    )
    .flatMap((selfReward) => (selfReward === null ? [] : [selfReward.value]));
  return values.length === 0 ? null : orderFreeMean(values);
}

/** The update of one question (eq. 4). Pure; the order of rationales changes nothing but the order of the result. */
export function latroUpdate(
  question: ScoredQuestion,
  settings: ObjectiveSettings,
  batch: BatchContext,
): QuestionUpdate {
  const { rationales } = question;
  requireSeveralRationales(rationales.length);
  const finished = rationales.map((r) => isFinished(r.stopReason, r.tokens, settings.minTokens));

  // R(z_k) and β·(log π_θ(z_k|x) − log π_0(z_k|x)), of the rationales that could be scored.
  const rewardsOfAnswer = selfRewards(
    settings.reward,
    rationales.map((r) => r.scores),
    question.noRationale,
  );
  const scored = rationales.flatMap((rationale, k): Member[] => {
    const selfReward = rewardsOfAnswer[k] ?? null;
    if (selfReward === null || rationale.scores === null) return [];
    return [
      {
        index: k,
        finished: finished[k] as boolean,
        scores: rationale.scores,
        selfReward,
        kl: klPenalty(settings.beta, rationale.logProb, rationale.referenceLogProb),
        bonus: rationale.ratingBonus ?? 0,
      },
    ];
  });

  // r_k, b_k and A_k.
  const judged =
    settings.reward.kind === 'jepo' ? judgeJointly(scored, settings, batch) : judge(scored, settings, batch);
  const rewards = judged.map((j) => j.reward);
  const raw = advantagesOver(
    rewards,
    judged.map((j) => j.baseline),
  );
  // JEPO's rewards are one shared bound; what differs between its rationales are the advantages.
  const rewardSpread = standardDeviation(settings.reward.kind === 'jepo' ? raw : rewards);
  const clip = settings.advantageClip;
  const advantages = clip === null ? raw : clipAdvantages(raw, standardDeviation(raw), clip);

  // w_t: A_k/(N·K) on z, c_sft/(N·K) on y. JEPO's sum over k has no factor 1/K, unless its advantages were rescaled.
  // K counts the scored rationales, so that one that could not be scored does not weaken its question.
  const perRationale = 1 / (batch.questions * scored.length);
  const jointSum = settings.reward.kind === 'jepo' && clip === null;
  const perAdvantage = jointSum ? 1 / batch.questions : perRationale;

  const updates = rationales.map((_, k): RationaleUpdate => unscoredUpdate(finished[k] as boolean));
  scored.forEach((member, s) => {
    const { reward, baseline, truncationPenalty, klPenalty: subtracted, gradientFactor } = judged[s] as Judgement;
    const advantage = advantages[s] as number;
    const learnsAnswer = member.finished || settings.answerTermOnUnfinished;
    updates[member.index] = {
      finished: member.finished,
      answerLogProb: sum(member.scores.answer),
      templateLogProb: sum(member.scores.template),
      selfReward: member.selfReward.value,
      truncationPenalty,
      klPenalty: subtracted,
      reward,
      baseline,
      advantage,
      rationaleWeight: advantage * perAdvantage,
      answerWeights: scaleParts(answerTerm(member, gradientFactor, settings), learnsAnswer ? perRationale : 0),
    };
  });
  return { rationales: updates, rewardSpread, zeroVariance: rewardSpread < ZERO_SPREAD };
}

/** A rationale that could be scored. */
interface Member {
  readonly index: number;
  readonly finished: boolean;
  readonly scores: AnswerScores;
  readonly selfReward: SelfReward;
  readonly kl: number;
  readonly bonus: number;
}

interface Judgement {
  readonly reward: number;
  readonly baseline: number | null;
  readonly truncationPenalty: number | null;
  readonly klPenalty: number;
  /** Factor on ∂R/∂log π(y_t) that comes from the group: 1, or JEPO's n · π_k/Σπ_j. */
  readonly gradientFactor: number;
}

/** Every reward but JEPO's: r_k of its own, b_k the mean of the others'. */
function judge(scored: readonly Member[], settings: ObjectiveSettings, batch: BatchContext): Judgement[] {
  const values = scored.map((m) => m.selfReward.value - m.kl);
  const penalties = truncationPenalties(values, scored, settings.truncation, batch);
  const partial = scored.map((m, s) => {
    const truncationPenalty = penalties[s] ?? null;
    const replacesKl = truncationPenalty !== null && settings.truncation.rule === 'question-minimum';
    const subtracted = replacesKl ? 0 : m.kl;
    const reward = (truncationPenalty ?? m.selfReward.value) - subtracted + m.bonus;
    return { truncationPenalty, klPenalty: subtracted, reward };
  });
  const baselines = baselinesOf(partial.map((p) => p.reward));
  return partial.map((p, s) => ({ ...p, baseline: baselines[s] ?? null, gradientFactor: 1 }));
}

/**
 * JEPO: the n scored rationales earn the bound L⁽ⁿ⁾ together, and KL and ratings as a mean over them:
 * r_k = L⁽ⁿ⁾ + (bonus_k − β·k1_k)/n, b_k = the bound of the others + the mean of their (bonus − β·k1)/n.
 */
function judgeJointly(scored: readonly Member[], settings: ObjectiveSettings, batch: BatchContext): Judgement[] {
  if (scored.length === 0) return [];
  const values = scored.map((m) => m.selfReward.value);
  const penalties = truncationPenalties(values, scored, settings.truncation, batch);
  const logProbs = values.map((value, s) => penalties[s] ?? value);
  // The bound and KL are judged apart here, so an unfinished rationale also takes the largest KL of the finished ones.
  const worstKl = -questionMinimum(
    scored.map((m) => -m.kl),
    scored.map((m) => m.finished),
    0,
  );
  const kls = scored.map((m, s) =>
    settings.truncation.rule === 'question-minimum' && penalties[s] !== null ? worstKl : m.kl,
  );
  const shares = scored.map((m, s) => (m.bonus - (kls[s] as number)) / scored.length);
  const bound = jepoBound(logProbs);
  const otherBounds = jepoLeaveOneOutBounds(logProbs);
  const otherShares = baselinesOf(shares);
  const weights = jepoAnswerWeights(logProbs);
  return scored.map((_, s) => {
    const otherShare = otherShares[s] ?? null;
    return {
      reward: bound + (shares[s] as number),
      baseline: otherShare === null ? null : (otherBounds[s] as number) + otherShare,
      truncationPenalty: penalties[s] ?? null,
      klPenalty: kls[s] as number,
      gradientFactor: scored.length * (weights[s] as number),
    };
  });
}

/** What takes the reward's place for each unfinished rationale, null for the others. */
function truncationPenalties(
  values: readonly number[],
  scored: readonly Member[],
  truncation: TruncationSettings,
  batch: BatchContext,
): (number | null)[] {
  switch (truncation.rule) {
    case 'none':
      return scored.map(() => null);
    case 'question-minimum': {
      if (values.length === 0) return [];
      const penalty = questionMinimum(
        values,
        scored.map((m) => m.finished),
        truncation.penalty,
      );
      return scored.map((m) => (m.finished ? null : penalty));
    }
    case 'batch-mean': {
      const { meanSelfReward } = batch;
      if (scored.length === 0) return [];
      if (meanSelfReward === null) throw new Error("truncation rule 'batch-mean' needs the batch's mean self-reward");
      return scored.map((m) => (m.finished ? null : truncation.penalty * meanSelfReward));
    }
    default:
      return unreachable(truncation);
  }
}

/** c_sft of every token of y. */
function answerTerm(member: Member, gradientFactor: number, settings: ObjectiveSettings): AnswerParts {
  const { answerTerm: term, reward } = settings;
  const counted: AnswerParts = {
    answer: member.scores.answer.map(() => 1),
    template: member.scores.template.map(() => (reward.over === 'answer' ? 0 : 1)),
  };
  switch (term.type) {
    case 'constant':
      return scaleParts(counted, term.coefficient);
    case 'answer-probability':
      return scaleParts(counted, term.coefficient * Math.exp(sum(countedLogProbs(member.scores, reward.over))));
    case 'reward-gradient':
      return scaleParts(member.selfReward.gradient, term.coefficient * gradientFactor);
    default:
      return unreachable(term);
  }
}

function unscoredUpdate(finished: boolean): RationaleUpdate {
  return {
    finished,
    answerLogProb: null,
    templateLogProb: null,
    selfReward: null,
    truncationPenalty: null,
    klPenalty: 0,
    reward: null,
    baseline: null,
    advantage: 0,
    rationaleWeight: 0,
    answerWeights: { answer: [], template: [] },
  };
}

/** Leave-one-out baselines of the scored rewards; null when there is only one. */
function baselinesOf(rewards: readonly number[]): (number | null)[] {
  return rewards.length < 2 ? rewards.map(() => null) : leaveOneOutBaseline(rewards);
}

function scaleParts(parts: AnswerParts, factor: number): AnswerParts {
  return { answer: parts.answer.map((v) => v * factor), template: parts.template.map((v) => v * factor) };
}
