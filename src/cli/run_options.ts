/** How a run is named on the command line: by its id in a folder of runs, or by a path. */
import { join, resolve } from 'node:path';
import { LatroError } from '../engine/common/errors.ts';
import type { RunDirectory } from '../engine/runs/run_directory.ts';
import { RunStore } from '../engine/runs/run_store.ts';
import type { Arguments } from './arguments.ts';
import type { CommandContext } from './command.ts';
import type { OptionSpec } from './command_spec.ts';

export const RUNS_OPTION = {
  runs: { value: 'DIR', help: 'Folder of runs to look an id up in (default .latro/runs).' },
} satisfies Record<string, OptionSpec>;

export function runStore(args: Arguments, { cwd, world }: CommandContext, option = 'runs'): RunStore {
  return new RunStore(world, resolve(cwd, args.text(option) ?? join('.latro', 'runs')));
}

/** By id or by path; a folder of runs stands for its newest one. @throws LatroError `run-not-found` */
export async function findRun(store: RunStore, name: string, { cwd, world }: CommandContext): Promise<RunDirectory> {
  const isPath = /[\\/]/.test(name) || name === '.' || name === '..';
  try {
    return await store.find(isPath ? resolve(cwd, name) : name);
  } catch (error) {
    if (!(error instanceof LatroError && error.code === 'run-not-found')) throw error;
    const [newest] = (await new RunStore(world, resolve(cwd, name)).list()).runs;
    if (newest === undefined) throw error;
    return store.find(newest.directory);
  }
}
