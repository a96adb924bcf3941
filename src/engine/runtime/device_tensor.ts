/** A tensor that stays on the device: sessions of that device read it and write into it; the host has only its name and shape. */
import * as ort from 'onnxruntime-node';
import { LatroError } from '../common/errors.ts';

export class DeviceTensor {
  readonly name: string;
  readonly shape: readonly number[];
  #tensor: ort.Tensor | null;

  /** Takes over `tensor`, which onnxruntime made at location `gpu-buffer`. */
  constructor(name: string, shape: readonly number[], tensor: ort.Tensor) {
    this.name = name;
    this.shape = shape;
    this.#tensor = tensor;
  }

  /** For sessions only. Its data must never be asked for: that ends the process. @throws LatroError `use-after-dispose` */
  viewAs(shape: readonly number[]): ort.Tensor {
    if (this.#tensor === null)
      throw new LatroError('use-after-dispose', `The device tensor ${this.name} was used after it was disposed.`);
    // A view: only the tensor that onnxruntime made gives the memory back.
    return ort.Tensor.fromGpuBuffer(this.#tensor.gpuBuffer, { dataType: 'float32', dims: shape });
  }

  dispose(): void {
    this.#tensor?.dispose();
    this.#tensor = null;
  }
}
