/** The traces r^(1) … r^(M) of a question that SSFT learns: from the dataset when it has several, else the model's own (§7.4 of the design). */
import { figuresMade } from '../../../protocol/figures_made.ts';
import type { QuestionRollout } from '../../../protocol/records.ts';
import { LatroError } from '../../common/errors.ts';
import { foldKey, RandomStream } from '../../common/random.ts';
import type { DatasetRow } from '../../datasets/row.ts';
import { selectTraces } from '../../forking/selection.ts';
import { answerLeakIndex } from '../../latro/answer_leak.ts';
import { latroBatchUpdate } from '../../latro/objective.ts';
import { objectiveSettings } from '../../latro/objective_settings.ts';
import { isFinished } from '../../latro/truncation.ts';
import type { EncodedQuestion } from '../question_encoder.ts';
import { rationaleKey } from '../rollout.ts';
import { questionRollout } from '../rollout_record.ts';
import { scoredQuestion } from './latro.ts';
import type { MethodContext, UpdateRequest } from './method.ts';
import { sampleUnderTags, scoreForks, type Tag } from './tagged_sampling.ts';

export interface Trace {
  readonly ids: readonly number[];
  /** Index into `sources`. */
  readonly source: number;
  /** Which rationale of the question's rollout it is; absent: the dataset's. */
  readonly sample?: number;
}

export interface QuestionTraces {
  /** (Q, ≤ M). */
  readonly traces: readonly (readonly Trace[])[];
  /** Who wrote traces: sources of the dataset or, for those the model sampled, "0" for no tag and "i" for tag i. */
  readonly sources: readonly string[];
  /** What was sampled to choose them from; empty for traces of the dataset. */
  readonly rollouts: readonly QuestionRollout[];
  readonly tagLogProbs: readonly (readonly number[])[] | null;
}

const SUBSET_STREAM = 0x0_7a_ce_50;

/** @param most M, at most this many per question */
export async function tracesOf(context: MethodContext, request: UpdateRequest, most: number): Promise<QuestionTraces> {
  const { source } = context.config.ssft;
  const sources = context.traceSources;
  if (source === 'sampled' || (source === 'auto' && sources.length === 0)) return sampledTraces(context, request, most);
  const traces = request.questions.map((question) => datasetTraces(question, context, request.step, most));
  return { traces, sources, rollouts: [], tagLogProbs: null };
}

/** Every source of traces that training rows name, sorted; empty when no row has several rationales. */
export function traceSources(rows: readonly DatasetRow[]): string[] {
  const sources = new Set(rows.flatMap(({ goldRationales }) => goldRationales?.map(({ source }) => source) ?? []));
  return [...sources].sort();
}

/** All traces of a row; of more than M others at every step. */
function datasetTraces(
  { row }: EncodedQuestion,
  { config, task, traceSources: sources }: MethodContext,
  step: number,
  most: number,
): Trace[] {
  if (row.goldRationales === undefined) {
    throw new LatroError(
      'dataset-row',
      `Line ${row.line} has no list of rationales, and the traces are to come from the dataset.`,
      'Give every row "rationales", or set ssft.source to "sampled".',
    );
  }
  const all = row.goldRationales.map(({ source, text }) => ({
    ids: task.tokenizer.encode(text, { addSpecialTokens: false }),
    source: sources.indexOf(source),
  }));
  if (all.length <= most) return all;
  const key = foldKey(SUBSET_STREAM, rationaleKey(config.seed, step, row.rowKey, 0));
  return new RandomStream(key).shuffled(all).slice(0, most);
}

/**
 * K candidates per question from the policy as it is, and of them the M best and most different. Each is sampled under another of the N
 * tags or, one in N + 1, under none: at first the tags mean nothing to the model and only the latter are sound; once they do, they
 * keep the set diverse. The control without tags samples without.
 */
async function sampledTraces(context: MethodContext, request: UpdateRequest, most: number): Promise<QuestionTraces> {
  const { config, policy, task } = context;
  const { rationalesPerQuestion, minRationaleTokens } = config.sampling;
  const { tagLogProbs, bare } = await scoreForks(
    (groups) => policy.model.score(groups),
    request.questions,
    policy.tags,
  );
  const tags = config.ssft.matching === 'mixed' ? 0 : (policy.tags?.ids.length ?? 0);
  const plan = Array.from({ length: rationalesPerQuestion }, (_, k): Tag => {
    const stratum = k % (tags + 1);
    return stratum === 0 ? null : stratum - 1;
  });
  const plans = request.questions.map(() => plan);
  const questions = await sampleUnderTags(context, request, 0, plans, bare);
  const updates = latroBatchUpdate(
    questions.map(({ sampled }) => scoredQuestion(sampled)),
    { ...objectiveSettings(config), beta: 0 },
  );
  const random = { seed: config.seed, step: request.step };
  const made = figuresMade(config, questions.length);
  const rollouts = questions.map(({ sampled, tagOf }, q) =>
    questionRollout(sampled, updates[q]!.rationales, task, random, made, [], tagOf),
  );
  const traces = questions.map(({ sampled }, q) => {
    const bareAnswer = sampled.answerLogProbsWithoutRationale.filter(
      (_, t) => sampled.encoded.answerParts[t] === 'answer',
    );
    const withoutRationale = bareAnswer.reduce((total, value) => total + value, 0);
    const candidates = rollouts[q]!.rationales.map((record, k) => ({
      text: record.text,
      reward: record.selfReward,
      informationGain: record.answerLogProb - withoutRationale,
      correct: task.answerKind === 'free-text' ? null : record.correct,
      finished:
        isFinished(record.stopReason, record.tokens.length, minRationaleTokens) &&
        sampled.rationales[k]!.ids.length > 0,
      leaksAnswer: answerLeakIndex(record.text) !== null,
    }));
    const chosen = selectTraces(candidates, { traces: most, rewardWeight: config.ssft.rewardWeight });
    return chosen.map((k) => ({
      sample: k,
      ids: sampled.rationales[k]!.ids,
      source: plan[k] === null ? 0 : plan[k]! + 1,
    }));
  });
  const sources = Array.from({ length: tags + 1 }, (_, stratum) => String(stratum));
  return { traces, sources, rollouts, tagLogProbs };
}
