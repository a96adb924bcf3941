/**
 * How much memory a model will take, counted from its config before anything is loaded. Tensors are counted exactly; what the runtime
 * takes besides is counted by rules fitted to the peak of the resident set of real processes (test/reference/memory.test.ts), meant
 * to err on the high side.
 */
import { LatroError } from '../common/errors.ts';
import { LOGITS_AT_A_TIME } from '../graph/chunked_head.ts';
import type { WeightFormat } from '../graph/precision.ts';
import { adapterShapes, type LoraConfig, targetedModules } from './adapter.ts';
import { type ModelConfig, parameterShapes } from './config.ts';
import { PREFILL_TOKENS } from './prefill.ts';
import { heldIn, isQuantised } from './quantise.ts';

export interface MemoryRequest {
  readonly mode: 'inference' | 'lora' | 'full';
  /** What frozen weights are held in. */
  readonly format: WeightFormat;
  /** Sequences decoded at once, and their greatest length in tokens, prompt included. */
  readonly batchSize: number;
  readonly sequenceLength: number;
  /** Tokens of the longest prompt, 128 when it is not known. */
  readonly promptLength?: number;
  /** Whether all prompts are computed at once, as devices do. */
  readonly wholePrefill?: boolean;
  /** Tokens of one training step's forward and backward pass, or, for inference, of one scoring pass. */
  readonly stepTokens: number;
  readonly lora: LoraConfig | null;
  /** Whether a step keeps only what enters each layer. */
  readonly recompute?: boolean;
  /** Whether decoding keeps a second copy of the weights (`keepsDecodingCopy`). */
  readonly decodingCopy?: boolean;
}

/** Bytes. */
export interface MemoryEstimate {
  readonly weights: number;
  /** Trained tensors beside the weights, AdamW's two moments and the gradients; for full fine-tuning also the starting weights. */
  readonly training: number;
  /** Keys and values of every layer for the whole batch, and what sampling needs besides. */
  readonly sampling: number;
  /** What a step keeps of its forward pass until its backward pass; for inference, what scoring takes. */
  readonly activations: number;
  /** Node.js, onnxruntime and the compiled programs. */
  readonly runtime: number;
  /** Of all parts: when every sequence is as long as it may be, and the runtime wastes as it does. */
  readonly total: number;
  /** What it cannot do without: sequences hardly longer than their prompts, and nothing wasted. */
  readonly least: number;
}

/** What is counted how often, at the most and at the least. */
interface Rules {
  /** The cache; at the most also its successor while it grows, and the copy that answers are scored on. */
  readonly cacheCopies: number;
  /** The gradient summed up; at the most also the one a run returns and one that is not yet collected. */
  readonly gradients: number;
  /** onnxruntime's arena grows by doubling and keeps what it has. */
  readonly arena: number;
}

const AT_MOST: Rules = { cacheCopies: 3, gradients: 3, arena: 1.4 };
const AT_LEAST: Rules = { cacheCopies: 1, gradients: 1, arena: 1 };
const FLOAT = 4;
const RUNTIME_BYTES = 120e6;
const PROMPT_TOKENS = 128;
/** AdamW's. */
const MOMENTS = 2;
/** Logits, their logarithms and probabilities. */
const LOGIT_FORMS = 3;

export function estimateMemory(config: ModelConfig, request: MemoryRequest): MemoryEstimate {
  const promptLength = Math.min(request.promptLength ?? PROMPT_TOKENS, request.sequenceLength);
  const parts = countParts(config, { ...request, promptLength }, AT_MOST);
  const least = countParts(config, { ...request, promptLength, sequenceLength: promptLength }, AT_LEAST);
  const sum = (counted: typeof parts): number => Object.values(counted).reduce((all, bytes) => all + bytes, 0);
  return { ...parts, total: sum(parts), least: sum(least) };
}

function countParts(
  config: ModelConfig,
  request: MemoryRequest & { readonly promptLength: number },
  rules: Rules,
): Omit<MemoryEstimate, 'total' | 'least'> {
  const { mode, stepTokens, lora } = request;
  const parameters = countElements(parameterShapes(config));
  const adapter = lora === null ? 0 : countElements(adapterShapes(config, lora));
  const trainable = { inference: 0, lora: adapter, full: parameters }[mode];
  const startingWeights = mode === 'full' ? parameters : 0;
  const whole = activationFloats(config, request.sequenceLength);
  const stepped = request.recompute === true ? whole / config.layers + config.layers * config.hiddenSize : whole;
  const kept = mode === 'inference' ? scoringFloats(config) : stepped;
  const logits = LOGIT_FORMS * Math.min(stepTokens * config.vocabSize, LOGITS_AT_A_TIME);
  // A head of half precision is widened for its product.
  const wideHead = request.format === 'float16' ? config.vocabSize * config.hiddenSize : 0;
  return {
    weights: heldBytes(config, request.format),
    training: FLOAT * (adapter + startingWeights + (MOMENTS + rules.gradients) * trainable),
    sampling:
      FLOAT *
      (samplingFloats(config, request, rules) +
        (request.decodingCopy === true ? heldBytes(config, request.format) / FLOAT : 0)),
    activations: rules.arena * FLOAT * (stepTokens * kept + logits + wideHead) + FLOAT * keptMatrices(config, request),
    runtime: RUNTIME_BYTES,
  };
}

