/** The weights of a Hugging Face model folder: one `model.safetensors` or shards under an index; checked against the config before loading. */

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { LatroError } from '../common/errors.ts';
import type { WeightFormat } from '../graph/precision.ts';
import { type ModelConfig, parameterShapes } from './config.ts';
import { pickleRefused } from './foreign_formats.ts';
import { isMissing, parseJson, readOptionalJson } from './json_file.ts';
import { narrowToFloat16, widenFloat16 } from './number_formats.ts';
import { heldIn, quantise, scalesName } from './quantise.ts';
import { SafetensorsFile } from './safetensors.ts';

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

/** A parameter that nothing changes: float32, float16 as its bits, or int8, whose scales stand beside it under `scalesName`. */
export interface FrozenTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array | Uint16Array | Int8Array;
}
export type FrozenWeights = Map<string, FrozenTensor>;

/** What rounds to a finite float16 is smaller. */
const FLOAT16_LIMIT = 65520;

/**
 * The same for programs of a precision: with float16 all matrices are float16, as stored or rounded to the nearest; vectors stay float32.
 * Rounding bfloat16 is exact from 2⁻¹⁴ on and errs by 2⁻²⁵ at the most below. Errors besides those of `loadWeights`: model-unsupported
 * for a number that float16 does not reach.
 *
 * The CPU has no use for float16: onnxruntime (1.30) has no products of half-precision matrices there, it widens them in every run.
 * Measured on one core of an AMD EPYC, 24 products with 17.3 M weights, milliseconds of float32 → float16: 3.5 → 8.1 for 1 row,
 * 6.6 → 10.2 for 8, 14.5 → 20.1 for 64, 189 → 200 for 1024 (a Cast of our own: 7.1, 9.9, 18.7, 202); and decoding would lose its
 * matrices laid out beforehand, which are worth more than that.
 */
export async function loadFrozenWeights(
  folder: string,
  config: ModelConfig,
  format: WeightFormat,
): Promise<FrozenWeights> {
  if (format === 'float32') return loadWeights(folder, config);
  const scales: FrozenWeights = new Map();
  const weights = await readParameters(folder, config, async (file, name) => {
    const { dtype, shape } = file.info(name);
    const held = heldIn(name, shape, format);
    if (held === 'float32') return { data: await file.readFloat32(name) };
    if (held === 'int8') {
      const matrix = quantise({ shape, data: await file.readFloat32(name) });
      scales.set(scalesName(name), { shape: [shape[0]!], data: matrix.scales });
      return { data: matrix.values };
    }
    if (dtype === 'F16') return { data: new Uint16Array((await file.readBytes(name)).buffer) };
    return { data: toFloat16(name, await file.readFloat32(name)) };
  });
  return new Map([...weights, ...scales]);
}

/** The bits of float16 numbers. Errors: model-unsupported */
export function toFloat16(name: string, values: Float32Array): Uint16Array {
  const tooLarge = values.find((value) => Math.abs(value) >= FLOAT16_LIMIT);
  if (tooLarge !== undefined)
    throw new LatroError(
      'model-unsupported',
      `The tensor "${name}" holds ${tooLarge}, and float16 ends at 65504.`,
      "Set precision to 'float32'.",
    );
  return narrowToFloat16(values);
}

/** The numbers of a parameter that is not int8; a copy, where they are float16. */
export function toFloat32({ data }: FrozenTensor): Float32Array {
  if (data instanceof Float32Array) return data;
  if (data instanceof Int8Array) throw new Error('int8 numbers say nothing without their scales');
  const wide = new Float32Array(data.length);
  widenFloat16(data, wide);
  return wide;
}

/** Whether every matrix of a model folder is stored in half precision, by the files' headers alone. Errors as of `loadWeights`. */
export async function isStoredInHalf(folder: string, config: ModelConfig): Promise<boolean> {
  const files: SafetensorsFile[] = [];
  try {
    for (const name of await weightFiles(folder)) files.push(await SafetensorsFile.open(join(folder, name), CODES));
    return [...locateParameters(folder, config, files)].every(([name, file]) => {
      const { dtype, shape } = file.info(name);
      return shape.length !== 2 || dtype === 'F16' || dtype === 'BF16';
    });
  } finally {
    for (const file of files) await file.close();
  }
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
