/**
 * New tokens beside a frozen vocabulary: ids V … V+N−1 after the V rows of the model's own embedding, each with a learned row on the
 * input side and one on the output side (the same row where the head is tied).
 *
 * With an adapter the rows are adapter tensors under PEFT's names for `trainable_token_indices` (PEFT ≥ 0.15): the rows themselves, not
 * differences, in spite of "delta". PEFT wants the base model resized to V+N rows before it loads the adapter; the folder's
 * `added_tokens.json` says which token each id is. Without an adapter the rows are the last ones of the weights.
 */
import { LatroError } from '../common/errors.ts';
import { RandomStream } from '../common/random.ts';
import { type ModelConfig, parameterShapes } from './config.ts';
import type { Tensor, Weights } from './weights.ts';

export interface AddedTokens {
  /** (N): what each token reads, in the order of the ids. */
  readonly texts: readonly string[];
  /** Id of the first one: V. */
  readonly firstId: number;
}

export type VocabularySide = 'input' | 'output';

const MODULES = { input: 'model.embed_tokens', output: 'lm_head' } as const;
const sidesOf = ({ tiedHead }: Pick<ModelConfig, 'tiedHead'>): readonly VocabularySide[] =>
  tiedHead ? ['input'] : ['input', 'output'];

/** Name of the rows (N, D) in PEFT's file. */
export const addedRowsName = (side: VocabularySide): string =>
  `base_model.model.${MODULES[side]}.token_adapter.trainable_tokens_delta`;

/** Name and shape of the tensors that hold N new tokens. */
export function addedRowShapes(config: ModelConfig, count: number): ReadonlyMap<string, readonly number[]> {
  return new Map(sidesOf(config).map((side) => [addedRowsName(side), [count, config.hiddenSize]]));
}

/** PEFT's `trainable_token_indices`, by the module's last name. */
export function trainableTokenIndices(tokens: AddedTokens, tensors: ReadonlyMap<string, unknown>) {
  const ids = tokens.texts.map((_, i) => tokens.firstId + i);
  return {
    embed_tokens: ids,
    ...(tensors.has(addedRowsName('output')) ? { lm_head: ids } : {}),
  };
}

/** Standard deviation of the noise, as a share of the root mean square of the row it is added to. */
const NOISE = 0.1;
/** Keeps these draws apart from those of adapters and sampling under the same seed. */
const ADDED_ROWS_STREAM = 0x726f7773;

/**
 * First values of the rows: e_i = mean over the pieces of text i of their rows + ε, ε ~ N(0, (0.1 · rms(mean))²) per number (ours; the
 * paper's tags are ordinary text). The mean says about what the text said; the noise parts tags whose texts have the same pieces. A
 * text the tokenizer knows no piece of starts at the mean of all rows, as transformers' resize_token_embeddings does.
 * @param encode token ids of a text in the vocabulary as it was
 * @returns tensors by PEFT's names, each (N, D); the same seed gives the same rows whatever else is drawn
 */
export function initialiseAddedRows(
  config: ModelConfig,
  weights: Weights,
  texts: readonly string[],
  encode: (text: string) => readonly number[],
  seed: number,
): ReadonlyMap<string, Tensor> {
  const width = config.hiddenSize;
  return new Map(
    sidesOf(config).map((side, s) => {
      const table = (weights.get(`${MODULES[side]}.weight`) as Tensor).data;
      const rows = new Float32Array(texts.length * width);
      texts.forEach((text, i) => {
        const pieces = encode(text);
        const mean = meanOfRows(table, width, pieces.length > 0 ? pieces : [...Array(config.vocabSize).keys()]);
        const scale = NOISE * Math.sqrt(mean.reduce((sum, value) => sum + value * value, 0) / width);
        const random = new RandomStream(seed, ADDED_ROWS_STREAM, s, i);
        rows.set(
          mean.map((value) => value + scale * random.nextNormal()),
          i * width,
        );
      });
      return [addedRowsName(side), { shape: [texts.length, width], data: rows }];
    }),
  );
}

