/** A training run as a job: what the run tells goes to the clients, what the job must heed goes to the run. */
import { setImmediate } from 'node:timers/promises';
import type { RunConfig } from '../../protocol/run_config.ts';
import type { Clock } from '../common/clock.ts';
import { requireMemory } from '../model/memory_estimate.ts';
import type { ComputePlace } from '../training/environment.ts';
import { memoryNeed } from '../training/policy.ts';
import { policyRequest } from '../training/run_setup.ts';
import type { RunObserver, TrainingRun } from '../training/training_run.ts';
import type { JobContext, StartedRun } from './engine_service.ts';
import { ProgressMeter } from './progress_meter.ts';

export function runObserver(context: JobContext, clock: Clock, log: (message: string) => void): RunObserver {
  const meter = new ProgressMeter(clock, (progress) => context.progress(progress));
  return {
    signal: context.signal,
    onProgress: ({ fraction, message, ...position }) =>
      meter.report({ ...position, message: fraction > 0 ? `${message} (${Math.floor(100 * fraction)} %)` : message }),
    onEvent: (event) => context.onEvent(event),
    onPause: async (save) => {
      if (save === undefined) await context.letInteractiveRun();
      else if (await context.pauseIfAsked(save)) meter.skipTime();
    },
    onWarning: (message) => {
      log(message);
      context.progress({
        phase: 'preparing',
        done: 0,
        total: 0,
        unit: 'updates',
        ratePerSecond: null,
        secondsLeft: null,
        message,
      });
    },
  };
}

/**
 * What the run will take, before anything is loaded.
 * @throws LatroError `model-too-large`, with the numbers, when so much is not free, or what is wrong with the model folder
 */
export async function tellMemory(
  config: RunConfig,
  place: ComputePlace,
  { progress }: Pick<JobContext, 'progress'>,
): Promise<void> {
  const { estimate, available } = await memoryNeed(policyRequest(config, place));
  const nothingYet = { done: 0, total: 0, unit: 'updates', ratePerSecond: null, secondsLeft: null, message: '' };
  progress({ phase: 'preparing', ...nothingYet, memory: { needed: estimate.total, available } });
  requireMemory(config.model, estimate, available);
}

/** Sets the run going. */
export function startRun(run: TrainingRun, observer: RunObserver): StartedRun {
  // Its first events come when the job already has the run's name.
  const finished = setImmediate().then(() => run.execute(observer));
  return { runId: run.id, runDirectory: run.directory, finished };
}
