/** The run that is killed. */

import { systemClock } from '../../src/engine/common/clock.ts';
import type { FileSystem } from '../../src/engine/common/file_system.ts';
import { systemProcesses } from '../../src/engine/runs/processes.ts';
import { RunWriter } from '../../src/engine/runs/run_writer.ts';
import { newToyRun, toyTrain } from '../support/toy_run.ts';

const world = (files: FileSystem) => ({ files, clock: systemClock, processes: systemProcesses });

/** Trains a new run in `store` from the beginning to the end. */
export async function train(files: FileSystem, store: string): Promise<void> {
  await toyTrain(await newToyRun(world(files), store), false, files);
}

/** Opens the run at `path` and trains it to the end. */
export async function resume(files: FileSystem, path: string): Promise<void> {
  await toyTrain(await RunWriter.open(world(files), path), true, files);
}
