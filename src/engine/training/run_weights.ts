/** Where the weights of a run lie: the folders to open its model from. */
import { join } from 'node:path';
import { LatroError } from '../common/errors.ts';
import type { Checkpoint } from '../runs/checkpoint.ts';
import type { RunDirectory } from '../runs/run_directory.ts';
import { ADAPTER_FOLDER, MODEL_FOLDER } from './checkpoint_state.ts';

export interface RunWeights {
  /** Updates behind them. */
  readonly step: number;
  readonly trained: 'adapter' | 'model';
  /** Hugging Face model folder. */
  readonly model: string;
  /** PEFT adapter folder on top of it; under a trained model the one that the run began with. */
  readonly adapter: string | null;
}

/** After update `step`; by default those the run chose on its validation questions, else the newest. @throws LatroError `run-damaged` */
export async function trainedWeights(run: RunDirectory, step?: number): Promise<RunWeights> {
  const { config } = await run.record();
  const checkpoint = await chooseCheckpoint(run, step);
  const inside = (folder: string): string => join(checkpoint.directory, folder);
  return config.trainable.kind === 'full'
    ? { step: checkpoint.step, trained: 'model', model: inside(MODEL_FOLDER), adapter: config.adapter ?? null }
    : { step: checkpoint.step, trained: 'adapter', model: config.model, adapter: inside(ADAPTER_FOLDER) };
}

async function chooseCheckpoint(run: RunDirectory, wanted: number | undefined): Promise<Checkpoint> {
  const { best } = await run.record();
  const steps = await run.checkpoints.steps();
  const step = wanted ?? best?.step ?? steps.at(-1);
  const found = step === undefined ? null : await run.checkpoints.verify(step);
  if (found !== null && !('reason' in found)) return found;
  throw new LatroError(
    'run-damaged',
    step === undefined
      ? `The run ${run.id} has no checkpoint.`
      : `The run ${run.id} has no whole checkpoint of update ${step}${found === null ? '' : `: ${found.reason}`}.`,
    steps.length === 0 ? 'Resume it first.' : `Checkpoints there: ${steps.join(', ')}.`,
  );
}
