/** A complete model folder small enough to train in a blink: random weights and a byte-level tokenizer, as latro's commands read them. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildTokenizer, END_ID, PAD_ID } from '../../scripts/starter/tokenizer.ts';
import { type ModelConfig, parseModelConfig } from '../../src/engine/model/config.ts';
import { writeSafetensors } from '../../src/engine/model/safetensors.ts';
import type { Weights } from '../../src/engine/model/weights.ts';
import { tinyWeights } from './tiny_model.ts';

const TEXT = 'How many apples are there now? Let us think step by step. The answer is 7.\n';
const VOCABULARY = 380;

export const TINY_FOLDER_CONFIG: Record<string, unknown> = {
  model_type: 'llama',
  architectures: ['LlamaForCausalLM'],
  vocab_size: VOCABULARY,
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 160,
  tie_word_embeddings: true,
  bos_token_id: null,
  eos_token_id: END_ID,
  pad_token_id: PAD_ID,
};

/** Writes the folder; `changes` replace fields of config.json after the weights are made. */
export async function writeTinyFolder(
  folder: string,
  changes: Record<string, unknown> = {},
): Promise<{ config: ModelConfig; weights: Weights }> {
  const config = parseModelConfig(TINY_FOLDER_CONFIG, folder);
  const weights = tinyWeights(5, config);
  const { tokenizer, config: tokenizerConfig } = buildTokenizer([TEXT], VOCABULARY);
  await mkdir(folder, { recursive: true });
  await writeSafetensors(
    join(folder, 'model.safetensors'),
    [...weights].map(([name, tensor]) => ({ name, ...tensor })),
    { format: 'pt' },
  );
  const json = {
    'config.json': { ...TINY_FOLDER_CONFIG, ...changes },
    'tokenizer.json': tokenizer,
    'tokenizer_config.json': tokenizerConfig,
  };
  for (const [name, content] of Object.entries(json)) await writeFile(join(folder, name), JSON.stringify(content));
  return { config, weights };
}

/** Sums a child could do, as rows of the plainest format. */
export function tinyQuestions(count: number, from = 0): string {
  return Array.from({ length: count }, (_, i) => {
    const [a, b] = [(from + i) % 9, ((from + i) * 4) % 7];
    return `${JSON.stringify({ question: `${a} apples and ${b} more, basket ${from + i}?`, answer: String(a + b) })}\n`;
  }).join('');
}
