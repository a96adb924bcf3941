/** The output head in pieces of the vocabulary, as `graph/chunked_head.ts` takes it: views of one matrix, none of which is copied. */
import { pieceSizes } from '../graph/chunked_head.ts';
import type { HostTensor } from '../runtime/session.ts';
import type { ModelConfig } from './config.ts';

/** The parameter that is the output head: the embedding matrix when tied. */
export const headName = ({ tiedHead }: Pick<ModelConfig, 'tiedHead'>): string =>
  tiedHead ? 'model.embed_tokens.weight' : 'lm_head.weight';

export interface HeadPiece {
  /** What a program calls it. */
  readonly name: string;
  /** Its rows of the head are first … first + rows − 1. */
  readonly first: number;
  readonly rows: number;
}

/** All of them, one above the other; the head itself where it is one piece. */
export function headPieces(config: ModelConfig): readonly HeadPiece[] {
  const sizes = pieceSizes(config.vocabSize);
  const whole = headName(config);
  let first = 0;
  return sizes.map((rows) => {
    const piece = { name: sizes.length === 1 ? whole : `${whole}[${first}:${first + rows}]`, first, rows };
    first += rows;
    return piece;
  });
}

/** The tensors of the pieces by their names; empty where the head is one, or is not float32. */
export function headViews(
  config: ModelConfig,
  weights: ReadonlyMap<string, HostTensor>,
): ReadonlyMap<string, HostTensor<Float32Array>> {
  const views = new Map<string, HostTensor<Float32Array>>();
  const data = weights.get(headName(config))?.data;
  const pieces = headPieces(config);
  if (!(data instanceof Float32Array) || pieces.length === 1) return views;
  const width = config.hiddenSize;
  for (const { name, first, rows } of pieces)
    views.set(name, { shape: [rows, width], data: data.subarray(first * width, (first + rows) * width) });
  return views;
}