function samplingFloats(
  { layers, keyValueHeads, headDim, heads, hiddenSize, intermediateSize, vocabSize }: ModelConfig,
  { batchSize, sequenceLength, promptLength, wholePrefill = false }: MemoryRequest & { readonly promptLength: number },
  { cacheCopies }: Rules,
): number {
  const cache = 2 * layers * keyValueHeads * headDim * batchSize * sequenceLength;
  // Gate, up and their product, hidden states, and scores before and after the softmax.
  const prompts = batchSize * promptLength;
  const atOnce = wholePrefill ? prompts : Math.min(prompts, Math.max(promptLength, PREFILL_TOKENS));
  const prefill = atOnce * (3 * intermediateSize + 4 * hiddenSize + 3 * heads * promptLength);
  const logits = 2 * batchSize * vocabSize;
  return cacheCopies * cache + prefill + logits;
}

/** Floats at once per token while tokens are scored: those of one layer. */
function scoringFloats({ hiddenSize, intermediateSize }: ModelConfig): number {
  return 3 * intermediateSize + 4 * hiddenSize;
}

/** Floats kept per token: in each layer norms, projections, attention probabilities and the gated MLP. */
function activationFloats(config: ModelConfig, sequenceLength: number): number {
  const { layers, heads, keyValueHeads, headDim, hiddenSize, intermediateSize } = config;
  const attention = 2 * (heads + 2 * keyValueHeads) * headDim + 2 * heads * sequenceLength;
  return layers * (6 * hiddenSize + attention + 3 * intermediateSize);
}

/** "0.6 to 1.3 GB of memory (at most: weights 0.1 GB, training state 0.02 GB, sampling 0.5 GB, activations 0.6 GB, runtime 0.1 GB)". */
export function memoryText({
  weights,
  training,
  sampling,
  activations,
  runtime,
  total,
  least,
}: MemoryEstimate): string {
  const parts: readonly (readonly [string, number])[] = [
    ['weights', weights],
    ['training state', training],
    ['sampling', sampling],
    ['activations', activations],
    ['runtime', runtime],
  ];
  const shown = parts.filter(([, bytes]) => bytes > 0).map(([name, bytes]) => `${name} ${gigabytes(bytes)}`);
  return `${gigabytes(least)} to ${gigabytes(total)} of memory (at most: ${shown.join(', ')})`;
}

/** Errors: model-too-large, with the numbers, when not even the least is free. */
export function requireMemory(folder: string, estimate: MemoryEstimate, availableBytes: number): void {
  if (estimate.least <= availableBytes) return;
  throw new LatroError(
    'model-too-large',
    `${folder} needs ${memoryText(estimate)}, but ${gigabytes(availableBytes)} are free.`,
    'Use a smaller model or tokenBudget, or train with recompute.',
  );
}

export function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(bytes < 1e8 ? 3 : 1)} GB`;
}

const BYTES: Readonly<Record<WeightFormat, number>> = { float32: 4, float16: 2, int8: 1 };

/** Of all weights; the scales of int8 ones are few. */
function heldBytes(config: ModelConfig, format: WeightFormat): number {
  const sizes = [...parameterShapes(config)].map(
    ([name, shape]) => BYTES[heldIn(name, shape, format)] * shape.reduce((product, size) => product * size, 1),
  );
  return sizes.reduce((sum, bytes) => sum + bytes, 0);
}

/** Of the matrices that a step makes in its forward pass and keeps for its backward pass: W + s B A; with int8 all, widened. */
function keptMatrices(config: ModelConfig, { mode, format, lora, recompute }: MemoryRequest): number {
  if (mode !== 'lora' || lora === null || recompute === true) return 0;
  if (format === 'int8')
    return countElements(new Map([...parameterShapes(config)].filter(([name]) => isQuantised(name))));
  if (format === 'float16' || lora.dropout > 0) return 0;
  return targetedModules(config, lora).reduce((sum, module) => sum + module.in * module.out, 0);
}

function countElements(shapes: ReadonlyMap<string, readonly number[]>): number {
  return [...shapes.values()].reduce((sum, shape) => sum + shape.reduce((a, b) => a * b, 1), 0);
}
