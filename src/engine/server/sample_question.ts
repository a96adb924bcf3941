/** K rationales of one question with rewards and advantages, made exactly as an update of a LaTRO run makes them. */
import type { RequestParams } from '../../protocol/engine_rpc.ts';
import type { QuestionRollout } from '../../protocol/records.ts';
import type { RunConfig } from '../../protocol/run_config.ts';
import { latroBatchUpdate } from '../latro/objective.ts';
import { objectiveSettings } from '../latro/objective_settings.ts';
import { scoredQuestion } from '../training/methods/latro.ts';
import { INITIAL_METHOD_STATE } from '../training/methods/method.ts';
import { sampleQuestions } from '../training/methods/sampling.ts';
import { questionRollout } from '../training/rollout_record.ts';
import type { JobContext } from './engine_service.ts';
import { OpenQuestion, type QuestionWorld } from './open_question.ts';
import { ProgressMeter } from './progress_meter.ts';

export async function sampleQuestion(
  params: RequestParams<'sampleQuestion'>,
  context: JobContext,
  world: QuestionWorld,
): Promise<QuestionRollout> {
  const { k, temperature, maxTokens, seed } = params;
  const question = await OpenQuestion.open(world, params);
  const { sampling } = question.config;
  const maxRationaleTokens = maxTokens ?? sampling.maxRationaleTokens;
  const config: RunConfig = {
    ...question.config,
    seed,
    sampling: { ...sampling, rationalesPerQuestion: k, temperature, maxRationaleTokens },
  };
  // The update after these weights: with the run's own seed and settings these are the rationales it sampled, or is to sample.
  const step = question.weights.step + 1;

  const meter = new ProgressMeter(world.clock, (progress) => context.progress(progress));
  const report = (done: number): void =>
    meter.report({ phase: 'sampling', done, total: k, unit: 'rationales', message: '' });
  const { sampled, task } = await question.ask(maxRationaleTokens, async ({ policy, task, encoded }) => {
    report(0);
    const generateOptions = { signal: context.signal, onFinished: report };
    const request = { step, questions: [encoded], state: INITIAL_METHOD_STATE };
    const [sampled] = await sampleQuestions({ policy, task, config, generateOptions }, request, 0);
    return { sampled: sampled!, task };
  });
  const referred = await question.withReference(sampled);
  const [update] = latroBatchUpdate([scoredQuestion(referred)], objectiveSettings(config));
  return questionRollout(referred, update!.rationales, task, { seed, step });
}
