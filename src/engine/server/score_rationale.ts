/**
 * A rationale that a person wrote, scored as a sampled one: log π(z|x), log π(y|x⊕z) and log π(y|x), token by token, from one forward
 * pass. It counts as ended by the answer phrase that follows it, y's own first words. It has no siblings, so there is no
 * baseline and no advantage, and being whole it is not penalised for its length.
 */
import type { RequestParams } from '../../protocol/engine_rpc.ts';
import { figuresMade } from '../../protocol/figures_made.ts';
import type { RationaleRecord } from '../../protocol/records.ts';
import { klPenalty } from '../latro/kl.ts';
import type { RationaleUpdate } from '../latro/objective.ts';
import { objectiveSettings } from '../latro/objective_settings.ts';
import { sum } from '../latro/reward.ts';
import { selfRewards } from '../latro/reward_registry.ts';
import { generate } from '../model/generate.ts';
import { predictTokens } from '../model/packing.ts';
import { scoredQuestion } from '../training/methods/latro.ts';
import type { EncodedQuestion } from '../training/question_encoder.ts';
import { rationalePredictions, type SampledQuestion, type SampledRationale } from '../training/rollout.ts';
import { questionRollout } from '../training/rollout_record.ts';
import type { JobContext } from './engine_service.ts';
import { type Asked, OpenQuestion, promptUnder } from './open_question.ts';
import type { QuestionWorld } from './question_world.ts';

/** Tokens for the answer that the model itself gives after the rationale. */
const ANSWER_ROOM = 24;
const NEVER_STOP = { push: () => null };

export async function scoreRationale(
  params: RequestParams<'scoreRationale'>,
  context: JobContext,
  world: QuestionWorld,
): Promise<RationaleRecord> {
  const question = await OpenQuestion.open(world, params);
  const { config } = question;
  const { sampled, task } = await question.ask(
    ({ tokenizer }) => tokenizer.encode(params.text, { addSpecialTokens: false }).length + ANSWER_ROOM,
    async (asked) => {
      const under = promptUnder(asked, params.strategy);
      const sampled = await scoreText(asked, under, params.text, config.sampling.countStopTokens, context.signal);
      return { sampled, task: asked.task };
    },
  );
  const referred = await question.withReference(sampled);
  const random = { seed: config.seed, step: question.weights.step };
  const tag = params.strategy === undefined ? null : params.strategy - 1;
  const settings = objectiveSettings(config);
  const update = updateWithoutSiblings(referred, settings);
  const made = figuresMade({ ...config, method: 'latro' }, 1);
  const { rationales } = questionRollout(referred, [update], task, random, made, [], [tag]);
  // No update is made of it.
  const { weight, ...record } = rationales[0]!;
  return record;
}

/** @param under the question with the tag the rationale stands after; log π(y|x) is without it */
async function scoreText(
  { policy, encoded: bareQuestion }: Asked,
  under: EncodedQuestion,
  text: string,
  countStopTokens: boolean,
  signal: AbortSignal,
): Promise<SampledQuestion> {
  const { promptIds, answerIds, answerParts } = under;
  const ids = policy.tokenizer.encode(text, { addSpecialTokens: false });
  const whole = [...ids, ...answerIds];
  const [[all], [bare]] = (await policy.model.score([
    { prompt: promptIds, continuations: [{ ids: whole.slice(0, -1), predictions: predictTokens(whole) }] },
    {
      prompt: bareQuestion.promptIds,
      continuations: [{ ids: answerIds.slice(0, -1), predictions: predictTokens(answerIds) }],
    },
  ])) as [[number[]], [number[]]];
  const logProbs = all.slice(0, ids.length);
  const answerLogProbs = all.slice(ids.length);

  const stopIds = answerIds.slice(0, Math.max(0, answerParts.indexOf('answer')));
  const stopLogProbs = answerLogProbs.slice(0, stopIds.length);
  const counted = rationalePredictions({ ids, stopIds }, answerIds, 1, countStopTokens).length;
  const rationale: SampledRationale = {
    ids,
    logProbs,
    stopIds,
    stopLogProbs,
    tailIds: await ownAnswer(policy, [...promptIds, ...ids, ...stopIds], signal),
    stopReason: stopIds.length > 0 ? 'stop-phrase' : 'end-token',
    answerLogProbs,
    logProb: sum(all.slice(0, counted)),
    referenceLogProb: null,
  };
  return { encoded: under, rationales: [rationale], answerLogProbsWithoutRationale: bare };
}

/** What the model answers, greedily, after the answer phrase. */
async function ownAnswer(
  { model, config }: Asked['policy'],
  prompt: readonly number[],
  signal: AbortSignal,
): Promise<readonly number[]> {
  const settings = {
    temperature: 0,
    topP: 1,
    topK: 0,
    maxTokens: ANSWER_ROOM,
    maxAnswerTokens: 0,
    stopTokenIds: new Set(config.eosTokenIds),
    maxRows: 1,
  };
  const [generated] = await generate(model, [{ prompt, keys: [0] }], settings, () => NEVER_STOP, { signal });
  return generated!.samples[0]!.ids;
}

function updateWithoutSiblings(
  question: SampledQuestion,
  { reward, beta }: ReturnType<typeof objectiveSettings>,
): RationaleUpdate {
  const { rationales, noRationale } = scoredQuestion(question);
  const { logProb, referenceLogProb, scores } = rationales[0]!;
  const [selfReward] = selfRewards(reward, [scores], noRationale);
  const subtracted = klPenalty(beta, logProb, referenceLogProb);
  return {
    finished: true,
    answerLogProb: sum(scores!.answer),
    templateLogProb: sum(scores!.template),
    selfReward: selfReward!.value,
    truncationPenalty: null,
    klPenalty: subtracted,
    reward: selfReward!.value - subtracted,
    baseline: null,
    advantage: 0,
    rationaleWeight: 0,
    answerWeights: { answer: [], template: [] },
  };
}
