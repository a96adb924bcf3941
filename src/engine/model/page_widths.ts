/**
 * Rows of a matrix that lie a whole number of pages (4 KiB) apart fall into the same few places of every cache, and a product that reads
 * several of them at a time takes 1.2 to 1.4 times as long (docs/bench/NOTES.md, "Widths of whole pages"). So are the hidden
 * states of many models: 1024, 2048, 3072 or 4096 wide. Such a model is computed 16 numbers wider, all of which stay 0: it is the same function,
 * and the gradients of what is trained are the same. Adapters keep their shapes, and get their zeros where a program reads them.
 */
import { CACHE_LINE_FLOATS, isWholePages } from '../graph/page_rows.ts';
import { type ModelConfig, parameterShapes } from './config.ts';
import type { Trainable } from './decoder_graph.ts';
import type { ProgramOptions } from './programs.ts';
import type { FrozenTensor, FrozenWeights } from './weights.ts';

const widerThan = (width: number): number => (isWholePages(width) ? width + CACHE_LINE_FLOATS : width);

/**
 * What programs are made of: on the CPU, where float32 weights are not trained, a model without such widths.
 * @param weights by `parameterShapes(config)`; taken over where they are made wider
 */
export function asComputed(
  config: ModelConfig,
  weights: FrozenWeights,
  { device, precision = 'float32' }: Pick<ProgramOptions, 'device' | 'precision'>,
  trainable: Trainable,
): { readonly config: ModelConfig; readonly weights: FrozenWeights } {
  const isPlain = device === 'cpu' && precision === 'float32' && trainable !== 'all-weights';
  const computed = isPlain ? withoutPageWidths(config) : config;
  if (computed === config) return { config, weights };
  return { config: computed, weights: takeToWiderRows(weights, config, computed) };
}

/** The same config where no width is whole pages. */
export function withoutPageWidths(config: ModelConfig): ModelConfig {
  const hiddenSize = widerThan(config.hiddenSize);
  // Gate and up are one matrix in the others, whose halves would have to move apart.
  const intermediateSize = config.fusedProjections ? config.intermediateSize : widerThan(config.intermediateSize);
  if (hiddenSize === config.hiddenSize && intermediateSize === config.intermediateSize) return config;
  // x / √(Σ x² / D' + ε') is √(D' / D) times as long as x / √(Σ x² / D + ε), which the weights of the norm take back.
  const rmsNormEpsilon = (config.rmsNormEpsilon * config.hiddenSize) / hiddenSize;
  return { ...config, hiddenSize, intermediateSize, rmsNormEpsilon, stored: config };
}

/**
 * Weights as `withoutPageWidths` of their config has them.
 * @param weights float32, by `parameterShapes(stored)`; taken over: each leaves the map as it is copied, so that no two copies of all exist
 */
export function takeToWiderRows(weights: FrozenWeights, stored: ModelConfig, wider: ModelConfig): FrozenWeights {
  const shapes = parameterShapes(wider);
  const taken: FrozenWeights = new Map();
  for (const name of [...weights.keys()]) {
    const tensor = weights.get(name)!;
    weights.delete(name);
    const scale = isHiddenNorm(name) ? Math.sqrt(stored.hiddenSize / wider.hiddenSize) : 1;
    taken.set(name, inWiderRows(tensor, shapes.get(name)!, scale));
  }
  return taken;
}

/** Of a layer's or the model's hidden states; the others are of a head's query or key. */
const isHiddenNorm = (name: string): boolean => name.endsWith('layernorm.weight') || name === 'model.norm.weight';

function inWiderRows(tensor: FrozenTensor, shape: readonly number[], scale: number): FrozenTensor {
  const { data } = tensor;
  if (!(data instanceof Float32Array)) throw new Error('only float32 weights are made wider');
  const from = tensor.shape.at(-1)!;
  const to = shape.at(-1)!;
  if (scale === 1 && shape.every((size, axis) => size === tensor.shape[axis])) return tensor;
  const wide = new Float32Array(shape.reduce((product, size) => product * size, 1));
  for (let row = 0; row * from < data.length; row++) wide.set(data.subarray(row * from, (row + 1) * from), row * to);
  if (scale !== 1) for (let i = 0; i < from; i++) wide[i] = wide[i]! * scale;
  return { shape, data: wide };
}
