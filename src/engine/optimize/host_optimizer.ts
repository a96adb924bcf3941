/** The optimizer of parameters that lie in the host's memory. */

import type { TensorMap } from '../model/bound_tensors.ts';
import type { LanguageModel, StepOptions } from '../model/language_model.ts';
import type { PromptGroup } from '../model/packing.ts';
import { AdamW, type AdamWSettings, clipGradients, gradientNorm, type Moments } from './adamw.ts';
import { withLossScale } from './loss_scale.ts';
import type { Gradient, Optimizer } from './optimizer.ts';

export class HostOptimizer implements Optimizer {
  readonly #model: LanguageModel;
  readonly #adamw: AdamW;
  #gradients: ReadonlyMap<string, Float32Array> = new Map();
  #norm = 0;

  constructor(model: LanguageModel, settings: AdamWSettings) {
    this.#model = model;
    this.#adamw = new AdamW(settings);
  }

  get updates(): number {
    return this.#adamw.updates;
  }

  gradient(groups: readonly PromptGroup[], options: StepOptions): Promise<Gradient> {
    return withLossScale(this.#model, options, (scaled) => this.#gradient(groups, scaled));
  }

  async update(learningRate: number, limit: number | null): Promise<TensorMap> {
    const { parameters } = this.#model;
    clipGradients(this.#gradients, limit, this.#norm);
    this.#adamw.update(parameters, this.#gradients, learningRate);
    this.#gradients = new Map();
    await this.#model.parametersChanged();
    return parameters;
  }

  async moments(): Promise<ReadonlyMap<string, Moments>> {
    return this.#adamw.moments;
  }

  async restore(updates: number, moments: ReadonlyMap<string, Moments>): Promise<void> {
    this.#adamw.restore(updates, moments);
  }

  async dispose(): Promise<void> {
    this.#gradients = new Map();
  }

  async #gradient(groups: readonly PromptGroup[], options: StepOptions): Promise<Gradient> {
    const { loss, scores, gradients } = await this.#model.step(groups, options);
    this.#gradients = gradients;
    this.#norm = gradientNorm(gradients);
    return { loss, scores, norm: this.#norm };
  }
}
