/** Chooses the optimiser by where a model's parameters are. */
import type { LanguageModel } from '../model/language_model.ts';
import type { AdamWSettings } from './adamw.ts';
import { DeviceOptimizer } from './device_optimizer.ts';
import { HostOptimizer } from './host_optimizer.ts';
import type { Optimizer } from './optimizer.ts';

export function createOptimizer(model: LanguageModel, settings: AdamWSettings): Optimizer {
  return model.programs.keepsTensors ? new DeviceOptimizer(model, settings) : new HostOptimizer(model, settings);
}
