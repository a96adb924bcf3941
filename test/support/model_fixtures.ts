/** Small model folders made on the spot, for tests that need a folder they may break. */

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RandomStream } from '../../src/engine/common/random.ts';
import {
  type Architecture,
  type ModelConfig,
  parameterShapes,
  parseModelConfig,
} from '../../src/engine/model/config.ts';
import { writeSafetensors } from '../../src/engine/model/safetensors.ts';
import type { Weights } from '../../src/engine/model/weights.ts';

const CLASS_NAMES: Record<Architecture, string> = {
  llama: 'LlamaForCausalLM',
  mistral: 'MistralForCausalLM',
  phi3: 'Phi3ForCausalLM',
  qwen2: 'Qwen2ForCausalLM',
  qwen3: 'Qwen3ForCausalLM',
};

/** A complete config.json of a tiny model; `changes` replace or add fields. */
export function tinyConfigJson(
  architecture: Architecture,
  changes: Record<string, unknown> = {},
): Record<string, unknown> {
  return {
    architectures: [CLASS_NAMES[architecture]],
    model_type: architecture,
    vocab_size: 20,
    hidden_size: 16,
    intermediate_size: 24,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    head_dim: 4,
    hidden_act: 'silu',
    rms_norm_eps: 1e-5,
    rope_theta: 10000,
    max_position_embeddings: 128,
    sliding_window: null,
    tie_word_embeddings: false,
    bos_token_id: 1,
    eos_token_id: 2,
    ...changes,
  };
}

export function tinyConfig(architecture: Architecture, changes: Record<string, unknown> = {}): ModelConfig {
  return parseModelConfig(tinyConfigJson(architecture, changes), 'a tiny model');
}

export function randomWeights(config: ModelConfig, seed = 1): Weights {
  const random = new RandomStream(seed);
  return new Map(
    [...parameterShapes(config)].map(([name, shape]) => {
      const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.nextNormal());
      return [name, { shape, data }];
    }),
  );
}

/** Writes config.json and model.safetensors into `folder`. */
export async function writeTinyModel(folder: string, json: Record<string, unknown>): Promise<Weights> {
  const weights = randomWeights(parseModelConfig(json, folder));
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'config.json'), JSON.stringify(json));
  await writeSafetensors(
    join(folder, 'model.safetensors'),
    [...weights].map(([name, tensor]) => ({ name, ...tensor })),
    { format: 'pt' },
  );
  return weights;
}

/** A folder of the running suite's own, removed when it ends. Call inside `describe`. */
export function temporaryFolder(): { readonly path: string } {
  const folder = { path: '' };
  before(async () => {
    folder.path = await mkdtemp(join(tmpdir(), 'latro-model-'));
  });
  after(async () => {
    await rm(folder.path, { recursive: true, force: true });
  });
  return folder;
}
