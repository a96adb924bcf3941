/** The weights of a Hugging Face model folder: one `model.safetensors` or shards under an index; checked against the config before loading. */

import { mkdir, readdir, readFile, rename, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as v from 'valibot';
import { LatroError } from '../common/errors.ts';
import type { AddedTokens } from './added_tokens.ts';
import { type ModelConfig, parameterShapes, readModelConfig } from './config.ts';
import { syncFolder, temporaryName, writeDurably } from './durable_file.ts';
import { pickleRefused } from './foreign_formats.ts';
import { isMissing, parseJson, readOptionalJson, readRequiredJson } from './json_file.ts';
import { SafetensorsFile, serializeSafetensors, type TensorToWrite } from './safetensors.ts';
import { tokenizerFilesWith } from './tokenizer_files.ts';

export interface Tensor {
  readonly shape: readonly number[];
  /** Row-major; its length is the product of `shape`. */
  readonly data: Float32Array;
}

/** By transformers' parameter names; matrices (out, in). A tied head has no entry of its own. */
export type Weights = Map<string, Tensor>;

const SINGLE = 'model.safetensors';
const INDEX = 'model.safetensors.index.json';
const CODES = { missing: 'model-not-found', damaged: 'model-damaged' } as const;

/**
 * Reads every parameter of `config` as float32, in the order of `parameterShapes`. Nothing is loaded before all names and shapes
 * agree. Errors: model-not-found, model-damaged, model-mismatch (naming the tensor and both shapes), pickle-refused.
 */
export async function loadWeights(folder: string, config: ModelConfig): Promise<Weights> {
  const read = async (file: SafetensorsFile, name: string) => ({ data: await file.readFloat32(name) });
  return readParameters(folder, config, read);
}

export type HalfFormat = 'F16' | 'BF16';

/** A parameter as a device holds it: half-precision formats as their bits. */
export type HeldTensor =
  | { readonly shape: readonly number[]; readonly format: 'F32'; readonly data: Float32Array }
  | { readonly shape: readonly number[]; readonly format: HalfFormat; readonly data: Uint16Array };

/**
 * The same for a device that computes in half precision: what is stored in one of the formats of `held` keeps it, at half the memory; the
 * rest becomes float32, exactly. The CPU holds float32 only, because onnxruntime (1.30) has no products of half-precision matrices
 * there: it widens them in every run. Measured on one core of an AMD EPYC, 24 products with 17.3 M weights, milliseconds of float32 →
 * float16: 3.5 → 8.1 for 1 row, 6.6 → 10.2 for 8, 14.5 → 20.1 for 64, 189 → 200 for 1024 (a Cast of our own: 7.1, 9.9, 18.7, 202);
 * and decoding would lose its matrices laid out beforehand, which are worth more than that.
 */
export async function loadHeldWeights(
  folder: string,
  config: ModelConfig,
  held: ReadonlySet<HalfFormat>,
): Promise<Map<string, HeldTensor>> {
  const isHeld = (dtype: string): dtype is HalfFormat => held.has(dtype as HalfFormat);
  return readParameters(folder, config, async (file, name) => {
    const { dtype } = file.info(name);
    if (!isHeld(dtype)) return { format: 'F32' as const, data: await file.readFloat32(name) };
    return { format: dtype, data: new Uint16Array((await file.readBytes(name)).buffer) };
  });
}

async function readParameters<T extends object>(
  folder: string,
  config: ModelConfig,
  read: (file: SafetensorsFile, name: string) => Promise<T>,
): Promise<Map<string, { readonly shape: readonly number[] } & T>> {
  const files: SafetensorsFile[] = [];
  try {
    for (const name of await weightFiles(folder)) files.push(await SafetensorsFile.open(join(folder, name), CODES));
    const holders = locateParameters(folder, config, files);
    const parameters = new Map<string, { readonly shape: readonly number[] } & T>();
    for (const [name, shape] of parameterShapes(config)) {
      parameters.set(name, { shape, ...(await read(holders.get(name) as SafetensorsFile, name)) });
    }
    return parameters;
  } finally {
    for (const file of files) await file.close();
  }
}

/**
 * Bytes of all parameters of `config` as they are stored, from the files' headers alone. Errors as of `loadWeights`, but for what
 * only the data can tell.
 */
export async function storedWeightBytes(folder: string, config: ModelConfig): Promise<number> {
  const files: SafetensorsFile[] = [];
  try {
    for (const name of await weightFiles(folder)) files.push(await SafetensorsFile.open(join(folder, name), CODES));
    const holders = locateParameters(folder, config, files);
    return [...holders].reduce((sum, [name, file]) => sum + file.byteLength(name), 0);
  } finally {
    for (const file of files) await file.close();
  }
}

/** Names of the safetensors files of a folder, as transformers looks for them. */
async function weightFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder).catch((error: unknown): string[] => {
    if (isMissing(error)) return [];
    throw error;
  });
  if (entries.includes(SINGLE)) return [SINGLE];
  if (entries.includes(INDEX)) return shardFiles(folder);
  const pickle = entries.find((name) => /\.(bin|pt|pth|ckpt)$/.test(name));
  if (pickle !== undefined) throw pickleRefused(join(folder, pickle));
  throw new LatroError(
    'model-not-found',
    `There is neither ${SINGLE} nor ${INDEX} in ${folder}.`,
    'Choose a Hugging Face model folder, or download the model again.',
  );
}

