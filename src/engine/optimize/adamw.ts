/**
 * AdamW, Loshchilov & Hutter 2019, algorithm 2, in the order PyTorch applies it: decay first, then the bias-corrected step.
 * Moments are float32, arithmetic is float64.
 */
import type { TensorMap } from '../model/bound_tensors.ts';

export interface AdamWSettings {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
}

/** Moments of one parameter. */
export interface Moments {
  readonly first: Float32Array;
  readonly second: Float32Array;
}

export class AdamW {
  readonly #settings: AdamWSettings;
  readonly #moments = new Map<string, Moments>();
  #updates = 0;

  constructor(settings: AdamWSettings) {
    this.#settings = settings;
  }

  /** Updates done so far. */
  get updates(): number {
    return this.#updates;
  }

  get moments(): ReadonlyMap<string, Moments> {
    return this.#moments;
  }

  /** Continues where a checkpoint stopped. */
  restore(updates: number, moments: ReadonlyMap<string, Moments>): void {
    this.#updates = updates;
    this.#moments.clear();
    for (const [name, value] of moments) this.#moments.set(name, value);
  }

  /** θ ← θ − lr·(m̂ / (√v̂ + ε) + λθ), in place. Parameters without a gradient stay as they are. */
  update(parameters: TensorMap, gradients: ReadonlyMap<string, Float32Array>, learningRate: number): void {
    const { beta1, beta2, epsilon, weightDecay } = this.#settings;
    this.#updates++;
    const correction1 = 1 - beta1 ** this.#updates;
    const correction2 = Math.sqrt(1 - beta2 ** this.#updates);
    for (const [name, gradient] of gradients) {
      const data = parameters.get(name)?.data;
      if (data === undefined) throw new Error(`gradient for an unknown parameter '${name}'`);
      let moments = this.#moments.get(name);
      if (moments === undefined) {
        moments = { first: new Float32Array(data.length), second: new Float32Array(data.length) };
        this.#moments.set(name, moments);
      }
      const { first, second } = moments;
      for (let i = 0; i < data.length; i++) {
        const g = gradient[i]!;
        const m = beta1 * first[i]! + (1 - beta1) * g;
        const v = beta2 * second[i]! + (1 - beta2) * g * g;
        first[i] = m;
        second[i] = v;
        const step = m / correction1 / (Math.sqrt(v) / correction2 + epsilon);
        data[i] = data[i]! * (1 - learningRate * weightDecay) - learningRate * step;
      }
    }
  }
}

/** The joint 2-norm of all gradients. */
export function gradientNorm(gradients: ReadonlyMap<string, Float32Array>): number {
  let sum = 0;
  for (const gradient of gradients.values())
    for (let i = 0; i < gradient.length; i++) sum += gradient[i]! * gradient[i]!;
  return Math.sqrt(sum);
}

/** Scales all gradients so that their joint norm is at most `limit` (PyTorch's clip_grad_norm_). @returns the norm before */
export function clipGradients(
  gradients: ReadonlyMap<string, Float32Array>,
  limit: number | null,
  norm = gradientNorm(gradients),
): number {
  if (limit !== null && norm > limit) {
    const factor = limit / (norm + 1e-6);
    for (const gradient of gradients.values())
      for (let i = 0; i < gradient.length; i++) gradient[i] = gradient[i]! * factor;
  }
  return norm;
}
