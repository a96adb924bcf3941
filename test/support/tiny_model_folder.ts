/**
 * A Hugging Face model folder small enough to train in milliseconds: random weights of a real architecture and a byte-level tokenizer
 * with one token per character, so that every text has exactly one tokenisation. Its rationales are nonsense, but with few tokens in
 * the vocabulary many of them end by themselves.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseModelConfig } from '../../src/engine/model/config.ts';
import { writeSafetensors } from '../../src/engine/model/safetensors.ts';
import { tinyConfigJson } from './model_fixtures.ts';
import { tinyWeights } from './tiny_model.ts';

export const TINY_END_TOKEN = '<|end|>';
const SPECIAL = [TINY_END_TOKEN, '<|pad|>'];
/** What the tests' questions, the prompt template and the answers are written with. */
const CHARACTERS = [..."\n abcdefghijklmnopqrstuvwxyz0123456789.,'?+=LTH"];
export const TINY_VOCABULARY = SPECIAL.length + CHARACTERS.length;

/** GPT-2's printable stand-ins for the two bytes of ours that are not printable. */
const symbolOf = (character: string): string => (character === ' ' ? 'Ġ' : character === '\n' ? 'Ċ' : character);

/** tokenizer.json and tokenizer_config.json. */
export function tinyTokenizer(): { readonly tokenizer: object; readonly config: object } {
  const special = SPECIAL.map((content, id) => {
    const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
    return { id, content, ...flags };
  });
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
  const vocabulary = [...SPECIAL, ...CHARACTERS.map(symbolOf)];
  const tokenizer = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: special,
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: byteLevel,
    decoder: byteLevel,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(vocabulary.map((token, id) => [token, id])),
      merges: [],
    },
  };
  const config = {
    tokenizer_class: 'PreTrainedTokenizerFast',
    bos_token: null,
    eos_token: TINY_END_TOKEN,
    pad_token: '<|pad|>',
    unk_token: null,
    clean_up_tokenization_spaces: false,
  };
  return { tokenizer, config };
}

/** Writes the folder; the same seed gives the same bytes. @param changes of `config.json` */
export async function writeTinyModelFolder(
  folder: string,
  seed = 1,
  changes: Record<string, unknown> = {},
): Promise<void> {
  const json = tinyConfigJson('llama', {
    vocab_size: TINY_VOCABULARY,
    max_position_embeddings: 512,
    bos_token_id: null,
    eos_token_id: 0,
    ...changes,
  });
  const weights = tinyWeights(seed, parseModelConfig(json, folder));
  const { tokenizer, config } = tinyTokenizer();
  await mkdir(folder, { recursive: true });
  const write = (name: string, content: object) => writeFile(join(folder, name), JSON.stringify(content));
  await write('config.json', json);
  await write('tokenizer.json', tokenizer);
  await write('tokenizer_config.json', config);
  const tensors = [...weights].map(([name, tensor]) => ({ name, ...tensor }));
  await writeSafetensors(join(folder, 'model.safetensors'), tensors, { format: 'pt' });
}

/** Questions about small sums in the `starter` format, one a line. */
export async function writeTinyQuestions(file: string, count: number, first = 1): Promise<void> {
  const rows = Array.from({ length: count }, (_, i) => {
    const [a, b] = [(first + i) % 7, (3 * (first + i)) % 11];
    return `${JSON.stringify({ question: `what is ${a} + ${b} in row ${first + i}?`, answer: String(a + b) })}\n`;
  });
  await writeFile(file, rows.join(''));
}
