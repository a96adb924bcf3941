/**
 * GFPO: policy gradient on the forking position only, which strategy g to use for a question. Whole rationales are sampled just for
 * their reward; none of their tokens has a weight. The equations of both forms stand in forking/gfpo.ts.
 *
 * Ours, where the paper's text was not reachable: one update per batch of rollouts, so ρ = 1 and its clip never holds; tags are drawn
 * from p, the model's probabilities renormalised over the N tags (advantages sum to 0 per question, so the tags' mass against other
 * tokens has no gradient either way); KL of the tags against π_0 and the entropy floor enter as exact gradients in both forms.
 */
import { figuresMade } from '../../../protocol/figures_made.ts';
import type { RunConfig } from '../../../protocol/run_config.ts';
import { foldKey, RandomStream } from '../../common/random.ts';
import { exactForkUpdate, type ForkUpdate, sampledForkAdvantages, sampledForkWeights } from '../../forking/gfpo.ts';
import { leaveOneOutBaseline, standardDeviation, ZERO_SPREAD } from '../../latro/advantage.ts';
import { orderFreeMean as mean } from '../../latro/log_space.ts';
import { latroBatchUpdate, type RationaleUpdate } from '../../latro/objective.ts';
import { objectiveSettings } from '../../latro/objective_settings.ts';
import { type PromptGroup, predictTokens } from '../../model/packing.ts';
import { rationaleKey } from '../rollout.ts';
import { fullText, questionRollout } from '../rollout_record.ts';
import { scoredQuestion } from './latro.ts';
import type { Method, MethodContext } from './method.ts';
import { statisticsOf } from './sampling.ts';
import { tagMajor } from './stratified_latro.ts';
import {
  requireTags,
  sampleUnderTags,
  scoreForks,
  strategyMetrics,
  type TaggedQuestion,
  tagProbabilities,
} from './tagged_sampling.ts';

/** Random numbers of the drawn tags are not those of the rationales. */
const FORK_STREAM = 0x0_f0_4c_00;

export const gfpo: Method = async (context, request) => {
  const { config, policy, task } = context;
  const { sampling, reward } = config;
  const tags = requireTags(policy, 'gfpo');
  const beta = reward.klCoefficient;
  const start = performance.now();
  const { tagLogProbs, bare } = await scoreForks((groups) => policy.model.score(groups), request.questions, tags);
  const reference = await referenceForks(context, request, tagLogProbs);
  const plans = request.questions.map(({ row }, q) =>
    config.gfpo.form === 'exact'
      ? tagMajor(tags, sampling.rationalesPerQuestion)
      : drawTags(tagProbabilities(tagLogProbs[q]!), sampling.rationalesPerQuestion, (k) =>
          foldKey(FORK_STREAM, rationaleKey(config.seed, request.step, row.rowKey, k)),
        ),
  );
  // A verifier judges what is said: the rationale's own KL has no place in it.
  const rationaleBeta = config.gfpo.reward === 'verifier' ? 0 : beta;
  const questions = await sampleUnderTags(context, request, rationaleBeta, plans, bare);
  const secondsSample = (performance.now() - start) / 1000;

  const rewards = rewardsOf(questions, context, rationaleBeta);
  const forks = questions.map(({ tagOf }, q) =>
    forkOf(config, tagOf as readonly number[], rewards[q]!, tagLogProbs[q]!, reference?.[q] ?? null),
  );
  const groups = questions.map(
    ({ sampled }, q): PromptGroup => ({
      prompt: sampled.encoded.promptIds,
      continuations: tags.ids.map((ids, tag) => ({
        ids: ids.slice(0, -1),
        predictions: predictTokens(ids, forks[q]!.gradient[tag]! / questions.length),
      })),
    }),
  );
  const random = { seed: config.seed, step: request.step };
  const made = figuresMade(config, questions.length);
  const rollouts = questions.map(({ sampled, tagOf }, q) =>
    questionRollout(sampled, forks[q]!.shown, task, random, made, [], tagOf),
  );
  const zeroVariance = rewards.map((updates) => standardDeviation(updates.map((u) => u.reward ?? 0)) < ZERO_SPREAD);
  return {
    groups,
    sources: questions.map((_, q) => q),
    rollouts,
    statistics: {
      ...statisticsOf(rollouts, zeroVariance, sampling.minRationaleTokens),
      strategies: strategyMetrics(tags.ids.length, tagLogProbs, rollouts),
    },
    secondsSample,
    secondsScore: 0,
    state: request.state,
  };
};

