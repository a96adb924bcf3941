/** The traces r^(1) … r^(M) of a question that SSFT learns: from the dataset when it has several, else the model's own (§7.4 of the design). */
import type { QuestionRollout } from '../../../protocol/records.ts';
import { LatroError } from '../../common/errors.ts';
import { foldKey, RandomStream } from '../../common/random.ts';
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
  /** Its place in the row's list; for a sampled one 0 when it was sampled without a tag, i under tag i (1-based). */
  readonly source: number;
}

export interface QuestionTraces {
  /** (Q, ≤ M). */
  readonly traces: readonly (readonly Trace[])[];
  /** How many sources there are. */
  readonly sources: number;
  /** What was sampled to choose them from; empty for traces of the dataset. */
  readonly rollouts: readonly QuestionRollout[];
  readonly tagLogProbs: readonly (readonly number[])[] | null;
}

const SUBSET_STREAM = 0x0_7a_ce_50;

/** @param most M, at most this many per question */
export async function tracesOf(context: MethodContext, request: UpdateRequest, most: number): Promise<QuestionTraces> {
  const { source } = context.config.ssft;
  const listed = request.questions.every(({ row }) => row.goldRationales !== undefined);
  if (source === 'sampled' || (source === 'auto' && !listed)) return sampledTraces(context, request, most);
  const traces = request.questions.map((question) => datasetTraces(question, context, request.step, most));
  const longest = Math.max(...request.questions.map(({ row }) => row.goldRationales?.length ?? 0));
  return { traces, sources: longest, rollouts: [], tagLogProbs: null };
}

/** All traces of a row; of more than M others at every step. */
function datasetTraces({ row }: EncodedQuestion, { config, task }: MethodContext, step: number, most: number): Trace[] {
  const texts = row.goldRationales;
  if (texts === undefined) {
    throw new LatroError(
      'dataset-row',
      `Line ${row.line} has no list of rationales, and ssft.source is "dataset".`,
      'Give every row a list "rationales", or set ssft.source to "sampled".',
    );
  }
  const all = texts.map((text, source) => ({ ids: task.tokenizer.encode(text, { addSpecialTokens: false }), source }));
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
  const rollouts = questions.map(({ sampled, tagOf }, q) =>
    questionRollout(sampled, updates[q]!.rationales, task, { seed: config.seed, step: request.step }, [], tagOf),
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
    return chosen.map((k) => ({ ids: sampled.rationales[k]!.ids, source: plan[k] === null ? 0 : plan[k]! + 1 }));
  });
  return { traces, sources: tags + 1, rollouts, tagLogProbs };
}
