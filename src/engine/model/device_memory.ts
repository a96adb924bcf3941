/**
 * What crosses between host and device memory, and what stays there. onnxruntime-node moves data only through sessions: a copying
 * program whose result stays on the device uploads, the same program with its result on the host reads back.
 */
import { GraphBuilder } from '../graph/graph_builder.ts';
import { cast } from '../graph/precision.ts';
import type { DeviceTensor } from '../runtime/device_tensor.ts';
import { elementType, type HostTensor, Session, type SessionOptions } from '../runtime/session.ts';

/** What lies on a device besides token ids. */
export type Numbers = Float32Array | Uint16Array;
type NumberType = 'float32' | 'float16';

const typeOf = (data: Numbers): NumberType => (elementType(data) === 'float16' ? 'float16' : 'float32');
const sizeOf = (shape: readonly number[]): number => shape.reduce((product, dim) => product * dim, 1);

const copy = (graph: GraphBuilder, type: NumberType): void => graph.output('to', graph.input('from', type, ['N']));

/** By name; each has its result `to`. */
const PROGRAMS = {
  upload: copy,
  copy,
  zeros: (graph: GraphBuilder, type: NumberType): void => {
    const size = graph.input('size', 'int64', [1]);
    graph.output('to', graph.single('Expand', [cast(graph, graph.floats([0]), type), size], type, ['N']));
  },
} as const;

export class DeviceMemory {
  readonly #options: SessionOptions;
  /** By name and the type of numbers that they copy. */
  readonly #sessions = new Map<string, Promise<Session>>();
  /** Copies of host tensors that programs are bound to. */
  readonly #resident = new Map<HostTensor<Numbers>, Promise<DeviceTensor>>();

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  #session(name: keyof typeof PROGRAMS, type: NumberType): Promise<Session> {
    const key = `${name} ${type}`;
    let session = this.#sessions.get(key);
    if (session === undefined) {
      const graph = new GraphBuilder(name);
      PROGRAMS[name](graph, type);
      const results = name === 'copy' ? 'host' : 'device';
      session = Session.create(name, graph.serialise(), { ...this.#options, results });
      this.#sessions.set(key, session);
    }
    return session;
  }

  /** A new tensor with this data; the caller disposes it. Every dimension is at least 1. */
  async place(name: string, { shape, data }: HostTensor<Numbers>): Promise<DeviceTensor> {
    const upload = await this.#session('upload', typeOf(data));
    const { to } = await upload.runOnDevice({ from: { shape: [data.length], data } }, ['to']);
    return to!.view(name, shape);
  }

  async zeros(name: string, shape: readonly number[], type: NumberType = 'float32'): Promise<DeviceTensor> {
    const size = { shape: [1], data: BigInt64Array.of(BigInt(sizeOf(shape))) };
    const { to } = await (await this.#session('zeros', type)).runOnDevice({ size }, ['to']);
    return to!.view(name, shape);
  }

  /** Overwrites a tensor of the device. */
  async write(tensor: DeviceTensor, data: Numbers): Promise<void> {
    const shape = [data.length];
    const copy = await this.#session('copy', typeOf(data));
    await copy.run({ from: { shape, data } }, [], { to: tensor.view(tensor.name, shape) });
  }

  /** A copy of a float32 tensor's data. */
  async read(tensor: DeviceTensor): Promise<Float32Array> {
    const size = sizeOf(tensor.shape);
    const copy = await this.#session('copy', 'float32');
    const { to } = await copy.run({ from: tensor.view(tensor.name, [size]) }, ['to']);
    return to!;
  }

  /** The device's copy of a host tensor, made when it is first asked for and disposed with this memory. */
  resident(name: string, tensor: HostTensor<Numbers>): Promise<DeviceTensor> {
    let copy = this.#resident.get(tensor);
    if (copy === undefined) {
      copy = this.place(name, tensor);
      this.#resident.set(tensor, copy);
    }
    return copy;
  }

  /** Brings the resident copies of tensors whose data the host has changed up to date. */
  async refresh(tensors: Iterable<HostTensor<Numbers>>): Promise<void> {
    for (const tensor of tensors) {
      const copy = this.#resident.get(tensor);
      if (copy !== undefined) await this.write(await copy, tensor.data);
    }
  }

  async dispose(): Promise<void> {
    for (const copy of this.#resident.values()) (await copy).dispose();
    this.#resident.clear();
    await Promise.all([...this.#sessions.values()].map(async (session) => (await session).dispose()));
    this.#sessions.clear();
  }
}
