/**
 * What crosses between host and device memory, and what stays there. onnxruntime-node moves data only through sessions: a copying
 * program whose result stays on the device uploads, the same program with its result on the host reads back.
 */
import { GraphBuilder } from '../graph/graph_builder.ts';
import type { DeviceTensor } from '../runtime/device_tensor.ts';
import { type HostTensor, Session, type SessionOptions } from '../runtime/session.ts';

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, dim) => product * dim, 1);

export class DeviceMemory {
  readonly #upload: Session;
  readonly #copy: Session;
  /** Copies of host tensors that programs are bound to. */
  readonly #resident = new Map<HostTensor<Float32Array>, Promise<DeviceTensor>>();
  #bytes = 0;

  private constructor(upload: Session, copy: Session) {
    this.#upload = upload;
    this.#copy = copy;
  }

  static async open(options: SessionOptions): Promise<DeviceMemory> {
    const graph = new GraphBuilder('copy');
    graph.output('to', graph.input('from', 'float32', ['N']));
    const model = graph.serialise();
    const upload = await Session.create('upload', model, { ...options, results: 'device' });
    return new DeviceMemory(upload, await Session.create('copy', model, options));
  }

  /** Bytes uploaded and read back so far: what crosses between host and device is meant to be little. */
  get bytesCrossed(): number {
    return this.#bytes;
  }

  /** A new tensor with this data; the caller disposes it. Every dimension is at least 1. */
  async place(name: string, { shape, data }: HostTensor<Float32Array>): Promise<DeviceTensor> {
    this.#bytes += data.byteLength;
    const { to } = await this.#upload.runOnDevice({ from: { shape: [data.length], data } }, ['to']);
    return to!.view(name, shape);
  }

  zeros(name: string, shape: readonly number[]): Promise<DeviceTensor> {
    return this.place(name, { shape, data: new Float32Array(sizeOf(shape)) });
  }

  /** Overwrites a tensor of the device. */
  async write(tensor: DeviceTensor, data: Float32Array): Promise<void> {
    this.#bytes += data.byteLength;
    const shape = [data.length];
    await this.#copy.run({ from: { shape, data } }, [], { to: tensor.view(tensor.name, shape) });
  }

  /** A copy of the tensor's data. */
  async read(tensor: DeviceTensor): Promise<Float32Array> {
    const size = sizeOf(tensor.shape);
    this.#bytes += 4 * size;
    const { to } = await this.#copy.run({ from: tensor.view(tensor.name, [size]) }, ['to']);
    return to!;
  }

  /** The device's copy of a host tensor, made when it is first asked for and disposed with this memory. */
  resident(name: string, tensor: HostTensor<Float32Array>): Promise<DeviceTensor> {
    let copy = this.#resident.get(tensor);
    if (copy === undefined) {
      copy = this.place(name, tensor);
      this.#resident.set(tensor, copy);
    }
    return copy;
  }

  /** Brings the resident copies of tensors whose data the host has changed up to date. */
  async refresh(tensors: Iterable<HostTensor<Float32Array>>): Promise<void> {
    for (const tensor of tensors) {
      const copy = this.#resident.get(tensor);
      if (copy !== undefined) await this.write(await copy, tensor.data);
    }
  }

  async dispose(): Promise<void> {
    for (const copy of this.#resident.values()) (await copy).dispose();
    this.#resident.clear();
    await this.#upload.dispose();
    await this.#copy.dispose();
  }
}
