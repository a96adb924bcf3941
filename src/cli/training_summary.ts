/** First and last update of a run, where there is nothing better to show. */
import { figuresMade } from '../protocol/figures_made.ts';
import type { StepMetrics } from '../protocol/records.ts';
import type { RunConfig } from '../protocol/run_config.ts';
import { fixed, percent } from './number_format.ts';
import { selfRewardWords } from './self_reward.ts';

/** Nothing of a run of fewer than two updates. */
export function trainingSummary(steps: readonly StepMetrics[], config: RunConfig): string[] {
  const [first, last] = [steps[0], steps.at(-1)];
  if (first === undefined || last === undefined || first === last) return [];
  const updates = `Updates ${first.step} → ${last.step}:`;
  // It samples no rationales.
  if (config.method === 'sft') return [`${updates} loss ${fixed(first.loss, 3)} → ${fixed(last.loss, 3)}.`];
  const { figure } = selfRewardWords(figuresMade(config, config.questionsPerStep));
  return [
    `${updates} mean self-reward ${figure(first.meanSelfReward)} → ${figure(last.meanSelfReward)}, ` +
      `right rationales ${percent(first.correctShare)} → ${percent(last.correctShare)}.`,
  ];
}
