/** A random model small enough for property tests: real architecture, real programs. */
import { RandomStream } from '../../src/engine/common/random.ts';
import { type Adapter, initialiseAdapter, loraScale } from '../../src/engine/model/adapter.ts';
import type { BoundAdapter } from '../../src/engine/model/bound_tensors.ts';
import { type ModelConfig, parameterShapes, parseModelConfig } from '../../src/engine/model/config.ts';
import type { Trainable } from '../../src/engine/model/decoder_graph.ts';
import { LanguageModel } from '../../src/engine/model/language_model.ts';
import { type PromptGroup, predictTokens } from '../../src/engine/model/packing.ts';
import type { Weights } from '../../src/engine/model/weights.ts';

export const TINY_CONFIG: ModelConfig = parseModelConfig(
  {
    model_type: 'llama',
    architectures: ['LlamaForCausalLM'],
    vocab_size: 23,
    hidden_size: 16,
    intermediate_size: 24,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    max_position_embeddings: 128,
    tie_word_embeddings: true,
    bos_token_id: 1,
    eos_token_id: 2,
  },
  'tiny',
);

export function tinyWeights(seed: number, config: ModelConfig = TINY_CONFIG): Weights {
  const weights: Weights = new Map();
  [...parameterShapes(config)].forEach(([name, shape], index) => {
    const random = new RandomStream(seed, index);
    const size = shape.reduce((product, dim) => product * dim, 1);
    const data = Float32Array.from(
      { length: size },
      () => (name.includes('norm') ? 1 : 0.4) * (name.includes('norm') ? 1 : random.nextNormal()),
    );
    weights.set(name, { shape, data });
  });
  return weights;
}

/** An adapter that already changes the model: B is random too. */
export function tinyAdapter(seed: number, config: ModelConfig = TINY_CONFIG): Adapter {
  const lora = { rank: 3, alpha: 6, dropout: 0, targetModules: ['all-linear'], useRslora: false, baseModel: null };
  const adapter = initialiseAdapter(config, lora, seed);
  const random = new RandomStream(seed, 99);
  for (const [name, { data }] of adapter.tensors)
    if (name.includes('lora_B')) for (let i = 0; i < data.length; i++) data[i] = 0.2 * random.nextNormal();
  return adapter;
}

export function bindAdapter(adapter: Adapter): BoundAdapter {
  const modules = new Set(
    [...adapter.tensors.keys()].map((name) =>
      name.replace('base_model.model.', '').replace(/\.lora_[AB]\.weight$/, ''),
    ),
  );
  return {
    shape: { rank: adapter.config.rank, modules, dropout: adapter.config.dropout },
    tensors: adapter.tensors,
    scale: loraScale(adapter.config),
  };
}

export function tinyModel(trainable: Trainable, seed = 1, config: ModelConfig = TINY_CONFIG): LanguageModel {
  const adapter = trainable === 'adapter' ? bindAdapter(tinyAdapter(seed, config)) : null;
  return new LanguageModel(config, tinyWeights(seed, config), adapter, trainable, { device: 'cpu', threads: 1 });
}

/** Prompts with continuations of both signs of weights. */
export const TINY_GROUPS: readonly PromptGroup[] = [
  {
    prompt: [3, 9, 4, 17],
    continuations: [
      { ids: [5, 6, 7, 8], predictions: predictTokens([5, 6, 7, 8], 0.5) },
      { ids: [11, 6], predictions: predictTokens([11, 6], -1.25) },
    ],
  },
  { prompt: [8, 3], continuations: [{ ids: [4, 4, 13], predictions: predictTokens([4, 4, 13], 2) }] },
];
