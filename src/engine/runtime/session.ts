/**
 * The one door to onnxruntime. A session runs one program; its big inputs (weights, adapters) are bound once and fed to every
 * run. Native errors become LatroErrors; tensors of a run belong to the caller.
 */
import * as ort from 'onnxruntime-node';
import { LatroError } from '../common/errors.ts';

export type Device = 'cpu' | 'webgpu' | 'cuda' | 'dml';
export type TensorData = Float32Array | BigInt64Array | Int32Array;

/** A host tensor: shape and data in row-major order. */
export interface HostTensor<T extends TensorData = TensorData> {
  readonly shape: readonly number[];
  readonly data: T;
}

export interface SessionOptions {
  readonly device: Device;
  /** Threads inside one operator; 0 lets onnxruntime take every physical core. */
  readonly threads: number;
}

const toOrt = (tensor: HostTensor): ort.Tensor => {
  const type =
    tensor.data instanceof Float32Array ? 'float32' : tensor.data instanceof BigInt64Array ? 'int64' : 'int32';
  return new ort.Tensor(type, tensor.data as never, tensor.shape);
};

export class Session {
  readonly #name: string;
  #session: ort.InferenceSession | null;
  readonly #bound: Record<string, ort.Tensor> = {};

  private constructor(name: string, session: ort.InferenceSession) {
    this.#name = name;
    this.#session = session;
  }

  /** Compiles a serialised ONNX model. @throws LatroError `device-unavailable` when the device is not there */
  static async create(name: string, model: Uint8Array, options: SessionOptions): Promise<Session> {
    try {
      const session = await ort.InferenceSession.create(model, {
        executionProviders: options.device === 'cpu' ? ['cpu'] : [options.device, 'cpu'],
        graphOptimizationLevel: 'all',
        intraOpNumThreads: options.threads,
        interOpNumThreads: 1,
        executionMode: 'sequential',
        logSeverityLevel: 3,
      });
      return new Session(name, session);
    } catch (cause) {
      if (options.device === 'cpu') throw cause;
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new LatroError(
        'device-unavailable',
        `The device '${options.device}' could not start the program ${name}: ${why}.`,
        "Choose the device 'cpu'.",
        {
          cause,
        },
      );
    }
  }

  get inputNames(): readonly string[] {
    return this.#open().inputNames;
  }

  /** Feeds `tensor` to every later run. The data is borrowed, not copied: changing it in place changes what the next run sees. */
  bind(name: string, tensor: HostTensor): void {
    this.#bound[name] = toOrt(tensor);
  }

  /**
   * Runs the program and copies the outputs asked for.
   * @param outputs names, or name → a host tensor that onnxruntime writes into (its shape must be the output's)
   */
  async run(
    inputs: Readonly<Record<string, HostTensor>>,
    outputs: readonly string[],
  ): Promise<Record<string, Float32Array>> {
    const feeds: Record<string, ort.Tensor> = { ...this.#bound };
    for (const [name, tensor] of Object.entries(inputs)) feeds[name] = toOrt(tensor);
    const results = await this.#open().run(feeds, outputs);
    const out: Record<string, Float32Array> = {};
    for (const name of outputs) out[name] = results[name]!.data as Float32Array;
    return out;
  }

  #open(): ort.InferenceSession {
    if (this.#session === null)
      throw new LatroError('use-after-dispose', `The program ${this.#name} was used after it was disposed.`);
    return this.#session;
  }

  async dispose(): Promise<void> {
    const session = this.#session;
    this.#session = null;
    for (const name of Object.keys(this.#bound)) delete this.#bound[name];
    await session?.release();
  }
}
