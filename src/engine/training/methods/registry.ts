/** Every training method by its name in `latro.json`. */
import type { RunConfig } from '../../../protocol/run_config.ts';
import { gfpo } from './gfpo.ts';
import { grpo } from './grpo.ts';
import { latro } from './latro.ts';
import type { Method } from './method.ts';
import { rejectionSampling } from './rejection_sampling.ts';
import { sft } from './sft.ts';
import { ssft } from './ssft.ts';
import { stratifiedLatro } from './stratified_latro.ts';

const METHODS: Readonly<Record<RunConfig['method'], Method>> = {
  latro,
  sft,
  'rejection-sampling': rejectionSampling,
  grpo,
  ssft,
  gfpo,
};

export function methodOf({ method, strategies }: Pick<RunConfig, 'method' | 'strategies'>): Method {
  return method === 'latro' && strategies.count > 0 ? stratifiedLatro : METHODS[method];
}
