/** What trains a model: the gradient of an update, clipping, and AdamW, where the model's parameters are. */

import type { TensorMap } from '../model/bound_tensors.ts';
import type { GroupScores, StepOptions } from '../model/language_model.ts';
import type { PromptGroup } from '../model/packing.ts';
import type { Moments } from './adamw.ts';

export interface Gradient {
  /** L(θ). */
  readonly loss: number;
  readonly scores: GroupScores;
  /** The joint 2-norm of all gradients, before clipping: a finite number if and only if all their elements are. */
  readonly norm: number;
}

export interface Optimizer {
  /** Updates done so far. */
  readonly updates: number;
  /** The gradient of L over all groups, kept for `update`. */
  gradient(groups: readonly PromptGroup[], options: StepOptions): Promise<Gradient>;
  /**
   * Steps the parameters by AdamW, with the gradient taken last.
   * @param limit its joint norm is at most this, as PyTorch's clip_grad_norm_ scales it; null: as it is
   * @returns parameters to look at, because one of them may not be finite: all that the host can see anyway, or none
   */
  update(learningRate: number, limit: number | null): Promise<TensorMap>;
  /** What a checkpoint needs to know of every parameter that has been updated. */
  moments(): Promise<ReadonlyMap<string, Moments>>;
  /** Continues where a checkpoint stopped. */
  restore(updates: number, moments: ReadonlyMap<string, Moments>): Promise<void>;
  dispose(): Promise<void>;
}
