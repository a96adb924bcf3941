/** How rationales are sampled for an update, and what is said of them: shared by every method that samples. */
import type { QuestionRollout } from '../../../protocol/records.ts';
import type { RunConfig } from '../../../protocol/run_config.ts';
import { standardDeviation } from '../../latro/advantage.ts';
import { answerLeakIndex } from '../../latro/answer_leak.ts';
import { orderFreeMean as mean } from '../../latro/log_space.ts';
import { DECODE_ROWS, type GenerateSettings } from '../../model/generate.ts';
import { requireFiniteSamples } from '../non_finite.ts';
import { type ReferenceScorer, rollOut, type SampledQuestion } from '../rollout.ts';
import type { MethodContext, RolloutStatistics, UpdateRequest } from './method.ts';

const ANSWER_ROOM = 24;

export function generateSettings(
  config: RunConfig,
  context: { readonly policy: Pick<MethodContext['policy'], 'config' | 'drawnBelow'> },
): GenerateSettings {
  const { temperature, topP, topK, maxRationaleTokens } = config.sampling;
  return {
    temperature,
    topP,
    topK,
    maxTokens: maxRationaleTokens,
    maxAnswerTokens: ANSWER_ROOM,
    stopTokenIds: new Set(context.policy.config.eosTokenIds),
    drawnBelow: context.policy.drawnBelow,
    maxRows: DECODE_ROWS,
  };
}

/** Samples K rationales of every question; β > 0 also asks the reference policy. */
export async function sampleQuestions(
  context: Omit<MethodContext, 'ratings' | 'traceSources'>,
  request: UpdateRequest,
  beta: number,
): Promise<SampledQuestion[]> {
  const { config, policy, task } = context;
  // Before the first update the policy is the reference.
  const reference: ReferenceScorer | 'same' | null =
    beta === 0 ? null : request.isReference ? 'same' : policy.reference;
  const sampled = await rollOut(
    policy.model,
    request.questions,
    {
      generate: generateSettings(config, context),
      rationales: config.sampling.rationalesPerQuestion,
      countStopTokens: config.sampling.countStopTokens,
      tokenBudget: config.tokenBudget,
    },
    { seed: config.seed, step: request.step },
    reference,
    () => task.newStopDetector(),
    context.generateOptions,
  );
  requireFiniteSamples(sampled, request.step);
  return sampled;
}

export function statisticsOf(
  rollouts: readonly QuestionRollout[],
  zeroVariance: readonly boolean[],
  minTokens: number,
): RolloutStatistics {
  const all = rollouts.flatMap((rollout) => rollout.rationales);
  const average = (pick: (rationale: (typeof all)[number]) => number): number =>
    all.length === 0 ? 0 : mean(all.map(pick));
  const bare = rollouts.flatMap(({ rationales, noRationaleLogProb }) => {
    const tokens = rationales[0]?.answerTokens.filter(({ part }) => part === 'answer') ?? [];
    return noRationaleLogProb === null
      ? []
      : [tokens.reduce((sum, token) => sum + (token.logProbWithoutRationale ?? 0), 0)];
  });
  return {
    meanReward: average((r) => r.reward),
    meanSelfReward: average((r) => r.selfReward),
    meanAnswerLogProb: average((r) => r.answerLogProb),
    meanTemplateLogProb: average((r) => r.templateLogProb),
    meanKl: average((r) => (r.referenceLogProb === null ? 0 : r.logProb - r.referenceLogProb)),
    advantageSpread: standardDeviation(all.map((r) => r.advantage ?? 0)),
    meanRationaleTokens: average((r) => r.tokens.length),
    finishedShare: average((r) => Number(r.stopReason !== 'length' && r.tokens.length >= minTokens)),
    correctShare: average((r) => Number(r.correct)),
    zeroVarianceShare: zeroVariance.length === 0 ? 0 : mean(zeroVariance.map(Number)),
    leakShare: average((r) => Number(answerLeakIndex(r.text) !== null)),
    meanNoRationaleAnswerLogProb: bare.length === 0 ? null : mean(bare),
  };
}
