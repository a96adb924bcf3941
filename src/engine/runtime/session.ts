/**
 * The one door to onnxruntime. A session runs one program; its big inputs (weights, adapters) are bound once and fed to every
 * run. Native errors of a device, and of full memory, become LatroErrors; tensors of a run belong to the caller.
 */
import * as ort from 'onnxruntime-node';
import { LatroError } from '../common/errors.ts';
import { DeviceTensor } from './device_tensor.ts';
import { type Placement, PlacementProfile } from './placement.ts';
import type { Traffic } from './traffic.ts';

export type Device = 'cpu' | 'webgpu' | 'cuda' | 'dml' | 'coreml';
/** Uint16Array: the bits of float16 numbers. */
export type TensorData = Float32Array | Uint16Array | Int8Array | BigInt64Array | Int32Array;

/** A host tensor: shape and data in row-major order. */
export interface HostTensor<T extends TensorData = TensorData> {
  readonly shape: readonly number[];
  readonly data: T;
}

export interface SessionOptions {
  readonly device: Device;
  /** Threads inside one operator; 0 lets onnxruntime take every physical core. */
  readonly threads: number;
  /** Counts what crosses between host and device. */
  readonly traffic?: Traffic;
}

/** Whether tensors can outlive a run on the device: onnxruntime-node offers that for WebGPU alone. */
export const keepsTensors = (device: Device): boolean => device === 'webgpu';

const toOrt = (tensor: HostTensor | DeviceTensor): ort.Tensor => {
  if (tensor instanceof DeviceTensor) return tensor.handle();
  return new ort.Tensor(elementType(tensor.data), tensor.data as never, tensor.shape);
};

export function elementType(data: TensorData): 'float32' | 'float16' | 'int8' | 'int64' | 'int32' {
  if (data instanceof Float32Array) return 'float32';
  if (data instanceof Uint16Array) return 'float16';
  if (data instanceof Int8Array) return 'int8';
  return data instanceof BigInt64Array ? 'int64' : 'int32';
}

const externalData = (
  constants: ReadonlyMap<string, Float32Array | Uint16Array | Int8Array>,
): { path: string; data: Uint8Array }[] =>
  [...constants].map(([path, { buffer, byteOffset, byteLength }]) => {
    return { path, data: new Uint8Array(buffer, byteOffset, byteLength) };
  });

const hostBytes = (tensor: HostTensor | DeviceTensor): number =>
  tensor instanceof DeviceTensor ? 0 : tensor.data.byteLength;

/** onnxruntime's message without source places, check expressions and anything after its first line. */
export function nativeReason(error: unknown): string {
  const [line = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
  const parts = line.split(
    / was false\. |\[ONNXRuntimeError\] : \d+ : \w+ : | with error: | Status Message: (?:\S+:\d+ .*?\) )?/,
  );
  return (parts.at(-1) ?? line).trim().replace(/\.$/, '');
}

/** What allocating says: onnxruntime's arena, C++ itself (the last on Windows). */
const NO_MEMORY = /Failed to allocate memory|bad_alloc|bad allocation/;

/** What is to be thrown for what a run of a program threw. */
export function runFailure(device: Device, program: string, cause: unknown): unknown {
  if (device === 'cpu') return hostFailure(program, cause);
  return new LatroError(
    'device-failed',
    `The device '${device}' failed in the program ${program}: ${nativeReason(cause)}.`,
    "A run can be resumed; if it fails again, start a new one with a smaller tokenBudget or with the device 'cpu'.",
    { cause },
  );
}

/** What is to be thrown for what compiling a program threw. */
function compileFailure(device: Device, program: string, cause: unknown): unknown {
  if (device === 'cpu') return hostFailure(program, cause);
  return new LatroError(
    'device-unavailable',
    `The device '${device}' could not start the program ${program}: ${nativeReason(cause)}.`,
    "Choose the device 'cpu'.",
    { cause },
  );
}

/** On the CPU a native error other than of memory is a bug of the program. */
function hostFailure(program: string, cause: unknown): unknown {
  const reason = nativeReason(cause);
  if (!NO_MEMORY.test(reason)) return cause;
  return new LatroError(
    'out-of-memory',
    `There was not enough memory for the program ${program}: ${reason}.`,
    'Use a smaller tokenBudget or fewer rationalesPerQuestion, or train with recompute.',
    { cause },
  );
}

export class Session {
  readonly #name: string;
  readonly #device: Device;
  #session: ort.InferenceSession | null;
  readonly #bound: Record<string, ort.Tensor> = {};
  readonly #traffic: Traffic | null;
  /** Of bound tensors that lie on the host. */
  readonly #boundBytes = new Map<string, number>();
  #profile: PlacementProfile | null;
  #placement: Placement | null = null;

  private constructor(
    name: string,
    session: ort.InferenceSession,
    profile: PlacementProfile | null,
    { device, traffic }: SessionOptions,
  ) {
    this.#name = name;
    this.#device = device;
    this.#traffic = traffic ?? null;
    this.#session = session;
    this.#profile = profile;
  }

