/** Rotary frequencies and the cos/sin tables the programs take as inputs. Computed in float64, stored in float32 as PyTorch has it. */
import { unreachable } from '../common/errors.ts';
import type { ModelConfig } from './config.ts';

export interface RotaryTable {
  /** (positions, rotaryDim / 2) */
  readonly cos: Float32Array;
  readonly sin: Float32Array;
  readonly positions: number;
  readonly halfDim: number;
}

/** Dimensions of a head that are rotated. */
export function rotaryDim(config: ModelConfig): number {
  return Math.floor(config.headDim * config.partialRotaryFactor);
}

/**
 * @param positions number of rows of the table
 * @param sequenceLength the longest sequence of the run: LongRoPE switches to its long factors past the original length, for
 * every position of that sequence (transformers' `dynamic_rope_update`)
 */
export function rotaryTable(config: ModelConfig, positions: number, sequenceLength: number): RotaryTable {
  const dim = rotaryDim(config);
  const halfDim = dim / 2;
  const frequencies = Array.from({ length: halfDim }, (_, i) => scaledFrequency(config, i, dim, sequenceLength));
  const attention = config.rope.kind === 'longrope' ? config.rope.attentionFactor : 1;
  const cos = new Float32Array(positions * halfDim);
  const sin = new Float32Array(positions * halfDim);
  for (let position = 0; position < positions; position++) {
    for (let i = 0; i < halfDim; i++) {
      const angle = Math.fround(position * Math.fround(frequencies[i]!));
      cos[position * halfDim + i] = Math.cos(angle) * attention;
      sin[position * halfDim + i] = Math.sin(angle) * attention;
    }
  }
  return { cos, sin, positions, halfDim };
}

function scaledFrequency(config: ModelConfig, index: number, dim: number, sequenceLength: number): number {
  const base = config.ropeTheta ** (-(2 * index) / dim);
  const rope = config.rope;
  switch (rope.kind) {
    case 'default':
      return base;
    case 'linear':
      return base / rope.factor;
    case 'llama3': {
      // transformers `_compute_llama3_parameters`
      const wavelength = (2 * Math.PI) / base;
      if (wavelength < rope.originalMaxPositions / rope.highFrequencyFactor) return base;
      if (wavelength > rope.originalMaxPositions / rope.lowFrequencyFactor) return base / rope.factor;
      const smooth =
        (rope.originalMaxPositions / wavelength - rope.lowFrequencyFactor) /
        (rope.highFrequencyFactor - rope.lowFrequencyFactor);
      return ((1 - smooth) * base) / rope.factor + smooth * base;
    }
    case 'longrope': {
      const factors = sequenceLength > rope.originalMaxPositions ? rope.longFactor : rope.shortFactor;
      return base / factors[index]!;
    }
    default:
      return unreachable(rope);
  }
}
