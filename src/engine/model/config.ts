/**
 * `config.json` of a Hugging Face model folder → one checked description of the architecture. Absent fields take the default
 * that transformers' configuration class gives them; anything the engine would compute differently is refused, not ignored.
 */

import { join } from 'node:path';
import * as v from 'valibot';
import { LatroError } from '../common/errors.ts';
import { requireModelFolder } from './foreign_formats.ts';
import { parseJson, readOptionalJson, readRequiredJson } from './json_file.ts';

export type Architecture = 'llama' | 'mistral' | 'phi3' | 'qwen2' | 'qwen3';

/** How rotary frequencies are stretched for contexts longer than the pretraining length. */
export type RopeScaling =
  | { readonly kind: 'default' }
  /** Frequencies divided by `factor`. */
  | { readonly kind: 'linear'; readonly factor: number }
  /** Llama 3.1: long wavelengths divided by `factor`, short ones kept, a linear blend between. */
  | {
      readonly kind: 'llama3';
      readonly factor: number;
      readonly lowFrequencyFactor: number;
      readonly highFrequencyFactor: number;
      readonly originalMaxPositions: number;
    }
  /** LongRoPE (Phi-3): one divisor per frequency; `longFactor` once the sequence passes `originalMaxPositions`. */
  | {
      readonly kind: 'longrope';
      /** (rotaryDim / 2) */
      readonly shortFactor: readonly number[];
      /** (rotaryDim / 2) */
      readonly longFactor: readonly number[];
      readonly originalMaxPositions: number;
      /** cos and sin are multiplied by this, for short and long sequences alike. */
      readonly attentionFactor: number;
    };

export interface ModelConfig {
  readonly architecture: Architecture;
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly headDim: number;
  readonly rmsNormEpsilon: number;
  readonly rope: RopeScaling;
  readonly ropeTheta: number;
  readonly maxPositions: number;
  /** The output head is the embedding matrix; there is no `lm_head.weight`. */
  readonly tiedHead: boolean;
  readonly queryKeyValueBias: boolean;
  readonly outputBias: boolean;
  readonly mlpBias: boolean;
  /** RMS norm over each head's query and key before the rotation (Qwen3). */
  readonly queryKeyNorm: boolean;
  /** `qkv_proj` and `gate_up_proj` instead of separate matrices (Phi-3). */
  readonly fusedProjections: boolean;
  /** A token sees at most this many positions, itself included; null: all. */
  readonly slidingWindow: number | null;
  /** Share of each head's dimensions that is rotated, in (0, 1]. */
  readonly partialRotaryFactor: number;
  readonly bosTokenId: number | null;
  /** Every id that ends a text, from `generation_config.json` and `config.json`. */
  readonly eosTokenIds: readonly number[];
  readonly padTokenId: number | null;
  /** The model as its folder stores it, where it is computed with wider rows (`page_widths.ts`). */
  readonly stored?: ModelConfig;
}

/** What adapters, exports and everything outside of programs go by. */
export const storedConfig = (config: ModelConfig): ModelConfig => config.stored ?? config;

/** What transformers' configuration class assumes where `config.json` is silent. */
interface ClassDefaults {
  readonly className: string;
  /** null: one per head. */
  readonly keyValueHeads: number | null;
  /** null: hiddenSize / heads. */
  readonly headDim: number | null;
  readonly rmsNormEpsilon: number;
  readonly maxPositions: number;
  readonly slidingWindow: number | null;
}

const COMMON = { keyValueHeads: null, headDim: null, rmsNormEpsilon: 1e-6, slidingWindow: null };

const CLASS_DEFAULTS: { readonly [A in Architecture]: ClassDefaults } = {
  llama: { ...COMMON, className: 'LlamaForCausalLM', maxPositions: 2048 },
  mistral: {
    ...COMMON,
    className: 'MistralForCausalLM',
    maxPositions: 131072,
    keyValueHeads: 8,
    slidingWindow: 4096,
  },
  phi3: { ...COMMON, className: 'Phi3ForCausalLM', maxPositions: 4096, rmsNormEpsilon: 1e-5 },
  qwen2: { ...COMMON, className: 'Qwen2ForCausalLM', maxPositions: 32768, keyValueHeads: 32, slidingWindow: 4096 },
  qwen3: {
    ...COMMON,
    className: 'Qwen3ForCausalLM',
    maxPositions: 32768,
    keyValueHeads: 32,
    slidingWindow: 4096,
    headDim: 128,
  },
};

const SUPPORTED = 'Supported are Llama, Mistral, Phi-3/3.5, Qwen2/2.5 and Qwen3 models for text generation.';

