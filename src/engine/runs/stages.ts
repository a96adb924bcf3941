/** A chained run in stages (`stages` of `latro.json`): each a stretch of updates with a method and settings of its own. */
import type { RunConfig } from '../../protocol/run_config.ts';

export interface Stage {
  readonly index: number;
  /** Updates of the run before this stage, and once it is done. */
  readonly start: number;
  readonly end: number;
  /** Questions seen before this stage: the order of questions goes on where the stage before it stopped. */
  readonly questionsBefore: number;
  /** The run's settings with the stage's own in their places. */
  readonly config: RunConfig;
}

/** @param total updates of the whole run: those of its only stage when it chains nothing */
export function stagesOf(config: RunConfig, total: number): Stage[] {
  if (config.stages.length === 0) return [{ index: 0, start: 0, end: total, questionsBefore: 0, config }];
  let start = 0;
  let questionsBefore = 0;
  return config.stages.map((stage, index) => {
    const own: RunConfig = {
      ...config,
      stages: [],
      method: stage.method,
      steps: stage.steps,
      questionsPerStep: stage.questionsPerStep ?? config.questionsPerStep,
      optimizer: { ...config.optimizer, learningRate: stage.learningRate ?? config.optimizer.learningRate },
      sampling: {
        ...config.sampling,
        rationalesPerQuestion: stage.rationalesPerQuestion ?? config.sampling.rationalesPerQuestion,
      },
    };
    const result = { index, start, end: start + stage.steps, questionsBefore, config: own };
    start = result.end;
    questionsBefore += stage.steps * own.questionsPerStep;
    return result;
  });
}

/** The stage that update `step` (1-based) belongs to. */
export function stageOf(stages: readonly Stage[], step: number): Stage {
  const stage = stages.find(({ end }) => step <= end) ?? stages.at(-1);
  if (stage === undefined) throw new Error('a run has at least one stage');
  return stage;
}

/** Updates after which another stage begins: their checkpoints are the π_0 of what follows, and are kept. */
export function stageBoundaries(config: RunConfig): number[] {
  return stagesOf(config, 0)
    .slice(1)
    .map(({ start }) => start);
}

/**
 * Whether outputs are to be opened by the strategies' tags after `step` updates (null: at the start): not where no update has taught
 * them yet, which is before method ssft and the baselines, and never under ssft's control without tags.
 */
export function usesTags(config: RunConfig, step: number | null): boolean {
  const learnTags = ({ method, ssft }: RunConfig) =>
    method === 'latro' || method === 'gfpo' || (method === 'ssft' && ssft.matching !== 'mixed');
  const stages = stagesOf(config, step ?? 0);
  const begun = stages.filter(({ start }) => start < (step ?? 0));
  // Those two need tags that mean something already: the run was given such weights.
  const [first] = stages;
  const given = first !== undefined && (first.config.method === 'latro' || first.config.method === 'gfpo');
  return given || begun.some((stage) => learnTags(stage.config));
}
