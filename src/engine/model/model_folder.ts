/** Writes a Hugging Face model folder: config and tokenizer files of the one the weights came from, and the weights. */
import { mkdir, readdir, readFile, rename, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { LatroError } from '../common/errors.ts';
import type { AddedTokens } from './added_tokens.ts';
import { parameterShapes, readModelConfig } from './config.ts';
import { syncFolder, temporaryName, writeDurably } from './durable_file.ts';
import { readRequiredJson } from './json_file.ts';
import { serializeSafetensors, type TensorToWrite } from './safetensors.ts';
import { tokenizerFilesWith } from './tokenizer_files.ts';
import { sameShape, type Tensor } from './weights.ts';

const WEIGHTS_FILE = 'model.safetensors';
const CODES = { missing: 'model-not-found', damaged: 'model-damaged' } as const;

/** What a model folder holds besides weights; all but config.json are copied as they are, if present. */
const COMPANIONS = [
  'generation_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'chat_template.jinja',
  'LICENSE',
  'LICENSE.txt',
];
const DTYPE_NAMES = { F32: 'float32', F16: 'float16', BF16: 'bfloat16' } as const;

/**
 * The files of a model folder that transformers loads, by name: the config and tokenizer files of `source`, and `weights` in `dtype`.
 * With `added` tokens the vocabulary is that much larger in all of them; the weights hold the rows already.
 * Errors: model-mismatch when the weights are not those of the source's config.
 */
export async function modelFolderFiles(
  source: string,
  weights: ReadonlyMap<string, Tensor>,
  dtype: 'F32' | 'F16' | 'BF16',
  added: AddedTokens | null = null,
): Promise<Record<string, Iterable<Uint8Array>>> {
  const before = await readModelConfig(source);
  const config = { ...before, vocabSize: before.vocabSize + (added?.texts.length ?? 0) };
  const tensors: TensorToWrite[] = [];
  for (const [name, shape] of parameterShapes(config)) {
    const tensor = weights.get(name);
    if (tensor === undefined || !sameShape(tensor.shape, shape)) {
      const found = tensor === undefined ? 'is missing' : `has shape [${tensor.shape}]`;
      throw new LatroError('model-mismatch', `The tensor "${name}" ${found}, but ${source} asks for [${shape}].`);
    }
    tensors.push({ name, shape, data: tensor.data, dtype });
  }
  const configJson = (await readRequiredJson(join(source, 'config.json'), CODES, '')) as Record<string, unknown>;
  configJson['dtype' in configJson ? 'dtype' : 'torch_dtype'] = DTYPE_NAMES[dtype];
  configJson.vocab_size = config.vocabSize;
  const files: Record<string, Iterable<Uint8Array>> = {
    'config.json': [new TextEncoder().encode(`${JSON.stringify(configJson, null, 2)}\n`)],
  };
  for (const name of COMPANIONS) {
    const path = join(source, name);
    if (await exists(path)) files[name] = [await readFile(path)];
  }
  if (added !== null) Object.assign(files, await tokenizerFilesWith(source, added));
  files[WEIGHTS_FILE] = serializeSafetensors(tensors, { format: 'pt' });
  return files;
}

/**
 * Writes `modelFolderFiles` into `folder`, which must not exist or be empty; it appears under its name only when complete.
 * Errors: bad-request when it holds files, model-mismatch when the weights are not those of the source's config.
 */
export async function saveModelFolder(
  folder: string,
  source: string,
  weights: ReadonlyMap<string, Tensor>,
  dtype: 'F32' | 'F16' | 'BF16',
  added: AddedTokens | null = null,
): Promise<void> {
  const files = await modelFolderFiles(source, weights, dtype, added);
  await requireFree(folder);

  const staging = temporaryName(folder);
  await rm(staging, { recursive: true, force: true });
  try {
    await mkdir(staging, { recursive: true });
    for (const [name, pieces] of Object.entries(files)) await writeDurably(join(staging, name), pieces);
    if (await exists(folder)) await rmdir(folder);
    await rename(staging, folder);
  } catch (error) {
    await rm(staging, { recursive: true, force: true });
    throw error;
  }
  await syncFolder(dirname(folder));
}

async function requireFree(folder: string): Promise<void> {
  try {
    if ((await readdir(folder)).length === 0) return;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    if ((error as NodeJS.ErrnoException).code !== 'ENOTDIR') throw error;
  }
  throw new LatroError('bad-request', `${folder} exists and is not an empty folder.`, 'Choose a new folder.');
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
