/** Learning-rate schedules as transformers defines them (`get_linear_schedule_with_warmup` and its siblings). */
import { unreachable } from '../common/errors.ts';

export type Schedule = 'linear' | 'cosine' | 'constant';

/**
 * Factor on the learning rate for update number `step` (0-based) of `totalSteps`: rises linearly over `warmupSteps`, then decays.
 * @returns a number in [0, 1]
 */
export function scheduleFactor(schedule: Schedule, step: number, totalSteps: number, warmupSteps: number): number {
  if (step < warmupSteps) return step / Math.max(1, warmupSteps);
  const progress = (step - warmupSteps) / Math.max(1, totalSteps - warmupSteps);
  switch (schedule) {
    case 'constant':
      return 1;
    case 'linear':
      return Math.max(0, 1 - progress);
    case 'cosine':
      return Math.max(0, 0.5 * (1 + Math.cos(Math.PI * progress)));
    default:
      return unreachable(schedule);
  }
}
