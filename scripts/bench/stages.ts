/** The stages of an update, each alone: what is run once, how many tokens that is, and how fast it could be at best. */
import type { Precision } from '../../src/engine/graph/precision.ts';
import { computedIn } from '../../src/engine/graph/precision.ts';
import { initialiseAdapter, loraScale, targetedModules } from '../../src/engine/model/adapter.ts';
import type { TensorMap } from '../../src/engine/model/bound_tensors.ts';
import { type ModelConfig, storedConfig } from '../../src/engine/model/config.ts';
import { type GenerateSettings, generate } from '../../src/engine/model/generate.ts';
import { LanguageModel } from '../../src/engine/model/language_model.ts';
import { type PromptGroup, predictTokens } from '../../src/engine/model/packing.ts';
import { asComputed } from '../../src/engine/model/page_widths.ts';
import type { ProgramOptions } from '../../src/engine/model/programs.ts';
import { quantisedWeights } from '../../src/engine/model/quantise.ts';
import { type Floors, matrixKinds } from './floors.ts';
import { ProductsOfOneToken } from './products.ts';
import { randomWeights } from './shapes.ts';

export const STAGES = ['prefill', 'decode1', 'decode8', 'decode64', 'products64', 'score', 'step'] as const;
export type StageName = (typeof STAGES)[number];

export interface Round {
  readonly seconds: number;
  readonly tokens: number;
}

export interface Stage {
  readonly round: () => Promise<Round>;
  /** Seconds that a round cannot go below by these floors. */
  readonly least: (floors: Floors) => number;
  /** Releases what this stage alone holds. */
  readonly dispose?: () => Promise<void>;
}

const SEQUENCES = 8;
const LENGTH = 128;
const PROMPT = 48;
/** Tokens decoded after the first one, which the prefill gives. */
const DECODED = 24;
/** Tokens in one run of a program; the whole of `step` and `score` here. */
const TOKEN_BUDGET = SEQUENCES * LENGTH;

export const LORA = {
  rank: 16,
  alpha: 32,
  dropout: 0,
  targetModules: ['all-linear'],
  useRslora: false,
  baseModel: null,
};

/** A random model with a fresh adapter on all linear layers. */
export function benchModel(config: ModelConfig, options: ProgramOptions): LanguageModel {
  const adapter = initialiseAdapter(config, LORA, 1);
  const modules = new Set(targetedModules(config, adapter.config).map(({ module }) => module));
  const bound = { shape: { rank: LORA.rank, modules, dropout: 0 }, tensors: adapter.tensors, scale: loraScale(LORA) };
  const { precision = 'float32' } = options;
  const weights = randomWeights(config, computedIn(precision));
  const held = precision === 'int8' ? quantisedWeights(weights as TensorMap) : weights;
  const computed = asComputed(config, new Map(held), options, 'adapter');
  return new LanguageModel(computed.config, computed.weights, bound, 'adapter', options);
}

export const tokens = (config: ModelConfig, count: number, seed: number): number[] =>
  Array.from({ length: count }, (_, i) => 3 + ((i * 7919 + seed * 104729) % (config.vocabSize - 3)));

/** Nothing stops a rationale before its length: every machine decodes the same number of tokens. */
export const sampling = (maxTokens: number, maxRows: number): GenerateSettings => ({
  temperature: 1,
  topP: 1,
  topK: 0,
  maxTokens,
  maxAnswerTokens: 0,
  stopTokenIds: new Set(),
  maxRows,
});

