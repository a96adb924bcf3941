/** Where the gradients of a step go, micro-batch by micro-batch. */
import type { DeviceTensor } from '../runtime/device_tensor.ts';

export interface GradientSink {
  /** Said before a micro-batch is run: which gradients it is to return to the host, and which to write into tensors of the device. */
  next(parameters: readonly string[]): Promise<{
    readonly toHost: readonly string[];
    readonly into: ReadonlyMap<string, DeviceTensor>;
  }>;
  /** Adds what it returned, by parameter name, to what is there. */
  add(gradients: ReadonlyMap<string, Float32Array>): Promise<void>;
}

/** Sums on the host. */
export class HostGradients implements GradientSink {
  readonly #sums = new Map<string, Float32Array>();

  /** By parameter name. */
  get sums(): ReadonlyMap<string, Float32Array> {
    return this.#sums;
  }

  async next(parameters: readonly string[]) {
    return { toHost: parameters, into: new Map<string, DeviceTensor>() };
  }

  async add(gradients: ReadonlyMap<string, Float32Array>): Promise<void> {
    for (const [name, gradient] of gradients) {
      const sum = this.#sums.get(name);
      if (sum === undefined) this.#sums.set(name, gradient);
      else for (let i = 0; i < sum.length; i++) sum[i] = sum[i]! + gradient[i]!;
    }
  }
}