  /**
   * Compiles a serialised ONNX model.
   * @param options.results 'device': every output becomes a new tensor there (`runOnDevice`)
   * @param options.constants data of the program's own tensors; copied, so that it may be forgotten afterwards
   * @param options.profiled whether `placement` is wanted
   * @throws LatroError `device-unavailable` when the device is not there, `out-of-memory` on the CPU
   */
  static async create(
    name: string,
    model: Uint8Array,
    options: SessionOptions & {
      readonly results?: 'host' | 'device';
      readonly profiled?: boolean;
      readonly constants?: ReadonlyMap<string, Float32Array | Uint16Array | Int8Array>;
    },
  ): Promise<Session> {
    const profile = options.profiled ? await PlacementProfile.open() : null;
    try {
      const session = await ort.InferenceSession.create(model, {
        executionProviders: options.device === 'cpu' ? ['cpu'] : [options.device, 'cpu'],
        graphOptimizationLevel: 'all',
        intraOpNumThreads: options.threads,
        interOpNumThreads: 1,
        executionMode: 'sequential',
        enableMemPattern: false,
        // A thread that sleeps between two operators takes longer to wake than most of them; one that goes on spinning takes the cores from
        // the other programs' threads, whose turn it is, and from other processes (docs/bench/NOTES.md, "Threads").
        extra: { session: { intra_op: { spin_duration_us: '50' }, force_spinning_stop: '1' } },
        logSeverityLevel: 3,
        ...(options.results === 'device' ? { preferredOutputLocation: 'gpu-buffer' as const } : {}),
        ...(options.constants === undefined ? {} : { externalData: externalData(options.constants) }),
        ...(profile === null ? {} : { enableProfiling: true, profileFilePrefix: profile.prefix }),
      });
      return new Session(name, session, profile, options);
    } catch (cause) {
      await profile?.discard();
      throw compileFailure(options.device, name, cause);
    }
  }

  get inputNames(): readonly string[] {
    return this.#open().inputNames;
  }

  /** Feeds `tensor` to every later run. The data is borrowed, not copied: changing it in place changes what the next run sees. */
  bind(name: string, tensor: HostTensor | DeviceTensor): void {
    this.#bound[name] = toOrt(tensor);
    this.#boundBytes.set(name, hostBytes(tensor));
  }

  /** Where the operators of the first run were executed; null before it, or when it was not asked for. */
  get placement(): Placement | null {
    return this.#placement;
  }

  /**
   * Runs the program and copies the outputs asked for.
   * @param into outputs that are written into tensors of the device instead, which may be inputs of the same run
   * @throws LatroError `device-failed` when the device is lost or full, `out-of-memory` on the CPU
   */
  async run(
    inputs: Readonly<Record<string, HostTensor | DeviceTensor>>,
    outputs: readonly string[],
    into: Readonly<Record<string, DeviceTensor>> = {},
  ): Promise<Record<string, Float32Array>> {
    const fetches: Record<string, ort.Tensor | null> = {};
    for (const name of outputs) fetches[name] = null;
    for (const [name, tensor] of Object.entries(into)) fetches[name] = toOrt(tensor);
    const results = await this.#run(inputs, fetches);
    const out: Record<string, Float32Array> = {};
    for (const name of outputs) {
      const data = results[name]!.data as Float32Array;
      this.#traffic?.fetched(data.byteLength);
      out[name] = data;
    }
    return out;
  }

  /** Runs a program made with `results: 'device'`; the caller owns what it returns. */
  async runOnDevice(
    inputs: Readonly<Record<string, HostTensor | DeviceTensor>>,
    outputs: readonly string[],
  ): Promise<Record<string, DeviceTensor>> {
    const results = await this.#run(inputs, Object.fromEntries(outputs.map((name) => [name, null])));
    return Object.fromEntries(
      outputs.map((name) => [name, DeviceTensor.own(`${this.#name}: ${name}`, results[name] as ort.Tensor)]),
    );
  }

  async #run(
    inputs: Readonly<Record<string, HostTensor | DeviceTensor>>,
    fetches: Record<string, ort.Tensor | null>,
  ): Promise<ort.InferenceSession.OnnxValueMapType> {
    const feeds: Record<string, ort.Tensor> = { ...this.#bound };
    for (const [name, tensor] of Object.entries(inputs)) feeds[name] = toOrt(tensor);
    for (const bytes of [...this.#boundBytes.values(), ...Object.values(inputs).map(hostBytes)])
      this.#traffic?.sent(bytes);
    const session = this.#open();
    const results = await session.run(feeds, fetches).catch((cause: unknown) => {
      throw runFailure(this.#device, this.#name, cause);
    });
    const profile = this.#profile;
    if (profile !== null) {
      this.#profile = null;
      session.endProfiling();
      this.#placement = await profile.read();
    }
    return results;
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
    await this.#profile?.discard();
    this.#profile = null;
  }
}