// Above every published model, and low enough that products of sizes stay exact integers.
const size = (most: number) => v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(most));
const positive = v.pipe(v.number(), v.finite(), v.gtValue(0));
const factors = v.pipe(v.array(positive), v.minLength(1), v.maxLength(4096));
const tokenId = v.pipe(v.number(), v.integer());
const tokenIds = v.nullish(v.union([tokenId, v.pipe(v.array(tokenId), v.maxLength(1024))]));

const RopeSchema = v.nullish(
  v.object({
    rope_type: v.nullish(v.string()),
    type: v.nullish(v.string()),
    rope_theta: v.nullish(positive),
    partial_rotary_factor: v.nullish(positive),
    factor: v.nullish(positive),
    low_freq_factor: v.nullish(positive),
    high_freq_factor: v.nullish(positive),
    original_max_position_embeddings: v.nullish(size(2 ** 31)),
    short_factor: v.nullish(factors),
    long_factor: v.nullish(factors),
    attention_factor: v.nullish(positive),
  }),
);

const ConfigSchema = v.object({
  model_type: v.string(),
  architectures: v.nullish(v.array(v.string())),
  vocab_size: size(2 ** 24),
  hidden_size: size(2 ** 16),
  intermediate_size: size(2 ** 20),
  num_hidden_layers: size(1024),
  num_attention_heads: size(1024),
  num_key_value_heads: v.nullish(size(1024)),
  head_dim: v.nullish(size(4096)),
  hidden_act: v.nullish(v.string(), 'silu'),
  rms_norm_eps: v.nullish(positive),
  rope_theta: v.nullish(positive),
  rope_scaling: RopeSchema,
  rope_parameters: RopeSchema,
  partial_rotary_factor: v.nullish(positive),
  max_position_embeddings: v.nullish(size(2 ** 31)),
  original_max_position_embeddings: v.nullish(size(2 ** 31)),
  tie_word_embeddings: v.nullish(v.boolean(), false),
  attention_bias: v.nullish(v.boolean(), false),
  mlp_bias: v.nullish(v.boolean(), false),
  sliding_window: v.optional(v.nullable(size(2 ** 31))),
  use_sliding_window: v.nullish(v.boolean(), false),
  max_window_layers: v.nullish(v.pipe(v.number(), v.integer(), v.minValue(0))),
  layer_types: v.nullish(v.array(v.string())),
  quantization_config: v.nullish(v.unknown()),
  bos_token_id: v.nullish(tokenId),
  eos_token_id: tokenIds,
  pad_token_id: v.nullish(tokenId),
});
type RawConfig = v.InferOutput<typeof ConfigSchema>;

const GenerationSchema = v.object({ eos_token_id: tokenIds });

/**
 * Reads `config.json` and, for the end-of-text ids, `generation_config.json`.
 * Errors: model-not-found, model-damaged (not JSON, a field missing or out of range), model-unsupported, pickle-refused.
 */
export async function readModelConfig(folder: string): Promise<ModelConfig> {
  await requireModelFolder(folder);
  const path = join(folder, 'config.json');
  const json = await readRequiredJson(
    path,
    { missing: 'model-not-found', damaged: 'model-damaged' },
    'Choose a Hugging Face model folder, or download the model again.',
  );
  const generation = await readOptionalJson(join(folder, 'generation_config.json'), 'model-damaged');
  return parseModelConfig(json, folder, generation);
}

