/**
 * Frozen matrices in 8 bits: each output i of a linear layer has a scale s_i of its own, W_ij ≈ s_i q_ij with whole q_ij in [−127, 127].
 * A scale for every 32 inputs would halve the error, but its products are a third as fast (docs/bench/NOTES.md).
 */
import { type WeightFormat, weightPrecision } from '../graph/precision.ts';

interface Tensor<T> {
  readonly shape: readonly number[];
  readonly data: T;
}

/** q (out, in), row-major, and s (out). */
export interface QuantisedMatrix {
  readonly shape: readonly number[];
  readonly values: Int8Array;
  readonly scales: Float32Array;
}

const LARGEST = 127;

/** Which parameters are held in 8 bits: linear layers. The embedding and the head stay as they are: their errors go straight into the logits. */
export const isQuantised = (name: string): boolean => name.endsWith('_proj.weight');

/** What a frozen parameter is held in. */
export function heldIn(name: string, shape: readonly number[], format: WeightFormat): WeightFormat {
  if (format === 'int8') return isQuantised(name) ? 'int8' : 'float32';
  return weightPrecision(shape, format);
}

/** The name under which the scales of a matrix stand beside it. */
export const scalesName = (matrix: string): string => `${matrix}.scales`;

/** To the nearest: |W_ij − s_i q_ij| ≤ s_i/2, s_i = max_j |W_ij| / 127. A row of zeros has scale 0. */
export function quantise({ shape, data }: Tensor<Float32Array>): QuantisedMatrix {
  const [outputs, inputs] = shape as [number, number];
  const values = new Int8Array(data.length);
  const scales = new Float32Array(outputs);
  for (let row = 0; row < outputs; row++) {
    const start = row * inputs;
    let largest = 0;
    for (let i = start; i < start + inputs; i++) largest = Math.max(largest, Math.abs(data[i]!));
    const scale = Math.fround(largest / LARGEST);
    scales[row] = scale;
    if (scale === 0) continue;
    // A scale that was rounded down may lead one further.
    for (let i = start; i < start + inputs; i++)
      values[i] = Math.max(-LARGEST, Math.min(LARGEST, Math.round(data[i]! / scale)));
  }
  return { shape, values, scales };
}

/** s_i q_ij: the matrix that the model then has. */
export function dequantise({ shape, values, scales }: QuantisedMatrix): Float32Array {
  const inputs = shape[1]!;
  return Float32Array.from(values, (value, i) => scales[Math.floor(i / inputs)]! * value);
}

/** Weights with linear layers in 8 bits, their scales after all of them. */
export function quantisedWeights(
  weights: ReadonlyMap<string, Tensor<Float32Array>>,
): Map<string, Tensor<Float32Array | Int8Array>> {
  const held = new Map<string, Tensor<Float32Array | Int8Array>>(weights);
  for (const [name, tensor] of weights) {
    if (!isQuantised(name)) continue;
    const { shape, values, scales } = quantise(tensor);
    held.set(name, { shape, data: values }).set(scalesName(name), { shape: [scales.length], data: scales });
  }
  return held;
}

const TILE = 64;

/** (rows, columns) → (columns, rows), tile by tile, so that both sides stay in the processor's cache. */
export function transposed(data: Int8Array, columns: number): Int8Array {
  const rows = data.length / columns;
  const out = new Int8Array(data.length);
  for (let top = 0; top < rows; top += TILE) {
    for (let left = 0; left < columns; left += TILE) {
      for (let row = top; row < Math.min(rows, top + TILE); row++) {
        for (let column = left; column < Math.min(columns, left + TILE); column++)
          out[column * rows + row] = data[row * columns + column]!;
      }
    }
  }
  return out;
}
