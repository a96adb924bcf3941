/** A float32 or float16 tensor that stays on the device: sessions of that device read it and write into it; the host has only its name and shape. */
import * as ort from 'onnxruntime-node';
import { LatroError } from '../common/errors.ts';

/** The one reference to the memory, shared by all views of it. */
interface Memory {
  tensor: ort.Tensor | null;
}

export class DeviceTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: 'float32' | 'float16';
  readonly #memory: Memory;

  private constructor(name: string, shape: readonly number[], type: 'float32' | 'float16', memory: Memory) {
    this.name = name;
    this.shape = shape;
    this.type = type;
    this.#memory = memory;
  }

  /** Takes over a tensor that onnxruntime made at location `gpu-buffer`. */
  static own(name: string, tensor: ort.Tensor): DeviceTensor {
    return new DeviceTensor(name, tensor.dims, tensor.type === 'float16' ? 'float16' : 'float32', { tensor });
  }

  /** The same memory under another name and shape of the same size; disposing any view disposes all. */
  view(name: string, shape: readonly number[]): DeviceTensor {
    return new DeviceTensor(name, shape, this.type, this.#memory);
  }

  /** For sessions. Its data must never be asked for: that ends the process. @throws LatroError `use-after-dispose` */
  handle(): ort.Tensor {
    const { tensor } = this.#memory;
    if (tensor === null)
      throw new LatroError('use-after-dispose', `The device tensor ${this.name} was used after it was disposed.`);
    return ort.Tensor.fromGpuBuffer(tensor.gpuBuffer, { dataType: this.type, dims: this.shape });
  }

  dispose(): void {
    this.#memory.tensor?.dispose();
    this.#memory.tensor = null;
  }
}