/** (Q, N) under π_0; null when nothing asks for it. */
async function referenceForks(
  { config, policy }: MethodContext,
  request: Parameters<Method>[1],
  current: readonly (readonly number[])[],
): Promise<readonly (readonly number[])[] | null> {
  if (config.reward.klCoefficient === 0) return null;
  if (request.isReference) return current;
  return (await scoreForks(policy.reference, request.questions, policy.tags)).tagLogProbs;
}

/** K tags drawn from p. */
export function drawTags(p: readonly number[], rationales: number, keyOf: (k: number) => number): number[] {
  return Array.from({ length: rationales }, (_, k) => {
    let left = new RandomStream(keyOf(k)).uniform(0);
    const tag = p.findIndex((share) => {
      left -= share;
      return left < 0;
    });
    return tag === -1 ? p.length - 1 : tag;
  });
}

/**
 * r of every rationale, β·KL(z'|g) subtracted. All K of a question are judged together, so that a rationale which does not finish is
 * penalised against the finished ones of every tag.
 */
function rewardsOf(
  questions: readonly TaggedQuestion[],
  { config, task }: MethodContext,
  beta: number,
): RationaleUpdate[][] {
  const judged = latroBatchUpdate(
    questions.map(({ sampled }) => scoredQuestion(sampled)),
    { ...objectiveSettings(config), beta },
  ).map((update) => update.rationales);
  if (config.gfpo.reward === 'self-reward') return judged.map((updates) => [...updates]);
  return judged.map((updates, q) =>
    updates.map((update, k) => {
      const { encoded, rationales } = questions[q]!.sampled;
      const { correct } = task.judge(fullText(task.tokenizer, rationales[k]!), encoded.row);
      return { ...update, truncationPenalty: null, reward: Number(correct) };
    }),
  );
}

/** ∂J/∂ℓ, (N), of one question, and what a person sees of its rationales. */
function forkOf(
  { gfpo: settings, reward: { klCoefficient: beta } }: RunConfig,
  tagOf: readonly number[],
  updates: readonly RationaleUpdate[],
  tagLogProbs: readonly number[],
  referenceTagLogProbs: readonly number[] | null,
): { readonly gradient: readonly number[]; readonly shown: readonly RationaleUpdate[] } {
  const rewards = updates.map(({ reward }) => reward ?? 0);
  const exact = (meanRewards: readonly number[]): ForkUpdate =>
    exactForkUpdate({ tagLogProbs, referenceTagLogProbs, meanRewards }, { ...settings, beta });
  if (settings.form === 'exact') {
    const means = tagLogProbs.map((_, tag) => mean(rewards.filter((_, k) => tagOf[k] === tag)));
    const { gradient, probabilities } = exact(means);
    const expected = means.reduce((total, value, tag) => total + probabilities[tag]! * value, 0);
    return { gradient, shown: updates.map((update, k) => judgedBy(update, expected, rewards[k]! - expected)) };
  }
  const samples = rewards.map((reward) => ({ reward, logRatio: 0 }));
  const advantages = sampledForkAdvantages(samples, settings.advantage);
  // ρ = 1: the clip's width does not matter.
  const weights = sampledForkWeights(samples, { advantage: settings.advantage, clip: 0.2 }, 1);
  // Without rewards only KL(g) and the entropy floor are left.
  const regularised = exact(tagLogProbs.map(() => 0)).gradient;
  const gradient = tagLogProbs.map(
    (_, tag) => regularised[tag]! + weights.reduce((total, w, k) => (tagOf[k] === tag ? total + w : total), 0),
  );
  const baselines = settings.advantage === 'leave-one-out' ? leaveOneOutBaseline(rewards) : null;
  const average = mean(rewards);
  const shown = updates.map((update, k) => judgedBy(update, baselines?.[k] ?? average, advantages[k]!));
  return { gradient, shown };
}

/** What the fork's baseline and advantage are; rationale and answer have no weight. */
function judgedBy(update: RationaleUpdate, baseline: number, advantage: number): RationaleUpdate {
  return { ...update, baseline, advantage, rationaleWeight: 0, answerWeights: { answer: [], template: [] } };
}
