/**
 * The optimizer of parameters that lie in a device's memory: gradients, moments and parameters stay there, and of each update only the
 * norms come back. onnxruntime gets the buffers of the old values to write the new ones into.
 */

import type { TensorMap } from '../model/bound_tensors.ts';
import type { GradientSink } from '../model/gradient_sink.ts';
import type { LanguageModel, StepOptions } from '../model/language_model.ts';
import type { PromptGroup } from '../model/packing.ts';
import type { DeviceTensor } from '../runtime/device_tensor.ts';
import type { HostTensor, Session } from '../runtime/session.ts';
import type { AdamWSettings, Moments } from './adamw.ts';
import {
  buildAccumulateProgram,
  buildAdamWProgram,
  buildSquaresProgram,
  partName,
  updatedName,
} from './adamw_program.ts';
import { withLossScale } from './loss_scale.ts';
import type { Gradient, Optimizer } from './optimizer.ts';

type Tensors = ReadonlyMap<string, DeviceTensor>;
const NOTHING: TensorMap = new Map();
const scalar = (value: number): HostTensor => ({ shape: [1], data: Float32Array.of(value) });
const named = (tensors: Tensors, name: (parameter: string) => string): Record<string, DeviceTensor> =>
  Object.fromEntries([...tensors].map(([parameter, tensor]) => [name(parameter), tensor]));

export class DeviceOptimizer implements Optimizer {
  readonly #model: LanguageModel;
  readonly #settings: AdamWSettings;
  readonly #sessions = new Map<string, Promise<Session>>();
  readonly #tensors = new Map<string, Promise<Tensors>>();
  #updates = 0;
  #norm = 0;
  /** Whether the gradient taken last has any element: an update without predictions has none. */
  #hasGradient = false;

  constructor(model: LanguageModel, settings: AdamWSettings) {
    this.#model = model;
    this.#settings = settings;
  }

  get updates(): number {
    return this.#updates;
  }

  gradient(groups: readonly PromptGroup[], options: StepOptions): Promise<Gradient> {
    return withLossScale(this.#model, options, (scaled) => this.#gradient(groups, scaled));
  }

  async update(learningRate: number, limit: number | null): Promise<TensorMap> {
    this.#updates++;
    if (!this.#hasGradient) return NOTHING;
    this.#hasGradient = false;
    const { beta1, beta2, weightDecay } = this.#settings;
    const parameters = await this.#model.deviceParameters();
    const [first, second] = [await this.#zeros('first'), await this.#zeros('second')];
    const session = await this.#session('adamw', () => buildAdamWProgram(this.#shapes, this.#settings));
    await session.run(
      {
        ...named(parameters, (name) => partName('parameter', name)),
        ...named(first, (name) => partName('first', name)),
        ...named(second, (name) => partName('second', name)),
        ...named(await this.#zeros('gradient'), (name) => partName('gradient', name)),
        scale: scalar(limit !== null && this.#norm > limit ? limit / (this.#norm + 1e-6) : 1),
        learning_rate: scalar(learningRate),
        decay: scalar(1 - learningRate * weightDecay),
        correction1: scalar(1 / (1 - beta1 ** this.#updates)),
        correction2: scalar(1 / Math.sqrt(1 - beta2 ** this.#updates)),
      },
      [],
      {
        ...named(parameters, (name) => updatedName('parameter', name)),
        ...named(first, (name) => updatedName('first', name)),
        ...named(second, (name) => updatedName('second', name)),
      },
    );
    return Number.isFinite(await this.#squares(parameters)) ? NOTHING : this.#model.currentParameters();
  }

  async moments(): Promise<ReadonlyMap<string, Moments>> {
    if (!this.#tensors.has('first')) return new Map();
    const memory = await this.#model.programs.memory();
    const [first, second] = [await this.#zeros('first'), await this.#zeros('second')];
    const moments = new Map<string, Moments>();
    for (const [name, tensor] of first)
      moments.set(name, { first: await memory.read(tensor), second: await memory.read(second.get(name)!) });
    return moments;
  }

  async restore(updates: number, moments: ReadonlyMap<string, Moments>): Promise<void> {
    this.#updates = updates;
    await this.#drop('first');
    await this.#drop('second');
    if (moments.size === 0) return;
    const memory = await this.#model.programs.memory();
    const [first, second] = [await this.#zeros('first'), await this.#zeros('second')];
    for (const [name, values] of moments) {
      await memory.write(first.get(name)!, values.first);
      await memory.write(second.get(name)!, values.second);
    }
  }

  async dispose(): Promise<void> {
    for (const name of [...this.#tensors.keys()]) await this.#drop(name);
    for (const session of this.#sessions.values()) await (await session).dispose();
    this.#sessions.clear();
  }

  async #gradient(groups: readonly PromptGroup[], options: StepOptions): Promise<Gradient> {
    let batches = 0;
    const sink: GradientSink = {
      next: async () => ({ toHost: [], into: await this.#zeros(batches === 0 ? 'gradient' : 'more') }),
      add: async () => {
        if (batches++ === 0) return;
        const [sum, more] = [await this.#zeros('gradient'), await this.#zeros('more')];
        const session = await this.#session('accumulate', () => buildAccumulateProgram(this.#shapes));
        const inputs = { ...named(sum, (name) => `sum:${name}`), ...named(more, (name) => `more:${name}`) };
        await session.run(
          inputs,
          [],
          named(sum, (name) => `total:${name}`),
        );
      },
    };
    const { loss, scores } = await this.#model.gradient(groups, sink, options);
    this.#hasGradient = batches > 0;
    this.#norm = batches > 0 ? Math.sqrt(await this.#squares(await this.#zeros('gradient'))) : 0;
    return { loss, scores, norm: this.#norm };
  }

  get #shapes(): ReadonlyMap<string, readonly number[]> {
    return new Map([...this.#model.parameters].map(([name, { shape }]) => [name, shape]));
  }

  async #squares(tensors: Tensors): Promise<number> {
    const session = await this.#session('squares', () => buildSquaresProgram(this.#shapes));
    const { sum } = await session.run(Object.fromEntries(tensors), ['sum']);
    return sum![0]!;
  }

  #session(name: string, build: () => Uint8Array): Promise<Session> {
    const session = this.#sessions.get(name) ?? this.#model.programs.open(name, build());
    this.#sessions.set(name, session);
    return session;
  }

  /** One tensor for each parameter, zero when it is first asked for. */
  #zeros(kind: 'gradient' | 'more' | 'first' | 'second'): Promise<Tensors> {
    const make = async (): Promise<Tensors> => {
      const tensors = new Map<string, DeviceTensor>();
      for (const [name, shape] of this.#shapes)
        tensors.set(name, await this.#model.programs.zeros(`${kind} of ${name}`, shape));
      return tensors;
    };
    const tensors = this.#tensors.get(kind) ?? make();
    this.#tensors.set(kind, tensors);
    return tensors;
  }

  async #drop(kind: string): Promise<void> {
    const tensors = await this.#tensors.get(kind);
    this.#tensors.delete(kind);
    for (const tensor of tensors?.values() ?? []) tensor.dispose();
  }
}
