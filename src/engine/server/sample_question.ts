/** K rationales of one question with rewards and advantages, made exactly as an update of a LaTRO run makes them. */
import type { RequestParams } from '../../protocol/engine_rpc.ts';
import { figuresMade } from '../../protocol/figures_made.ts';
import type { StrategyChoice } from '../../protocol/rationale_messages.ts';
import type { QuestionRollout } from '../../protocol/records.ts';
import type { RunConfig } from '../../protocol/run_config.ts';
import { latroBatchUpdate, type RationaleUpdate } from '../latro/objective.ts';
import { objectiveSettings } from '../latro/objective_settings.ts';
import { scoredQuestion } from '../training/methods/latro.ts';
import { INITIAL_METHOD_STATE } from '../training/methods/method.ts';
import {
  sampleUnderTags,
  scoreForks,
  type Tag,
  type TaggedQuestion,
  tagProbabilities,
} from '../training/methods/tagged_sampling.ts';
import type { SampledQuestion } from '../training/rollout.ts';
import { questionRollout } from '../training/rollout_record.ts';
import type { JobContext } from './engine_service.ts';
import { type Asked, OpenQuestion, promptUnder } from './open_question.ts';
import { ProgressMeter } from './progress_meter.ts';
import type { QuestionWorld } from './question_world.ts';

export async function sampleQuestion(
  params: RequestParams<'sampleQuestion'>,
  context: JobContext,
  world: QuestionWorld,
): Promise<QuestionRollout> {
  const { k, temperature, maxTokens, seed, strategy = 'none' } = params;
  const question = await OpenQuestion.open(world, params);
  const { sampling } = question.config;
  const maxRationaleTokens = maxTokens ?? sampling.maxRationaleTokens;
  const config: RunConfig = {
    ...question.config,
    seed,
    sampling: { ...sampling, rationalesPerQuestion: k, temperature, maxRationaleTokens },
  };
  // The update after these weights: with the run's own seed and settings these are the rationales it sampled, or is to sample.
  const step = params.randomStep ?? question.weights.step + 1;

  const meter = new ProgressMeter(world.clock, (progress) => context.progress(progress));
  const report = (done: number): void =>
    meter.report({ phase: 'sampling', done, total: k, unit: 'rationales', message: '' });
  const { groups, tagOf, task, tagLogProbs } = await question.ask(maxRationaleTokens, async (asked) => {
    const { policy, task, encoded } = asked;
    report(0);
    const generateOptions = { signal: context.signal, onFinished: report };
    const request = { step, questions: [encoded], state: INITIAL_METHOD_STATE };
    const plan = planOf(strategy, k, asked);
    const tags = config.strategies.weighting === 'probability' ? policy.tags : null;
    const { bare, tagLogProbs } = await scoreForks((each) => policy.model.score(each), [encoded], tags);
    const [tagged] = await sampleUnderTags({ policy, task, config, generateOptions }, request, 0, [plan], bare);
    return { groups: groupsByTag(tagged!, asked), tagOf: plan, task, tagLogProbs: tagLogProbs[0]! };
  });
  for (const group of groups) group.sampled = await question.withReference(group.sampled);

  const settings = objectiveSettings(config);
  // A baseline needs a sibling: within the tag, as a run with strategies has it, where every tag has two, else among all K.
  const strata = groups.every(({ places }) => places.length > 1) ? groups : [merged(groups, k)];
  const updates: RationaleUpdate[] = [];
  for (const { sampled, places } of strata) {
    const [update] = latroBatchUpdate([scoredQuestion(sampled)], settings);
    places.forEach((place, i) => {
      const one = update!.rationales[i]!;
      const share = strata.length === 1 ? 1 : shareOf(tagOf[place] ?? null, strata.length, tagLogProbs);
      updates[place] = { ...one, rationaleWeight: one.rationaleWeight * share };
    });
  }
  const siblings = strata.length > 1 ? 'strategy' : 'question';
  // As an update of this question alone would be.
  const made = { ...figuresMade({ ...config, method: 'latro' }, 1), siblings } as const;
  return questionRollout(merged(groups, k).sampled, updates, task, { seed, step }, made, [], tagOf);
}

/** What a run with strategies gives each of them: as much as the others, or its probability, of which there are then all. */
function shareOf(tag: Tag, strata: number, tagLogProbs: readonly number[]): number {
  return tag === null || tagLogProbs.length === 0 ? 1 / strata : tagProbabilities(tagLogProbs)[tag]!;
}

/** The tag of each of the K rationales: all of one, none, or every tag in turn as often as the others, the first tags once more. */
function planOf(strategy: StrategyChoice, k: number, asked: Asked): Tag[] {
  if (strategy === 'none') return Array<Tag>(k).fill(null);
  if (strategy !== 'all') {
    promptUnder(asked, strategy);
    return Array<Tag>(k).fill(strategy - 1);
  }
  promptUnder(asked, 1);
  const count = asked.policy.tags!.ids.length;
  return Array.from({ length: count }, (_, tag) => Array<Tag>(Math.ceil((k - tag) / count)).fill(tag)).flat();
}

/** Rationales under one tag, with its tag in the prompt, and their places among the K. */
interface TagGroup {
  sampled: SampledQuestion;
  readonly places: readonly number[];
}

function groupsByTag({ sampled, tagOf }: TaggedQuestion, asked: Asked): TagGroup[] {
  return [...new Set(tagOf)].map((tag) => {
    const places = [...tagOf.keys()].filter((place) => tagOf[place] === tag);
    const encoded = promptUnder(asked, tag === null ? undefined : tag + 1);
    return { places, sampled: { ...sampled, encoded, rationales: places.map((place) => sampled.rationales[place]!) } };
  });
}

function merged(groups: readonly TagGroup[], k: number): TagGroup {
  const places = Array.from({ length: k }, (_, place) => place);
  const rationales = places.map((place) => {
    const { sampled, places: own } = groups.find((group) => group.places.includes(place))!;
    return sampled.rationales[own.indexOf(place)]!;
  });
  return { places, sampled: { ...groups[0]!.sampled, rationales } };
}