/** `json` and `generationJson` are the parsed files; `folder` is only named in errors. Errors: as `readModelConfig`. */
export function parseModelConfig(json: unknown, folder: string, generationJson?: unknown): ModelConfig {
  const path = join(folder, 'config.json');
  const architecture = architectureOf(json, path);
  const raw = parseJson(ConfigSchema, json, path, 'model-damaged');
  const generation = parseJson(
    v.nullish(GenerationSchema),
    generationJson,
    join(folder, 'generation_config.json'),
    'model-damaged',
  );
  const defaults = CLASS_DEFAULTS[architecture];
  const refuse = (what: string): never => {
    throw new LatroError('model-unsupported', `${path}: ${what}.`, SUPPORTED);
  };
  const inconsistent = (what: string): never => {
    throw new LatroError('model-damaged', `${path}: ${what}.`, 'Correct the file or download the model again.');
  };

  if (raw.hidden_act !== 'silu') refuse(`the activation "${raw.hidden_act}" is not supported, only "silu"`);
  if (raw.quantization_config != null) refuse('the weights are quantized, only F32, F16 and BF16 weights can be used');

  const heads = raw.num_attention_heads;
  const keyValueHeads = raw.num_key_value_heads ?? defaults.keyValueHeads ?? heads;
  if (heads % keyValueHeads !== 0) {
    inconsistent(`num_attention_heads ${heads} is not a multiple of num_key_value_heads ${keyValueHeads}`);
  }
  const headDim = raw.head_dim ?? defaults.headDim ?? raw.hidden_size / heads;
  if (!Number.isInteger(headDim)) {
    inconsistent(`hidden_size ${raw.hidden_size} is not a multiple of num_attention_heads ${heads}`);
  }
  const partialRotaryFactor = raw.rope_parameters?.partial_rotary_factor ?? raw.partial_rotary_factor ?? 1;
  const rotaryDim = Math.trunc(headDim * partialRotaryFactor);
  if (partialRotaryFactor > 1 || rotaryDim < 2 || rotaryDim % 2 !== 0) {
    inconsistent(`${rotaryDim} rotated dimensions of a head of ${headDim} is not an even number within the head`);
  }
  const maxPositions = raw.max_position_embeddings ?? defaults.maxPositions;
  const isToken = (id: number | null | undefined): id is number => id != null && id >= 0 && id < raw.vocab_size;

  return {
    architecture,
    vocabSize: raw.vocab_size,
    hiddenSize: raw.hidden_size,
    intermediateSize: raw.intermediate_size,
    layers: raw.num_hidden_layers,
    heads,
    keyValueHeads,
    headDim,
    rmsNormEpsilon: raw.rms_norm_eps ?? defaults.rmsNormEpsilon,
    rope: ropeScaling(raw, rotaryDim, maxPositions, refuse, inconsistent),
    ropeTheta: raw.rope_parameters?.rope_theta ?? raw.rope_theta ?? 10000,
    maxPositions,
    tiedHead: raw.tie_word_embeddings,
    queryKeyValueBias: architecture === 'qwen2' || (hasBiasOption(architecture) && raw.attention_bias),
    outputBias: hasBiasOption(architecture) && raw.attention_bias,
    mlpBias: architecture === 'llama' && raw.mlp_bias,
    queryKeyNorm: architecture === 'qwen3',
    fusedProjections: architecture === 'phi3',
    slidingWindow: slidingWindow(architecture, raw, refuse),
    partialRotaryFactor,
    bosTokenId: isToken(raw.bos_token_id) ? raw.bos_token_id : null,
    eosTokenIds: [...new Set([generation?.eos_token_id, raw.eos_token_id].flat())].filter(isToken),
    padTokenId: isToken(raw.pad_token_id) ? raw.pad_token_id : null,
  };
}

/** Decided before the other fields are checked: another architecture's config need not have any of them. */
function architectureOf(json: unknown, path: string): Architecture {
  const { model_type: type, architectures } = parseJson(
    v.object({ model_type: v.string(), architectures: v.nullish(v.array(v.string())) }),
    json,
    path,
    'model-damaged',
  );
  if (!Object.hasOwn(CLASS_DEFAULTS, type)) {
    throw new LatroError('model-unsupported', `${path}: models of type "${type}" are not supported.`, SUPPORTED);
  }
  const architecture = type as Architecture;
  const className = architectures?.[0];
  if (className !== undefined && className !== CLASS_DEFAULTS[architecture].className) {
    throw new LatroError(
      'model-unsupported',
      `${path}: the model class "${className}" is not supported, only "${CLASS_DEFAULTS[architecture].className}" for type "${type}".`,
      SUPPORTED,
    );
  }
  return architecture;
}

/** `attention_bias` is a field of these classes only; it then covers q, k, v and o. */
function hasBiasOption(architecture: Architecture): boolean {
  return architecture === 'llama' || architecture === 'qwen3';
}

type Refuse = (what: string) => never;

/** transformers `modeling_rope_utils.py`; `rope_scaling` is the older name of `rope_parameters`, "su" of "longrope". */
function ropeScaling(
  raw: RawConfig,
  rotaryDim: number,
  maxPositions: number,
  refuse: Refuse,
  inconsistent: Refuse,
): RopeScaling {
  const rope = raw.rope_parameters ?? raw.rope_scaling;
  const kind = rope?.rope_type ?? rope?.type ?? 'default';
  const need = <T>(value: T | null | undefined, field: string): T =>
    value ?? inconsistent(`rope scaling "${kind}" needs the field "${field}"`);
  switch (kind) {
    case 'default':
      return { kind: 'default' };
    case 'linear':
      return { kind: 'linear', factor: need(rope?.factor, 'factor') };
    case 'llama3': {
      const lowFrequencyFactor = need(rope?.low_freq_factor, 'low_freq_factor');
      const highFrequencyFactor = need(rope?.high_freq_factor, 'high_freq_factor');
      if (highFrequencyFactor <= lowFrequencyFactor) inconsistent('high_freq_factor is not above low_freq_factor');
      return {
        kind: 'llama3',
        factor: need(rope?.factor, 'factor'),
        lowFrequencyFactor,
        highFrequencyFactor,
        originalMaxPositions: need(rope?.original_max_position_embeddings, 'original_max_position_embeddings'),
      };
    }
    case 'su':
    case 'longrope': {
      const shortFactor = need(rope?.short_factor, 'short_factor');
      const longFactor = need(rope?.long_factor, 'long_factor');
      for (const [field, values] of Object.entries({ short_factor: shortFactor, long_factor: longFactor })) {
        if (values.length !== rotaryDim / 2) {
          inconsistent(`"${field}" has ${values.length} values, but a head has ${rotaryDim / 2} frequencies`);
        }
      }
      const original = raw.original_max_position_embeddings ?? rope?.original_max_position_embeddings;
      const originalMaxPositions = original ?? maxPositions;
      // Without an original length, transformers takes the stretch from "factor".
      const stretch = original == null ? need(rope?.factor, 'factor') : maxPositions / original;
      const attentionFactor =
        rope?.attention_factor ??
        (stretch <= 1 ? 1 : Math.sqrt(1 + Math.log(stretch) / Math.log(originalMaxPositions)));
      return { kind: 'longrope', shortFactor, longFactor, originalMaxPositions, attentionFactor };
    }
    default:
      return refuse(`the rope scaling "${kind}" is not supported, only default, linear, llama3 and longrope`);
  }
}