export function openStage(name: StageName, model: LanguageModel): Stage {
  const config = storedConfig(model.config);
  const sequences = Array.from({ length: SEQUENCES }, (_, i) => tokens(config, LENGTH, i));
  // Prompt of one token: every other token is predicted.
  const groups = sequences.map(([first, ...ids]): PromptGroup => {
    return { prompt: [first!], continuations: [{ ids, predictions: predictTokens(ids, 1 / LENGTH) }] };
  });
  const timed = (action: () => Promise<unknown>): Stage['round'] => {
    return async () => {
      const start = performance.now();
      await action();
      return { seconds: (performance.now() - start) / 1000, tokens: SEQUENCES * LENGTH };
    };
  };
  const everyToken = forwardProducts(config, SEQUENCES * LENGTH, SEQUENCES * (LENGTH - 1));
  const atMatmulRate = (operations: number): Stage['least'] => {
    return ({ matmulGflops }) => operations / (matmulGflops * 1e9);
  };
  switch (name) {
    case 'prefill':
      return {
        round: timed(async () => {
          const cache = model.newCache(SEQUENCES);
          await model.extend(cache, sequences, 0);
          cache.dispose();
        }),
        least: atMatmulRate(forwardProducts(config, SEQUENCES * LENGTH, SEQUENCES)),
      };
    case 'score':
      return {
        round: timed(() => model.score(groups, { tokenBudget: TOKEN_BUDGET })),
        least: atMatmulRate(everyToken),
      };
    case 'step':
      // Backward to the inputs of each product; a frozen matrix needs no gradient of its own.
      return {
        round: timed(() => model.step(groups, { tokenBudget: TOKEN_BUDGET })),
        least: atMatmulRate(2 * everyToken),
      };
    case 'decode1':
      return decodeStage(model, 1);
    case 'decode8':
      return decodeStage(model, 8);
    case 'decode64':
      return decodeStage(model, 64);
    case 'products64':
      return productsStage(model, 64);
  }
}

/** Floating-point operations of one forward pass: all linear layers for `rows` tokens, the head for `heads` of them. */
export function forwardProducts(config: ModelConfig, rows: number, heads: number): number {
  const head = 2 * config.vocabSize * config.hiddenSize;
  const everything = matrixKinds(config).reduce(
    (sum, { outputs, inputs, count }) => sum + 2 * outputs * inputs * count,
    0,
  );
  return rows * (everything - head) + heads * head;
}

/** One decoded token per row reads every matrix once and multiplies it with `rows` rows: whichever of the two takes longer. */
export function leastDecodeSeconds(
  config: ModelConfig,
  rows: number,
  { matmulGflops, memoryGBs }: Floors,
  precision: Precision = 'float32',
): number {
  const operations = forwardProducts(config, rows, rows);
  const bytes = ((precision === 'float16' ? 2 : 4) * forwardProducts(config, 1, 1)) / 2;
  return Math.max(operations / (matmulGflops * 1e9), bytes / (memoryGBs * 1e9));
}

/** Decoding as sampling does it, drawing included: from the first drawn token of the last row to its last. */
function decodeStage(model: LanguageModel, rows: number): Stage {
  const config = storedConfig(model.config);
  const questions = Math.ceil(rows / SEQUENCES);
  const requests = Array.from({ length: questions }, (_, q) => ({
    prompt: tokens(config, PROMPT, q),
    keys: Array.from({ length: rows / questions }, (_, k) => q * SEQUENCES + k),
  }));
  return {
    round: async () => {
      const times: number[] = [];
      let detectors = 0;
      await generate(model, requests, sampling(1 + DECODED, rows), () => {
        const isLast = ++detectors === rows;
        return {
          push: () => {
            if (isLast) times.push(performance.now());
            return null;
          },
        };
      });
      return { seconds: (times.at(-1)! - times[0]!) / 1000, tokens: rows * (times.length - 1) };
    },
    least: (floors) => DECODED * leastDecodeSeconds(config, rows, floors, model.programs.precision),
  };
}

/** What of `decodeStage` is products: the part of it that no other arrangement of the rest could save. */
function productsStage(model: LanguageModel, rows: number): Stage {
  const { programs } = model;
  const config = storedConfig(model.config);
  let opened: Promise<ProductsOfOneToken> | null = null;
  return {
    round: async () => {
      opened ??= ProductsOfOneToken.create(config, rows, programs.options);
      const products = await opened;
      const start = performance.now();
      for (let i = 0; i < DECODED; i++) await products.run();
      return { seconds: (performance.now() - start) / 1000, tokens: rows * DECODED };
    },
    least: (floors) => DECODED * leastDecodeSeconds(config, rows, floors),
    dispose: async () => (await opened)?.dispose(),
  };
}
