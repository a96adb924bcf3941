/**
 * GRPO with a 0/1 verifier (baselines/grpo.ts): whole outputs are sampled to their end token and judged by the answer they state.
 * Without a KL term, as TRL's default has it.
 */
import { figuresMade } from '../../../protocol/figures_made.ts';
import { GROUP_EPSILON } from '../../../protocol/group_epsilon.ts';
import { grpoUpdate } from '../../baselines/grpo.ts';
import { standardDeviation } from '../../latro/advantage.ts';
import { orderFreeMean } from '../../latro/log_space.ts';
import type { RationaleUpdate } from '../../latro/objective.ts';
import type { Continuation, PromptGroup } from '../../model/packing.ts';
import { requireFiniteSamples } from '../non_finite.ts';
import { rollOut, type SampledRationale } from '../rollout.ts';
import { fullText, questionRollout } from '../rollout_record.ts';
import type { Method } from './method.ts';
import { generateSettings, statisticsOf } from './sampling.ts';

const SETTINGS = { beta: 0, epsilon: GROUP_EPSILON, lengthNormalisation: 'sequence' } as const;
const NEVER_STOP = { push: () => null };

export const grpo: Method = async (context, request) => {
  const { config, policy, task } = context;
  const start = performance.now();
  const room = Math.max(...request.questions.map(({ answerIds }) => answerIds.length));
  const generate = generateSettings(config, context);
  const random = { seed: config.seed, step: request.step };
  const sampled = await rollOut(
    policy.model,
    request.questions.map((question) => ({ ...question, answerIds: [], answerParts: [] })),
    {
      // An output is a rationale and its answer; none follows it.
      generate: { ...generate, maxTokens: generate.maxTokens + room, maxAnswerTokens: 0 },
      rationales: config.sampling.rationalesPerQuestion,
      countStopTokens: true,
      tokenBudget: config.tokenBudget,
    },
    random,
    null,
    () => NEVER_STOP,
    context.generateOptions,
  );
  requireFiniteSamples(sampled, request.step);
  const secondsSample = (performance.now() - start) / 1000;

  const judged = sampled.map(({ encoded, rationales }) => {
    const samples = rationales.map((rationale) => ({
      correct: task.judge(fullText(task.tokenizer, rationale), encoded.row).correct,
      logProbs: [...rationale.logProbs, ...rationale.stopLogProbs],
      referenceLogProbs: null,
    }));
    return { samples, updates: grpoUpdate(samples, SETTINGS, sampled.length) };
  });
  const groups = sampled.map(
    ({ encoded, rationales }, q): PromptGroup => ({
      prompt: encoded.promptIds,
      continuations: rationales.flatMap((rationale, k) =>
        outputContinuation(rationale, judged[q]!.updates[k]!.tokenWeights),
      ),
    }),
  );
  const made = figuresMade(config, sampled.length);
  const rollouts = sampled.map((question, q) => {
    const shown = question.rationales.map((rationale, k): RationaleUpdate => {
      const reward = Number(judged[q]!.samples[k]!.correct);
      return {
        finished: rationale.stopReason !== 'length',
        answerLogProb: null,
        templateLogProb: null,
        selfReward: reward,
        truncationPenalty: null,
        klPenalty: 0,
        reward,
        baseline: orderFreeMean(judged[q]!.samples.map(({ correct }) => Number(correct))),
        advantage: judged[q]!.updates[k]!.advantage,
        // The same for every token of an output, as β = 0.
        rationaleWeight: judged[q]!.updates[k]!.tokenWeights[0] ?? 0,
        answerWeights: { answer: [], template: [] },
      };
    });
    return questionRollout(question, shown, task, random, made);
  });
  const kept = groups.flatMap((group, source) => (group.continuations.length > 0 ? [{ group, source }] : []));
  return {
    groups: kept.map(({ group }) => group),
    sources: kept.map(({ source }) => source),
    rollouts,
    statistics: statisticsOf(
      rollouts,
      judged.map(({ samples }) => standardDeviation(samples.map((sample) => Number(sample.correct))) === 0),
      config.sampling.minRationaleTokens,
    ),
    secondsSample,
    secondsScore: 0,
    state: request.state,
  };
};

function outputContinuation(rationale: SampledRationale, weights: readonly number[]): Continuation[] {
  const ids = [...rationale.ids, ...rationale.stopIds];
  const predictions = ids
    .map((target, at) => ({ at, target, weight: weights[at]! }))
    .filter(({ weight }) => weight !== 0);
  return predictions.length === 0 ? [] : [{ ids: ids.slice(0, -1), predictions }];
}
