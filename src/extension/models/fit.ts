/** Whether a model can be trained on this machine. Pure. */
import os from 'node:os';
import { availableMemory } from '../../engine/common/memory.ts';
import type { ModelDescription } from '../../protocol/engine_rpc.ts';

export type Fit = 'fits' | 'tight' | 'too-large';

/** Whether a run fits into memory: at its largest into what is free now, or else at its smallest into what the machine has. */
export function fitOf(
  { trainingBytes, leastTrainingBytes }: Pick<ModelDescription, 'trainingBytes' | 'leastTrainingBytes'>,
  free = availableMemory(),
  total = os.totalmem(),
): Fit {
  if (trainingBytes <= free) return 'fits';
  return leastTrainingBytes <= total ? 'tight' : 'too-large';
}
