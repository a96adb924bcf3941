/**
 * New tokens beside a frozen vocabulary: ids V … V+N−1 after the V rows of the model's own embedding, each with a learned row on the
 * input side and one on the output side (the same row where the head is tied).
 *
 * With an adapter the rows are adapter tensors under PEFT's names for `trainable_token_indices` (PEFT ≥ 0.15): the rows themselves, not
 * differences, in spite of "delta". PEFT wants the base model resized to V+N rows before it loads the adapter; the folder's
 * `added_tokens.json` says which token each id is. Without an adapter the rows are the last ones of the weights.
 */
import { RandomStream } from '../common/random.ts';
import { type ModelConfig, parameterShapes } from './config.ts';
import { type FrozenTensor, type FrozenWeights, type Tensor, toFloat16, toFloat32 } from './weights.ts';

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
  weights: FrozenWeights,
  texts: readonly string[],
  encode: (text: string) => readonly number[],
  seed: number,
): ReadonlyMap<string, Tensor> {
  const width = config.hiddenSize;
  return new Map(
    sidesOf(config).map((side, s) => {
      const table = toFloat32(weights.get(`${MODULES[side]}.weight`)!);
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
export function appendRows<T extends FrozenTensor>(
  config: ModelConfig,
  weights: Map<string, T>,
  rows: ReadonlyMap<string, Tensor>,
): { readonly config: ModelConfig; readonly weights: Map<string, T> } {
  const appended = new Map<string, FrozenTensor>(weights);
  let vocabSize = config.vocabSize;
  for (const side of sidesOf(config)) {
    const name = `${MODULES[side]}.weight`;
    const table = weights.get(name) as T;
    const extra = rows.get(addedRowsName(side)) as Tensor;
    const isHalf = table.data instanceof Uint16Array;
    const size = table.data.length + extra.data.length;
    const data = isHalf ? new Uint16Array(size) : new Float32Array(size);
    data.set(table.data);
    data.set(isHalf ? toFloat16(name, extra.data) : extra.data, table.data.length);
    vocabSize = config.vocabSize + extra.shape[0]!;
    appended.set(name, { shape: [vocabSize, config.hiddenSize], data });
  }
  const grown = { ...config, vocabSize };
  // In the order in which a model's tensors are stored; scales of int8 matrices after them.
  return {
    config: grown,
    weights: new Map(
      [...new Set([...parameterShapes(grown).keys(), ...appended.keys()])].map((name) => [
        name,
        appended.get(name) as T,
      ]),
    ),
  };
}
