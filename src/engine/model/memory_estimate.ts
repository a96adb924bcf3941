/** How much memory a model will take, counted from its config before anything is loaded. */

import { LatroError } from '../common/errors.ts';
import { adapterShapes, type LoraConfig } from './adapter.ts';
import { type ModelConfig, parameterShapes } from './config.ts';

export interface MemoryRequest {
  readonly mode: 'inference' | 'lora' | 'full';
  /** 4 for float32, 2 for float16 and bfloat16. */
  readonly bytesPerWeight: 2 | 4;
  /** Sequences decoded at once, and their length in tokens, prompt included. */
  readonly batchSize: number;
  readonly sequenceLength: number;
  /** Tokens of one training step's forward and backward pass; 0 for inference. */
  readonly stepTokens: number;
  readonly lora: LoraConfig | null;
}

/** Bytes. */
export interface MemoryEstimate {
  readonly weights: number;
  /** Keys and values of every layer for the whole batch. */
  readonly cache: number;
  /** Trainable tensors of an adapter. */
  readonly adapter: number;
  /** Gradients and AdamW's two moments of every trainable tensor, float32. */
  readonly optimizer: number;
  /** What the backward pass keeps of the forward pass. An upper estimate: the runtime reuses buffers. */
  readonly activations: number;
  readonly total: number;
}

const FLOAT = 4;

export function estimateMemory(config: ModelConfig, request: MemoryRequest): MemoryEstimate {
  const parameters = countElements(parameterShapes(config));
  const adapterParameters = request.lora === null ? 0 : countElements(adapterShapes(config, request.lora));
  const trainable = request.mode === 'full' ? parameters : request.mode === 'lora' ? adapterParameters : 0;

  const weights = parameters * request.bytesPerWeight;
  const adapter = adapterParameters * FLOAT;
  const optimizer = 3 * trainable * FLOAT;
  const cache =
    2 * config.layers * config.keyValueHeads * config.headDim * request.batchSize * request.sequenceLength * FLOAT;
  const activations = request.stepTokens * activationsPerToken(config, request.sequenceLength) * FLOAT;
  return {
    weights,
    cache,
    adapter,
    optimizer,
    activations,
    total: weights + cache + adapter + optimizer + activations,
  };
}

/** Floats kept per token: in each layer two norms, the projections, attention probabilities and the gated MLP; then the head. */
function activationsPerToken(config: ModelConfig, sequenceLength: number): number {
  const attention = 3 * (config.heads + 2 * config.keyValueHeads) * config.headDim + 2 * config.heads * sequenceLength;
  const layer = 8 * config.hiddenSize + attention + 5 * config.intermediateSize;
  return config.layers * layer;
}

/** Errors: model-too-large, with the numbers, when the estimate exceeds `availableBytes`. */
export function requireMemory(folder: string, estimate: MemoryEstimate, availableBytes: number): void {
  if (estimate.total <= availableBytes) return;
  throw new LatroError(
    'model-too-large',
    `${folder} needs about ${gigabytes(estimate.total)} of memory (weights ${gigabytes(estimate.weights)}, ` +
      `training state ${gigabytes(estimate.adapter + estimate.optimizer)}, cache ${gigabytes(estimate.cache)}, ` +
      `activations ${gigabytes(estimate.activations)}), but ${gigabytes(availableBytes)} are free.`,
    'Use a smaller model, or shorter sequences and smaller batches.',
  );
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(bytes < 1e8 ? 3 : 1)} GB`;
}

function countElements(shapes: ReadonlyMap<string, readonly number[]>): number {
  return [...shapes.values()].reduce((sum, shape) => sum + shape.reduce((a, b) => a * b, 1), 0);
}
