/** Measures, from within the extension host of a window, how long its event loop is held. */
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { build } from 'esbuild';
import { LOOP_FILE, type LoopReport } from '../loop_probe/report.ts';
import type { Studio } from './studio.ts';

const SOURCE = path.resolve(import.meta.dirname, '..', 'loop_probe');

/** Builds the probe below `directory`; returns its folder, for `StudioOptions.extensions`. */
export async function buildLoopProbe(directory: string): Promise<string> {
  const folder = path.join(directory, 'loop-probe');
  await mkdir(folder, { recursive: true });
  await copyFile(path.join(SOURCE, 'package.json'), path.join(folder, 'package.json'));
  await build({
    entryPoints: [path.join(SOURCE, 'extension.ts')],
    outfile: path.join(folder, 'extension.cjs'),
    bundle: true,
    platform: 'node',
    format: 'cjs',
    external: ['vscode'],
    logLevel: 'warning',
  });
  return folder;
}

/** The turns of the event loop while `work` is done in the window. */
export async function loopWhile({ workbench, workspace }: Studio, work: () => Promise<unknown>): Promise<LoopReport> {
  const file = path.join(workspace, LOOP_FILE);
  await rm(file, { force: true });
  await workbench.runCommand('Loop Probe: Begin');
  await work();
  await workbench.runCommand('Loop Probe: End');
  while (!existsSync(file)) await setTimeout(50);
  return JSON.parse(await readFile(file, 'utf8')) as LoopReport;
}
