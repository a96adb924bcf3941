/** A model in float16 and its twin in float32, with the same adapter. */

import type { BoundAdapter, FrozenMap } from '../../src/engine/model/bound_tensors.ts';
import type { ModelConfig } from '../../src/engine/model/config.ts';
import { LanguageModel } from '../../src/engine/model/language_model.ts';
import { toFloat16, type Weights } from '../../src/engine/model/weights.ts';
import type { Device } from '../../src/engine/runtime/session.ts';

export function halved(weights: Weights): FrozenMap {
  return new Map(
    [...weights].map(([name, { shape, data }]) => {
      return [name, { shape, data: shape.length === 2 ? toFloat16(name, data) : data }];
    }),
  );
}

export function halfModel(
  config: ModelConfig,
  weights: Weights,
  adapter: BoundAdapter | null,
  device: Device,
  recompute = false,
): LanguageModel {
  const trainable = adapter === null ? 'nothing' : 'adapter';
  const options = { device, threads: 1, precision: 'float16', recompute } as const;
  return new LanguageModel(config, halved(weights), adapter, trainable, options);
}