function meanOfRows(table: Float32Array, width: number, ids: readonly number[]): Float64Array {
  const mean = new Float64Array(width);
  for (const id of ids) for (let j = 0; j < width; j++) mean[j] = mean[j]! + table[id * width + j]! / ids.length;
  return mean;
}

/** The config and weights of the model with V+N tokens: `rows` as `initialiseAddedRows` gives them. Other tensors are shared. */
export function appendRows(
  config: ModelConfig,
  weights: Weights,
  rows: ReadonlyMap<string, Tensor>,
): { readonly config: ModelConfig; readonly weights: Weights } {
  const appended: Weights = new Map(weights);
  let vocabSize = config.vocabSize;
  for (const side of sidesOf(config)) {
    const name = `${MODULES[side]}.weight`;
    const table = weights.get(name) as Tensor;
    const extra = rows.get(addedRowsName(side)) as Tensor;
    const data = new Float32Array(table.data.length + extra.data.length);
    data.set(table.data);
    data.set(extra.data, table.data.length);
    vocabSize = config.vocabSize + extra.shape[0]!;
    appended.set(name, { shape: [vocabSize, config.hiddenSize], data });
  }
  const grown = { ...config, vocabSize };
  // In the order in which a model's tensors are stored.
  return {
    config: grown,
    weights: new Map([...parameterShapes(grown).keys()].map((name) => [name, appended.get(name) as Tensor])),
  };
}

interface TokenizerJson {
  readonly added_tokens?: readonly { readonly content: string; readonly id: number }[];
  readonly model: { readonly vocab: Readonly<Record<string, number>> };
}

const entryOf = (content: string) => ({
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  // Found in the text as it is, before the tokenizer's normaliser.
  normalized: false,
  // Not special: a tag stays visible in decoded text, as `<think>` does in published reasoning models.
  special: false,
});

/**
 * `tokenizer.json` with the new tokens. They also enter the model's own vocabulary: the tokenizers library numbers an added token that
 * it does not find there one after the last, whatever id the file says, and embeddings are often padded past the last token.
 * @throws LatroError `tokenizer-mismatch` when a token is there already, or the kind of vocabulary has no room between
 */
export function tokenizerJsonWith(json: unknown, tokens: AddedTokens, path: string): object {
  const { model, added_tokens: added = [], ...rest } = json as TokenizerJson & Record<string, unknown>;
  const { vocab } = model;
  if (typeof vocab !== 'object' || vocab === null || Array.isArray(vocab)) {
    throw new LatroError(
      'tokenizer-mismatch',
      `${path} has a vocabulary that tokens cannot be added to.`,
      'Use a model with a byte-pair tokenizer.',
    );
  }
  const known = tokens.texts.find(
    (text) => Object.hasOwn(vocab, text) || added.some(({ content }) => content === text),
  );
  if (known !== undefined) {
    throw new LatroError(
      'tokenizer-mismatch',
      `${path} knows the token ${JSON.stringify(known)} already.`,
      'Use the model and tokenizer it was added to, or another text for the token.',
    );
  }
  const ids = tokens.texts.map((text, i): [string, number] => [text, tokens.firstId + i]);
  return {
    ...rest,
    added_tokens: [...added, ...ids.map(([text, id]) => ({ id, ...entryOf(text) }))],
    model: { ...model, vocab: { ...vocab, ...Object.fromEntries(ids) } },
  };
}

/** `tokenizer_config.json` with the new tokens, which transformers adds once more by this list. */
export function tokenizerConfigWith(json: unknown, tokens: AddedTokens): object {
  const config = (json ?? {}) as { readonly added_tokens_decoder?: object };
  const entries = tokens.texts.map((text, i) => [String(tokens.firstId + i), entryOf(text)]);
  return { ...config, added_tokens_decoder: { ...config.added_tokens_decoder, ...Object.fromEntries(entries) } };
}

/** `added_tokens.json`: text → id, transformers' own file; `before` is what it held. */
export function addedTokensJson(tokens: AddedTokens, before: unknown = {}): Record<string, number> {
  const entries = tokens.texts.map((text, i) => [text, tokens.firstId + i]);
  return { ...(before as Record<string, number>), ...Object.fromEntries(entries) };
}