/** One window for all layers or none; Qwen has a switch and may window only the upper layers, which is refused. */
function slidingWindow(architecture: Architecture, raw: RawConfig, refuse: Refuse): number | null {
  const hasSwitch = architecture === 'qwen2' || architecture === 'qwen3';
  if (hasSwitch && !raw.use_sliding_window) return null;
  const window = raw.sliding_window === undefined ? CLASS_DEFAULTS[architecture].slidingWindow : raw.sliding_window;
  if (architecture === 'llama' || window === null) return null;
  if (!hasSwitch) return window;

  const layerTypes =
    raw.layer_types ??
    Array.from({ length: raw.num_hidden_layers }, (_, layer) =>
      layer >= (raw.max_window_layers ?? 28) ? 'sliding_attention' : 'full_attention',
    );
  if (layerTypes.every((type) => type === 'full_attention')) return null;
  if (layerTypes.every((type) => type === 'sliding_attention')) return window;
  return refuse('a sliding window in some layers only is not supported');
}

/**
 * Name and shape of every parameter, with transformers' names and in its order. Matrices are (out, in), as PyTorch stores
 * them; a tied head has no tensor of its own.
 */
export function parameterShapes(config: ModelConfig): ReadonlyMap<string, readonly number[]> {
  const { hiddenSize, intermediateSize, vocabSize, headDim } = config;
  const queryRows = config.heads * headDim;
  const keyRows = config.keyValueHeads * headDim;
  const shapes = new Map<string, readonly number[]>();
  const linear = (name: string, rows: number, columns: number, bias: boolean): void => {
    shapes.set(`${name}.weight`, [rows, columns]);
    if (bias) shapes.set(`${name}.bias`, [rows]);
  };

  shapes.set('model.embed_tokens.weight', [vocabSize, hiddenSize]);
  for (let layer = 0; layer < config.layers; layer++) {
    const attention = `model.layers.${layer}.self_attn`;
    const mlp = `model.layers.${layer}.mlp`;
    if (config.fusedProjections) {
      linear(`${attention}.o_proj`, hiddenSize, queryRows, config.outputBias);
      linear(`${attention}.qkv_proj`, queryRows + 2 * keyRows, hiddenSize, config.queryKeyValueBias);
      linear(`${mlp}.gate_up_proj`, 2 * intermediateSize, hiddenSize, config.mlpBias);
    } else {
      linear(`${attention}.q_proj`, queryRows, hiddenSize, config.queryKeyValueBias);
      linear(`${attention}.k_proj`, keyRows, hiddenSize, config.queryKeyValueBias);
      linear(`${attention}.v_proj`, keyRows, hiddenSize, config.queryKeyValueBias);
      linear(`${attention}.o_proj`, hiddenSize, queryRows, config.outputBias);
      if (config.queryKeyNorm) {
        shapes.set(`${attention}.q_norm.weight`, [headDim]);
        shapes.set(`${attention}.k_norm.weight`, [headDim]);
      }
      linear(`${mlp}.gate_proj`, intermediateSize, hiddenSize, config.mlpBias);
      linear(`${mlp}.up_proj`, intermediateSize, hiddenSize, config.mlpBias);
    }
    linear(`${mlp}.down_proj`, hiddenSize, intermediateSize, config.mlpBias);
    shapes.set(`model.layers.${layer}.input_layernorm.weight`, [hiddenSize]);
    shapes.set(`model.layers.${layer}.post_attention_layernorm.weight`, [hiddenSize]);
  }
  shapes.set('model.norm.weight', [hiddenSize]);
  if (!config.tiedHead) shapes.set('lm_head.weight', [vocabSize, hiddenSize]);
  return shapes;
}
