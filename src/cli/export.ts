/** `latro export`: the result of a run as others read it, a PEFT adapter or a whole Hugging Face model folder. */
import { copyFile, mkdir, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { loadAdapter } from '../engine/model/adapter.ts';
import { readModelConfig } from '../engine/model/config.ts';
import { mergeAdapter } from '../engine/model/merge_adapter.ts';
import { loadWeights, saveModelFolder } from '../engine/model/weights.ts';
import { badRequest } from './arguments.ts';
import type { Command } from './command.ts';
import { findRun, RUNS_OPTION, runStore } from './run_options.ts';
import { type RunWeights, trainedWeights } from './run_weights.ts';

export const exportCommand: Command = {
  name: 'export',
  summary: 'Writes the result of a run as a PEFT adapter or as a whole model folder.',
  usage: 'RUN --to adapter|merged [--out DIR]',
  positionals: [1, 1],
  options: {
    to: {
      value: 'WHAT',
      help: 'adapter: a PEFT folder; merged: a Hugging Face model folder with the adapter in its weights.',
    },
    out: { value: 'DIR', help: 'New folder to write (default: RUN-adapter or RUN-merged here).' },
    checkpoint: { value: 'N', help: 'The weights after update N (default: those the run chose, else the newest).' },
    ...RUNS_OPTION,
  },
  details: [
    'merged adds s·B·A to each weight in float64 and stores float32; transformers and latro load the folder as any other model.',
  ],

  async run(args, context) {
    const { terminal, cwd } = context;
    args.required('to');
    const to = args.choice('to', ['adapter', 'merged']);
    const run = await findRun(runStore(args, context), args.positionals[0] as string, context);
    const out = resolve(cwd, args.text('out') ?? `${run.id}-${to}`);
    await requireNewFolder(out);
    const weights = await trainedWeights(run, args.whole('checkpoint', { least: 0 }));
    if (to === 'merged') await writeMerged(weights, out);
    else if (weights.trained === 'adapter' && weights.adapter !== null) await copyFolder(weights.adapter, out);
    else throw badRequest('The run trained every weight, so it has no adapter.', 'Export it with --to merged.');
    terminal.out(out);
    terminal.note(`${run.id} after update ${weights.step}, as a ${to === 'merged' ? 'whole model' : 'PEFT adapter'}.`);
  },
};

async function writeMerged({ model, adapter }: RunWeights, out: string): Promise<void> {
  if (adapter === null) return copyFolder(model, out);
  const config = await readModelConfig(model);
  const merged = mergeAdapter(config, await loadWeights(model, config), await loadAdapter(adapter));
  return saveModelFolder(out, model, merged, 'F32');
}

async function requireNewFolder(path: string): Promise<void> {
  const entries = await readdir(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error.code === 'ENOTDIR' ? badRequest(`${path} is a file.`, 'Choose a new folder with --out.') : error;
  });
  if (entries.length > 0) throw badRequest(`${path} exists and is not empty.`, 'Choose a new folder with --out.');
}

/** Of files, without folders in it; the copy is there whole or not at all. */
async function copyFolder(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  const staging = join(dirname(to), `.${basename(to)}.partial`);
  await rm(staging, { recursive: true, force: true });
  try {
    await mkdir(staging);
    for (const name of await readdir(from)) await copyFile(join(from, name), join(staging, name));
    await rmdir(to).catch(() => {});
    await rename(staging, to);
  } catch (error) {
    await rm(staging, { recursive: true, force: true });
    throw error;
  }
}
