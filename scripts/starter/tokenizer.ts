/**
 * The starter's tokenizer: byte-level BPE (Sennrich et al. 2016, "Neural machine translation of rare words with subword units",
 * on bytes as in GPT-2), trained on generated text. Every byte has a token, so no text a person types is ever unknown. Numbers
 * are not left to frequency: " 0" to " 99" are one token each, so that a small model calculates with whole numbers.
 */

export const END_TOKEN = '<|end|>';
export const PAD_TOKEN = '<|pad|>';
export const END_ID = 0;
export const PAD_ID = 1;

/** GPT-2's splitting of text into words; every merge stays inside one of them. */
const WORDS = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;

/** GPT-2's printable stand-in for every byte: itself where it is printable in Latin-1, else the next free code point from 256. */
function byteSymbols(): string[] {
  const printable = (byte: number) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(printable(byte) ? byte : next++));
}

type Merge = readonly [left: string, right: string];

/** " 0" … " 9", then " 10" … " 99": merges are tried in this order, so " 123" falls into " 12" and "3". */
function numberMerges(space: string): Merge[] {
  const digits = Array.from('0123456789');
  const single = digits.map((digit): Merge => [space, digit]);
  const double = digits.slice(1).flatMap((tens) => digits.map((ones): Merge => [`${space}${tens}`, ones]));
  return [...single, ...double];
}

function mergeAll(symbols: readonly string[], [left, right]: Merge): string[] {
  const merged: string[] = [];
  for (let i = 0; i < symbols.length; i++) {
    if (symbols[i] === left && symbols[i + 1] === right) {
      merged.push(left + right);
      i++;
    } else {
      merged.push(symbols[i] as string);
    }
  }
  return merged;
}

/** The `count` merges that BPE learns from the text: always the most frequent pair, ties by the pair's own order. */
function trainMerges(texts: Iterable<string>, count: number, symbolOf: readonly string[]): Merge[] {
  const frequency = new Map<string, number>();
  for (const text of texts) {
    for (const [word] of text.matchAll(WORDS)) {
      // Numbers have their merges already.
      if (!/\p{N}/u.test(word)) frequency.set(word, (frequency.get(word) ?? 0) + 1);
    }
  }
  const encoder = new TextEncoder();
  const words = Array.from(frequency, ([word, times]) => ({
    symbols: Array.from(encoder.encode(word), (byte) => symbolOf[byte] as string),
    times,
  }));

  const merges: Merge[] = [];
  while (merges.length < count) {
    const pairs = new Map<string, { merge: Merge; times: number }>();
    for (const { symbols, times } of words) {
      for (let i = 1; i < symbols.length; i++) {
        const merge: Merge = [symbols[i - 1] as string, symbols[i] as string];
        const key = merge.join(' ');
        const seen = pairs.get(key);
        if (seen) seen.times += times;
        else pairs.set(key, { merge, times });
      }
    }
    let best: { key: string; merge: Merge; times: number } | null = null;
    for (const [key, { merge, times }] of pairs) {
      if (best === null || times > best.times || (times === best.times && key < best.key)) best = { key, merge, times };
    }
    if (best === null) break;
    const { merge } = best;
    merges.push(merge);
    for (const word of words) word.symbols = mergeAll(word.symbols, merge);
  }
  return merges;
}

/** tokenizer.json and tokenizer_config.json as Hugging Face's tokenizers read them. */
export type TokenizerFiles = { readonly tokenizer: object; readonly config: object };

/** A vocabulary of at most `vocabularySize` tokens: 2 special ones, 256 bytes, 100 numbers, the rest learnt from `texts`. */
export function buildTokenizer(texts: Iterable<string>, vocabularySize: number): TokenizerFiles {
  const symbolOf = byteSymbols();
  const space = symbolOf[32] as string;
  const numbers = numberMerges(space);
  const fixed = [END_TOKEN, PAD_TOKEN, ...symbolOf, ...numbers.map((merge) => merge.join(''))];
  const learnt = trainMerges(texts, vocabularySize - fixed.length, symbolOf);
  const merges = [...numbers, ...learnt];
  const vocabulary = [...fixed, ...learnt.map((merge) => merge.join(''))];

  const special = (content: string, id: number) => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  });
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
  return {
    tokenizer: {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: [special(END_TOKEN, END_ID), special(PAD_TOKEN, PAD_ID)],
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
        merges: merges.map((merge) => merge.join(' ')),
      },
    },
    config: {
      tokenizer_class: 'PreTrainedTokenizerFast',
      bos_token: null,
      eos_token: END_TOKEN,
      pad_token: PAD_TOKEN,
      unk_token: null,
      add_bos_token: false,
      add_eos_token: false,
      clean_up_tokenization_spaces: false,
      model_max_length: 256,
    },
  };
}
