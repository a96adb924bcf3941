/** The run that is killed: LaTRO on a tiny model, with everything a run writes: evaluations, health warnings, rollouts, checkpoints. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../src/engine/common/clock.ts';
import type { FileSystem } from '../../src/engine/common/file_system.ts';
import { readDataset } from '../../src/engine/datasets/read_dataset.ts';
import { systemProcesses } from '../../src/engine/runs/processes.ts';
import { RunStore } from '../../src/engine/runs/run_store.ts';
import type { World } from '../../src/engine/runs/run_writer.ts';
import { TrainingRun } from '../../src/engine/training/training_run.ts';
import { type RatingRecord, type RatingsFile, ratingsFile } from '../../src/protocol/ratings.ts';
import type { RunConfig } from '../../src/protocol/run_config.ts';
import { SILENT, TINY_ENVIRONMENT, tinyRunConfig, writeTinyProject } from '../support/tiny_run.ts';

/** Model, questions, and ratings that matter: one approved rationale for each question; rationales without a word are judged wrong. */
export async function writeProject(project: string): Promise<void> {
  await writeTinyProject(project);
  const file = join(project, 'train.jsonl');
  const { rows } = await readDataset(file, { format: 'starter' });
  const time = '2026-11-21T22:00:00.000Z';
  const ratings = rows.flatMap(({ rowKey }): RatingRecord[] => [
    { rowKey, rationale: 'add both', verdict: 'useful', note: '', time },
    { rowKey, rationale: '', verdict: 'wrong', note: '', time },
  ]);
  await writeFile(ratingsFile(file), JSON.stringify({ version: 1, ratings } satisfies RatingsFile));
}

/** @param project a folder made by `writeProject` */
function killedConfig(project: string): RunConfig {
  return tinyRunConfig(project, {
    dataset: {
      train: 'train.jsonl',
      test: 'test.jsonl',
      holdOutFraction: 0.34,
    },
    // Few tensors: each is a write of its own.
    trainable: { kind: 'lora', rank: 2, alpha: 4, dropout: 0.1, targets: ['q_proj'] },
    reward: { klCoefficient: 0.05, standardDeviationFilter: 0.5 },
    optimizer: { learningRate: 0.02, schedule: 'linear', warmupSteps: 1 },
    // So many samples a question that the three test questions are evaluated in two batches.
    evaluation: { every: 3, k: 43, maxTokens: 6 },
    checkpoints: { every: 4, keep: 2 },
    steps: 6,
    seed: 1,
  });
}

const worldOf = (files: FileSystem): World => ({ files, clock: systemClock, processes: systemProcesses });

/** The only run of a store; null while there is none. A folder whose making was killed before it had a `run.json` is no run. */
export async function onlyRun(files: FileSystem, store: string): Promise<string | null> {
  const runs: string[] = [];
  for (const name of await files.list(store)) {
    const run = join(store, name);
    if ((await files.status(join(run, 'run.json'))) !== null) runs.push(run);
  }
  if (runs.length > 1) throw new Error(`more than one run: ${runs.join(', ')}`);
  return runs[0] ?? null;
}

/** Trains the run in `store` to its end: from the beginning when there is none yet, otherwise from where it got to. */
export async function trainOrResume(files: FileSystem, project: string, store: string): Promise<void> {
  const world = worldOf(files);
  const runs = new RunStore(world, store);
  const existing = await onlyRun(files, store);
  const run =
    existing === null
      ? await TrainingRun.create(world, runs, killedConfig(project), TINY_ENVIRONMENT)
      : await TrainingRun.resume(world, runs, existing, TINY_ENVIRONMENT, SILENT);
  await run.execute(SILENT);
}
