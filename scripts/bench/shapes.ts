/** The models that are measured: their configs alone, so that nothing has to be downloaded. Weights are random. */
import { type Precision, weightPrecision } from '../../src/engine/graph/precision.ts';
import type { FrozenMap } from '../../src/engine/model/bound_tensors.ts';
import { type ModelConfig, parameterShapes, parseModelConfig } from '../../src/engine/model/config.ts';
import { narrowToFloat16 } from '../../src/engine/model/number_formats.ts';

interface ShapeFields {
  readonly type: 'llama' | 'qwen2' | 'qwen3';
  readonly layers: number;
  readonly hidden: number;
  readonly inner: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly headDim: number;
  readonly vocabulary: number;
  readonly tied?: false;
}

const FIELDS = {
  /** media/starter */
  starter: {
    type: 'llama',
    layers: 4,
    hidden: 128,
    inner: 384,
    heads: 4,
    keyValueHeads: 4,
    headDim: 32,
    vocabulary: 1024,
  },
  /** jingyaogong/MiniMind2-Small */
  'minimind2-small': {
    type: 'llama',
    layers: 8,
    hidden: 512,
    inner: 1408,
    heads: 8,
    keyValueHeads: 2,
    headDim: 64,
    vocabulary: 6400,
  },
  /** HuggingFaceTB/SmolLM2-135M */
  'smollm2-135m': {
    type: 'llama',
    layers: 30,
    hidden: 576,
    inner: 1536,
    heads: 9,
    keyValueHeads: 3,
    headDim: 64,
    vocabulary: 49152,
  },
  /** Qwen/Qwen2.5-0.5B */
  'qwen2.5-0.5b': {
    type: 'qwen2',
    layers: 24,
    hidden: 896,
    inner: 4864,
    heads: 14,
    keyValueHeads: 2,
    headDim: 64,
    vocabulary: 151936,
  },
  /** Qwen/Qwen3-0.6B, whose widths are whole pages (`page_widths.ts`); left out unless asked for. */
  'qwen3-0.6b': {
    type: 'qwen3',
    layers: 28,
    hidden: 1024,
    inner: 3072,
    heads: 16,
    keyValueHeads: 8,
    headDim: 128,
    vocabulary: 151936,
  },
  /** mistralai/Mistral-7B-v0.1, for machines with a GPU: left out unless asked for. */
  'mistral-7b': {
    type: 'llama',
    layers: 32,
    hidden: 4096,
    inner: 14336,
    heads: 32,
    keyValueHeads: 8,
    headDim: 128,
    vocabulary: 32000,
    tied: false,
  },
} as const satisfies Readonly<Record<string, ShapeFields>>;

export type ShapeName = keyof typeof FIELDS;
export const SHAPE_NAMES = Object.keys(FIELDS) as readonly ShapeName[];
export const DEFAULT_SHAPES: readonly ShapeName[] = ['starter', 'minimind2-small', 'smollm2-135m', 'qwen2.5-0.5b'];

export const isShapeName = (name: string): name is ShapeName => Object.hasOwn(FIELDS, name);

export function shapeConfig(name: ShapeName): ModelConfig {
  const fields: ShapeFields = FIELDS[name];
  return parseModelConfig(
    {
      model_type: fields.type,
      num_hidden_layers: fields.layers,
      hidden_size: fields.hidden,
      intermediate_size: fields.inner,
      num_attention_heads: fields.heads,
      num_key_value_heads: fields.keyValueHeads,
      head_dim: fields.headDim,
      vocab_size: fields.vocabulary,
      max_position_embeddings: 2048,
      rms_norm_eps: 1e-5,
      rope_theta: 10000,
      tie_word_embeddings: fields.tied ?? true,
    },
    name,
  );
}

/**
 * Weights drawn from U(−0.035, 0.035), whose standard deviation is transformers' initializer range of 0.02; norms are 1. What the numbers are changes
 * no time: the products are dense.
 */
export function randomWeights(config: ModelConfig, precision: Precision = 'float32'): FrozenMap {
  const block = randomBlock(1 << 20);
  const blocks = { float32: block, float16: narrowToFloat16(block) };
  const weights = new Map<string, { readonly shape: readonly number[]; readonly data: Float32Array | Uint16Array }>();
  let offset = 0;
  for (const [name, shape] of parameterShapes(config)) {
    const size = shape.reduce((product, dim) => product * dim, 1);
    const held = weightPrecision(shape, precision);
    const data = held === 'float16' ? new Uint16Array(size) : new Float32Array(size);
    if (name.endsWith('norm.weight')) data.fill(1);
    else
      for (let start = 0; start < data.length; ) {
        const piece = blocks[held].subarray(offset, Math.min(block.length, offset + data.length - start));
        data.set(piece, start);
        start += piece.length;
        offset = (offset + piece.length) % block.length;
      }
    weights.set(name, { shape, data });
  }
  return weights;
}

/** A linear congruential generator (Numerical Recipes): drawing half a billion numbers by Philox would take longer than the bench. */
function randomBlock(size: number): Float32Array {
  let state = 1;
  return Float32Array.from({ length: size }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 31 - 1) * 0.035;
  });
}