async function shardFiles(folder: string): Promise<string[]> {
  const path = join(folder, INDEX);
  const schema = v.object({ weight_map: v.record(v.string(), v.string()) });
  const index = parseJson(schema, await readOptionalJson(path, 'model-damaged'), path, 'model-damaged');
  const shards = [...new Set(Object.values(index.weight_map))].sort();
  for (const shard of shards) {
    // A bare file name cannot leave the folder.
    if (!/^[\w-][\w.-]*\.safetensors$/.test(shard)) {
      throw new LatroError(
        'model-damaged',
        `${path} names the shard ${JSON.stringify(shard)}, which is not a .safetensors file of the same folder.`,
        'Download the model again from a source you trust.',
      );
    }
  }
  return shards;
}

/** Which file holds each parameter. The headers decide; the index only says which files there are. */
function locateParameters(
  folder: string,
  config: ModelConfig,
  files: readonly SafetensorsFile[],
): ReadonlyMap<string, SafetensorsFile> {
  const shapes = parameterShapes(config);
  const mismatch = (what: string): LatroError =>
    new LatroError('model-mismatch', `${folder}: ${what}.`, 'Use config.json and weights of the same model.');
  const holders = new Map<string, SafetensorsFile>();
  for (const file of files) {
    for (const name of file.names) {
      if (holders.has(name)) throw mismatch(`the tensor "${name}" is in two shards`);
      if (isHarmless(name, config)) continue;
      const expected = shapes.get(name);
      if (expected === undefined) {
        throw mismatch(`the weights hold the tensor ${JSON.stringify(name)}, which config.json does not provide for`);
      }
      const { shape } = file.info(name);
      if (!sameShape(shape, expected)) {
        throw mismatch(`the tensor "${name}" has shape [${shape}], but config.json asks for [${expected}]`);
      }
      holders.set(name, file);
    }
  }
  for (const [name, expected] of shapes) {
    if (!holders.has(name)) throw mismatch(`the weights lack the tensor "${name}" of shape [${expected}]`);
  }
  return holders;
}

/** Tensors that transformers also passes over: a stored copy of the tied head, and rope tables of old checkpoints. */
function isHarmless(name: string, config: ModelConfig): boolean {
  return (config.tiedHead && name === 'lm_head.weight') || name.endsWith('.rotary_emb.inv_freq');
}

export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((dimension, i) => dimension === b[i]);
}

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
  files[SINGLE] = serializeSafetensors(tensors, { format: 'pt' });
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
