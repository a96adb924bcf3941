/** The result of a run as others read it: a PEFT adapter or a whole Hugging Face model folder. */
import { copyFile, mkdir, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { ExportKind } from '../../protocol/engine_rpc.ts';
import { LatroError, unreachable } from '../common/errors.ts';
import { mendableError } from '../common/file_system.ts';
import { loadAdapter } from '../model/adapter.ts';
import { readModelConfig } from '../model/config.ts';
import { syncFile, syncFolder, writeDurably } from '../model/durable_file.ts';
import { mergeAdapter } from '../model/merge_adapter.ts';
import { saveModelFolder } from '../model/model_folder.ts';
import { tokenizerFilesWith } from '../model/tokenizer_files.ts';
import { loadWeights } from '../model/weights.ts';
import type { RunDirectory } from '../runs/run_directory.ts';
import { type RunWeights, trainedWeights } from './run_weights.ts';

/**
 * Writes the new folder `out`, whole or not at all. `checkpoint`: the weights after so many updates; left out, those the run chose on
 * its validation questions, else its newest. Returns the updates behind what was written.
 * @throws LatroError `bad-request` when `out` is taken or the run has no adapter, `run-damaged` without such a checkpoint,
 * `disk-full` or `not-writable`
 */
export async function exportRun(
  run: RunDirectory,
  to: ExportKind,
  out: string,
  checkpoint?: number,
): Promise<{ readonly step: number }> {
  try {
    return await writeExport(run, to, out, checkpoint);
  } catch (error) {
    const { path = out } = error as NodeJS.ErrnoException;
    throw path.startsWith(dirname(out)) ? mendableError(error, out) : error;
  }
}

async function writeExport(
  run: RunDirectory,
  to: ExportKind,
  out: string,
  checkpoint: number | undefined,
): Promise<{ readonly step: number }> {
  await requireNewFolder(out);
  const weights = await trainedWeights(run, checkpoint);
  switch (to) {
    case 'merged':
      await writeMerged(weights, out);
      break;
    case 'adapter':
      if (weights.trained !== 'adapter' || weights.adapter === null) {
        throw new LatroError(
          'bad-request',
          'The run trained every weight, so it has no adapter.',
          'Export it as a merged model.',
        );
      }
      await copyFolder(weights.adapter, out, await tokenizerFilesOf(weights.model, weights.adapter));
      break;
    default:
      unreachable(to);
  }
  return { step: weights.step };
}

async function writeMerged({ model, adapter }: RunWeights, out: string): Promise<void> {
  if (adapter === null) return copyFolder(model, out);
  const config = await readModelConfig(model);
  const loaded = await loadAdapter(adapter);
  const merged = mergeAdapter(config, await loadWeights(model, config), loaded);
  return saveModelFolder(out, model, merged, 'F32', loaded.addedTokens ?? null);
}

async function requireNewFolder(path: string): Promise<void> {
  const next = 'Choose a new folder.';
  const entries = await readdir(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error.code === 'ENOTDIR' ? new LatroError('bad-request', `${path} is a file.`, next) : error;
  });
  if (entries.length > 0) throw new LatroError('bad-request', `${path} exists and is not empty.`, next);
}

/** An adapter with added tokens goes with a tokenizer that knows them; others use their model's. */
async function tokenizerFilesOf(model: string, adapter: string): Promise<Record<string, Iterable<Uint8Array>>> {
  const { addedTokens } = await loadAdapter(adapter);
  return addedTokens === undefined ? {} : tokenizerFilesWith(model, addedTokens);
}

/** Of files, without folders in it, with `more` files beside them; the copy is there whole or not at all. */
async function copyFolder(from: string, to: string, more: Record<string, Iterable<Uint8Array>> = {}): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  const staging = join(dirname(to), `.${basename(to)}.partial`);
  await rm(staging, { recursive: true, force: true });
  try {
    await mkdir(staging);
    for (const name of await readdir(from)) {
      await copyFile(join(from, name), join(staging, name));
      await syncFile(join(staging, name));
    }
    for (const [name, pieces] of Object.entries(more)) await writeDurably(join(staging, name), pieces);
    await rmdir(to).catch(() => {});
    await rename(staging, to);
    await syncFolder(dirname(to));
  } catch (error) {
    await rm(staging, { recursive: true, force: true });
    throw error;
  }
}
