/** What of reasoning strategies and chained stages no single field of `latro.json` can say. */
import type { RunConfig, RunConfigInput } from '../../protocol/run_config.ts';
import { invalid } from './config_issue.ts';
import { stagesOf } from './stages.ts';

/** Stages say what is run and for how long: nothing else may. @throws LatroError `config-invalid` */
export function checkStagesAlone(input: RunConfigInput, source: string): void {
  if (input.stages === undefined || input.stages.length === 0) return;
  const given = (['method', 'steps', 'epochs'] as const).find((name) => input[name] != null);
  if (given === undefined) return;
  throw invalid(
    `${source}: both "stages" and "${given}" are given, and every stage has a method and a length of its own.`,
    `Leave out "${given}", or "stages".`,
  );
}

/** @throws LatroError `config-invalid` naming the setting */
export function checkStrategies(config: RunConfig, source: string): void {
  const { strategies, evaluation } = config;
  const { count } = strategies;
  if (count === 1) {
    throw invalid(`${source}: "strategies.count" is 1, which is no choice.`, 'Set it to 2 or more, or to 0: off.');
  }
  for (const stage of stagesOf(config, 0)) checkMethod(stage.config, source);
  if (count > 0 && evaluation.k % count !== 0) {
    throw invalid(
      `${source}: "evaluation.k" is ${evaluation.k}, but a vote takes equally many samples of each of the ${count} strategies.`,
      `Set "evaluation.k" to a multiple of "strategies.count", such as ${count * Math.max(1, Math.round(evaluation.k / count))}.`,
    );
  }
}

function checkMethod({ method, strategies: { count }, ssft, gfpo, reward, sampling }: RunConfig, source: string): void {
  const usesTags = method === 'gfpo' || (method === 'ssft' && ssft.matching !== 'mixed');
  if (usesTags && count === 0) {
    throw invalid(
      `${source}: method "${method}" needs reasoning strategies, and "strategies.count" is 0.`,
      'Set "strategies.count" to 2 or more.',
    );
  }
  if (count === 0) return;
  const k = sampling.rationalesPerQuestion;
  const least = method === 'latro' ? 2 * count : count;
  const stratified = method === 'latro' || (method === 'gfpo' && gfpo.form === 'exact');
  if (stratified && (k % count !== 0 || k < least)) {
    const why =
      method === 'latro'
        ? 'a baseline is the mean reward of the others under the same strategy'
        : 'each is sampled equally often';
    throw invalid(
      `${source}: "sampling.rationalesPerQuestion" is ${k}, but with ${count} strategies method "${method}" needs a multiple of ${count}${least > count ? ` from ${least} on` : ''}: ${why}.`,
      `Set it to ${Math.max(least, count * Math.round(k / count))}.`,
    );
  }
  if (method === 'gfpo' && gfpo.reward === 'self-reward' && reward.kind === 'jepo') {
    throw invalid(
      `${source}: "reward.kind" is "jepo", which gives all rationales of a question one reward, so method "gfpo" could not tell strategies apart.`,
      'Set "reward.kind" to another reward.',
    );
  }
}
