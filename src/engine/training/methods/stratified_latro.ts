/**
 * LaTRO with reasoning strategies: every tag is forced on S = K/N rationales, and each rationale's baseline are the others under its own
 * tag. The equations stand in forking/stratified.ts. The tags themselves have weight 0 here: which of them to use is GFPO's to learn.
 */
import { figuresMade } from '../../../protocol/figures_made.ts';
import type { ControlTokens } from '../../forking/control_tokens.ts';
import { stratifiedUpdate } from '../../forking/stratified.ts';
import { meanSelfReward } from '../../latro/objective.ts';
import { objectiveSettings } from '../../latro/objective_settings.ts';
import { questionRollout } from '../rollout_record.ts';
import { filterQuestions, ratingBonuses, scoredQuestion, withoutWeight } from './latro.ts';
import type { Method } from './method.ts';
import { statisticsOf } from './sampling.ts';
import {
  requireTags,
  sampleUnderTags,
  scoreForks,
  strategyMetrics,
  taggedTrainingGroup,
  tagProbabilities,
} from './tagged_sampling.ts';

export const stratifiedLatro: Method = async (context, request) => {
  const { config, policy, task } = context;
  const { sampling, strategies, reward } = config;
  const tags = requireTags(policy, 'latro');
  const settings = objectiveSettings(config);
  const start = performance.now();
  const { tagLogProbs, bare } = await scoreForks((groups) => policy.model.score(groups), request.questions, tags);
  const plan = tagMajor(tags, sampling.rationalesPerQuestion);
  const plans = request.questions.map(() => plan);
  const questions = await sampleUnderTags(context, request, settings.beta, plans, bare);
  const secondsSample = (performance.now() - start) / 1000;

  const bonuses = questions.map(({ sampled }) => ratingBonuses(sampled, context));
  const scored = questions.map(({ sampled }, q) => scoredQuestion(sampled, bonuses[q]));
  const batch = { questions: questions.length, meanSelfReward: meanSelfReward(scored, settings) };
  const updates = scored.map(({ rationales, noRationale }, q) => {
    const groups = tags.ids.map((_, tag) => ({ tag, rationales: rationales.filter((_, k) => plan[k] === tag) }));
    const p = tagProbabilities(tagLogProbs[q]!);
    return stratifiedUpdate(groups, noRationale, settings, batch, strategies.weighting, p);
  });
  // RLPR's filter judges what has a baseline of its own: the rationales of one question under one tag.
  const strata = updates.flatMap((perTag) => perTag.map(({ update }) => update));
  const { keep, state } = filterQuestions(strata, reward, request.state);

  const weights = updates.map((perTag, q) =>
    perTag.flatMap(({ update }, tag) =>
      keep[q * tags.ids.length + tag] ? update.rationales : update.rationales.map(withoutWeight),
    ),
  );
  const made = figuresMade(config, questions.length);
  const rollouts = questions.map(({ sampled, tagOf }, q) => {
    const random = { seed: config.seed, step: request.step };
    return questionRollout(sampled, weights[q]!, task, random, made, bonuses[q], tagOf);
  });
  const groups = questions.flatMap((question, source) => {
    const group = taggedTrainingGroup(question, weights[source]!, tags, sampling.countStopTokens);
    return group.continuations.length > 0 ? [{ group, source }] : [];
  });
  const zeroVariance = strata.map((update) => update.zeroVariance);
  return {
    groups: groups.map(({ group }) => group),
    sources: groups.map(({ source }) => source),
    rollouts,
    statistics: {
      ...statisticsOf(rollouts, zeroVariance, sampling.minRationaleTokens),
      strategies: strategyMetrics(tags.ids.length, tagLogProbs, rollouts),
    },
    secondsSample,
    secondsScore: 0,
    state,
  };
};

/** The tag of each of K rationales when every tag is forced equally often: the S = K/N of the first tag first. */
export function tagMajor(tags: ControlTokens, rationales: number): number[] {
  const perTag = rationales / tags.ids.length;
  return tags.ids.flatMap((_, tag) => Array<number>(perTag).fill(tag));
}
