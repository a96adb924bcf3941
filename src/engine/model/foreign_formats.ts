/** Files that are offered as models but are something else; recognised by their first bytes, whatever their name says. */

import { open, stat } from 'node:fs/promises';
import { LatroError } from '../common/errors.ts';
import { isMissing } from './json_file.ts';

/** As many first bytes as the checks below look at. */
export const MAGIC_BYTES = 32;

/** Errors: pickle-refused, model-damaged, model-unsupported; returns when the beginning is of none of these formats. */
export function refuseForeign(path: string, beginning: Uint8Array): void {
  const text = Buffer.from(beginning).toString('latin1');
  // 0x80 and the protocol number open a pickle of protocol 2 to 5; since PyTorch 1.6 torch.save puts one into a zip archive.
  const isPickle = beginning[0] === 0x80 && beginning[1]! >= 2 && beginning[1]! <= 5;
  if (isPickle || text.startsWith('PK')) throw pickleRefused(path);
  if (text.startsWith('version https://git-lfs')) {
    throw new LatroError(
      'model-damaged',
      `${path} is a Git LFS pointer, not the file itself.`,
      'Run "git lfs pull" in its folder.',
    );
  }
  if (text.startsWith('GGUF')) {
    throw new LatroError(
      'model-unsupported',
      `${path} is a GGUF file.`,
      'Use the model in its Hugging Face form, with model.safetensors.',
    );
  }
}

/** Pickles run code when they are loaded, so there is no way to load them here. */
export function pickleRefused(path: string): LatroError {
  return new LatroError(
    'pickle-refused',
    `${path} is a Python pickle or a PyTorch archive, which can run any code when it is loaded, so it is never opened.`,
    'Use a version of the model with model.safetensors.',
  );
}

/** Errors: model-not-found when `path` is not a folder; for a file, what `refuseForeign` says comes first. */
export async function requireModelFolder(path: string): Promise<void> {
  const nextStep = 'Choose a Hugging Face model folder: one with config.json, tokenizer.json and model.safetensors.';
  const found = await stat(path).catch((error: unknown) => {
    if (isMissing(error)) throw new LatroError('model-not-found', `There is no folder ${path}.`, nextStep);
    throw error;
  });
  if (found.isDirectory()) return;
  if (found.isFile()) {
    const handle = await open(path, 'r');
    try {
      const { buffer, bytesRead } = await handle.read(new Uint8Array(MAGIC_BYTES), 0, MAGIC_BYTES, 0);
      refuseForeign(path, buffer.subarray(0, bytesRead));
    } finally {
      await handle.close();
    }
  }
  throw new LatroError('model-not-found', `${path} is a file, not a model folder.`, nextStep);
}
