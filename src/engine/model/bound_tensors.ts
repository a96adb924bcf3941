/** What is bound to the programs of a model besides its weights. */
import type { HostTensor } from '../runtime/session.ts';
import type { AdapterShape } from './decoder_graph.ts';

/** Named float32 tensors, in place of which the optimiser writes. */
export type TensorMap = ReadonlyMap<string, HostTensor<Float32Array>>;

/** Frozen ones, whose matrices may be float16, as their bits, or int8 with their scales beside them. */
export type FrozenMap = ReadonlyMap<string, HostTensor<Float32Array | Uint16Array | Int8Array>>;

export interface BoundAdapter {
  readonly shape: AdapterShape;
  readonly tensors: TensorMap;
  /** alpha / r (or alpha / √r). */
  readonly scale: number;
}
