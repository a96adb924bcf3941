/** Next-token training from random weights on worked examples: L(θ) = −Σ_t w · log π_θ(token_t), over what follows the prompt. */
import { RandomStream } from '../../src/engine/common/random.ts';
import type { TensorMap } from '../../src/engine/model/bound_tensors.ts';
import { type ModelConfig, parameterShapes } from '../../src/engine/model/config.ts';
import type { LanguageModel } from '../../src/engine/model/language_model.ts';
import { type PromptGroup, predictTokens } from '../../src/engine/model/packing.ts';
import type { Tokenizer } from '../../src/engine/model/tokenizer.ts';
import { AdamW, clipGradients } from '../../src/engine/optimize/adamw.ts';
import { scheduleFactor } from '../../src/engine/optimize/schedule.ts';
import type { Example } from './mixture.ts';
import { END_ID } from './tokenizer.ts';

export type PretrainSettings = {
  readonly steps: number;
  /** Problems per step, and worked examples of each: these share one forward of their prompt. */
  readonly problems: number;
  readonly examplesPerProblem: number;
  readonly learningRate: number;
  readonly warmupSteps: number;
  readonly weightDecay: number;
  /** Padded tokens per micro-batch. */
  readonly tokenBudget: number;
};

/** Share of the highest learning rate that is left at the end. */
const FINAL_RATE = 0.02;
const GRADIENT_CLIP = 1;
const DEVIATION = 0.04;

/**
 * Random weights: normal with a standard deviation of 0.04, norms at 1; what is added to the residual stream starts smaller by
 * √(2 · layers), as in GPT-2 (Radford et al. 2019, §2.3).
 */
export function randomWeights(config: ModelConfig, seed: number): TensorMap {
  const residual = 1 / Math.sqrt(2 * config.layers);
  const entries = Array.from(parameterShapes(config), ([name, shape], index) => {
    const random = new RandomStream(seed, index);
    const size = shape.reduce((product, length) => product * length, 1);
    const scale = DEVIATION * (/(o_proj|down_proj)\.weight$/.test(name) ? residual : 1);
    const draw = name.includes('norm') ? () => 1 : () => scale * random.nextNormal();
    return [name, { shape, data: Float32Array.from({ length: size }, draw) }] as const;
  });
  return new Map(entries);
}

/**
 * @param nextProblem worked examples of one new problem, all with the same prompt
 * @param report called after every step with the mean −log π per token, in nats
 */
export async function pretrain(
  model: LanguageModel,
  tokenizer: Tokenizer,
  settings: PretrainSettings,
  nextProblem: (examples: number) => readonly Example[],
  report: (step: number, loss: number) => Promise<void>,
): Promise<void> {
  const encode = (text: string) => tokenizer.encode(text, { addSpecialTokens: false });
  const optimizer = new AdamW({ beta1: 0.9, beta2: 0.98, epsilon: 1e-8, weightDecay: settings.weightDecay });
  for (let step = 0; step < settings.steps; step++) {
    const batch = Array.from({ length: settings.problems }, () => {
      const examples = nextProblem(settings.examplesPerProblem);
      return {
        prompt: encode(examples[0]!.prompt),
        completions: examples.map(({ completion }) => [...encode(completion), END_ID]),
      };
    });
    const tokens = batch.reduce((sum, { completions }) => sum + completions.flat().length, 0);
    const groups = batch.map(
      ({ prompt, completions }): PromptGroup => ({
        prompt,
        continuations: completions.map((ids) => ({
          ids: ids.slice(0, -1),
          predictions: predictTokens(ids, 1 / tokens),
        })),
      }),
    );
    const { loss, gradients } = await model.step(groups, { tokenBudget: settings.tokenBudget });
    clipGradients(gradients, GRADIENT_CLIP);
    const decay = scheduleFactor('cosine', step, settings.steps, settings.warmupSteps);
    optimizer.update(model.parameters, gradients, settings.learningRate * (FINAL_RATE + (1 - FINAL_RATE) * decay));
    await report(step + 1, loss);
  }
}
