/** How a run is named on the command line: by its id in a folder of runs, or by the path of its directory. */
import { join, resolve } from 'node:path';
import type { RunDirectory } from '../engine/runs/run_directory.ts';
import { RunStore } from '../engine/runs/run_store.ts';
import type { Arguments } from './arguments.ts';
import type { CommandContext, OptionSpec } from './command.ts';

export const RUNS_OPTION = {
  runs: { value: 'DIR', help: 'Folder of runs to look an id up in (default .latro/runs).' },
} satisfies Record<string, OptionSpec>;

export function runStore(args: Arguments, { cwd, world }: CommandContext, option = 'runs'): RunStore {
  return new RunStore(world, resolve(cwd, args.text(option) ?? join('.latro', 'runs')));
}

/** @throws LatroError `run-not-found` */
export async function findRun(store: RunStore, name: string, { cwd }: CommandContext): Promise<RunDirectory> {
  return store.find(runName(name, cwd));
}

/** An id stays one; a path starts at the working directory. */
export function runName(name: string, cwd: string): string {
  return /[\\/]/.test(name) || name === '.' || name === '..' ? resolve(cwd, name) : name;
}
