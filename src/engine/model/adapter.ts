/**
 * LoRA adapters in PEFT's format. An adapter adds s · B A to the weight W (out, in) of each linear layer it targets, with
 * A (r, in) and B (out, r): Hu et al. 2021, "LoRA", eq. 3. Only plain LoRA is implemented; every other feature a PEFT config can
 * switch on is refused by its name, because ignoring it would compute another model.
 */

import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { LatroError } from '../common/errors.ts';
import { RandomStream } from '../common/random.ts';
import { type AddedTokens, addedRowShapes, trainableTokenIndices } from './added_tokens.ts';
import { type ModelConfig, parameterShapes } from './config.ts';
import { writeDurably } from './durable_file.ts';
import { pickleRefused } from './foreign_formats.ts';
import { parseJson, readOptionalJson, readRequiredJson } from './json_file.ts';
import { SafetensorsFile, serializeSafetensors } from './safetensors.ts';
import { addedTokensJson } from './tokenizer_files.ts';
import { sameShape, type Tensor } from './weights.ts';

export interface LoraConfig {
  /** r ≥ 1 */
  readonly rank: number;
  readonly alpha: number;
  /** Probability in [0, 1) of dropping an input of A while training. */
  readonly dropout: number;
  /** Last parts of module names ("q_proj"), or "all-linear". */
  readonly targetModules: readonly string[];
  readonly useRslora: boolean;
  readonly baseModel: string | null;
}

export interface Adapter {
  readonly config: LoraConfig;
  /** Tokens beside the model's vocabulary, whose rows are among the tensors; absent: none. */
  readonly addedTokens?: AddedTokens | undefined;
  /** By PEFT's names: `base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight`. */
  readonly tensors: ReadonlyMap<string, Tensor>;
}

export interface LinearModule {
  /** `model.layers.0.self_attn.q_proj` */
  readonly module: string;
  readonly out: number;
  readonly in: number;
}

/** Every linear layer but the head, in model order. */
export function linearModules(config: ModelConfig): readonly LinearModule[] {
  return [...parameterShapes(config)]
    .filter(([name]) => name.endsWith('_proj.weight'))
    .map(([name, [out, columns]]) => ({
      module: name.slice(0, -'.weight'.length),
      out: out as number,
      in: columns as number,
    }));
}

/** The factor s before B A: α / r, or α / √r with rank stabilisation (Kalajdzievski 2023, arXiv:2312.03732). */
export function loraScale({ alpha, rank, useRslora }: Pick<LoraConfig, 'alpha' | 'rank' | 'useRslora'>): number {
  return useRslora ? alpha / Math.sqrt(rank) : alpha / rank;
}

/** Name of an adapter tensor in PEFT's file. */
export function adapterTensorName(module: string, factor: 'A' | 'B'): string {
  return `base_model.model.${module}.lora_${factor}.weight`;
}

/** Name and shape of every tensor an adapter of this config has for this model, in model order. */
export function adapterShapes(config: ModelConfig, lora: LoraConfig): ReadonlyMap<string, readonly number[]> {
  const shapes = new Map<string, readonly number[]>();
  for (const target of targetedModules(config, lora)) {
    shapes.set(adapterTensorName(target.module, 'A'), [lora.rank, target.in]);
    shapes.set(adapterTensorName(target.module, 'B'), [target.out, lora.rank]);
  }
  return shapes;
}

/** The linear layers an adapter changes. Errors: adapter-mismatch when a target names no layer of the model. */
export function targetedModules(config: ModelConfig, lora: LoraConfig): readonly LinearModule[] {
  const modules = linearModules(config);
  const matches = (target: string, module: string): boolean =>
    target === 'all-linear' || module === target || module.endsWith(`.${target}`);
  for (const target of lora.targetModules) {
    if (modules.some(({ module }) => matches(target, module))) continue;
    const known = [...new Set(modules.map(({ module }) => module.split('.').at(-1)))];
    throw new LatroError(
      'adapter-mismatch',
      `The adapter targets "${target}", but the model's linear layers are ${known.join(', ')}.`,
      'Use an adapter that was trained on this model.',
    );
  }
  return modules.filter(({ module }) => lora.targetModules.some((target) => matches(target, module)));
}

/**
 * A fresh adapter as PEFT makes it: A from the Kaiming-uniform distribution with a = √5, which is U(−1/√in, 1/√in), and B zero,
 * so that the model is unchanged at first. The same seed gives the same tensors whatever else is drawn.
 */
export function initialiseAdapter(config: ModelConfig, lora: LoraConfig, seed: number): Adapter {
  const tensors = new Map<string, Tensor>();
  targetedModules(config, lora).forEach((target, index) => {
    const bound = 1 / Math.sqrt(target.in);
    const random = new RandomStream(seed, ADAPTER_STREAM, index);
    const a = Float32Array.from({ length: lora.rank * target.in }, (_, i) => (2 * random.uniform(i) - 1) * bound);
    tensors.set(adapterTensorName(target.module, 'A'), { shape: [lora.rank, target.in], data: a });
    tensors.set(adapterTensorName(target.module, 'B'), {
      shape: [target.out, lora.rank],
      data: new Float32Array(target.out * lora.rank),
    });
  });
  return { config: lora, tensors };
}

/** Keeps these draws apart from those of sampling under the same seed. */
const ADAPTER_STREAM = 0x6c6f7261;

/** Errors: adapter-mismatch, naming the tensor and both shapes, when the adapter is for another model; adapter-damaged for NaN or infinity. */
export function checkAdapterAgainst(config: ModelConfig, adapter: Adapter): void {
  const { addedTokens } = adapter;
  const expected = new Map([
    ...adapterShapes(config, adapter.config),
    ...(addedTokens === undefined ? [] : addedRowShapes(config, addedTokens.texts.length)),
  ]);
  const mismatch = (what: string): LatroError =>
    new LatroError(
      'adapter-mismatch',
      `The adapter was trained on another model${adapter.config.baseModel === null ? '' : ` ("${adapter.config.baseModel}")`}: ${what}.`,
      'Use it with the model it was trained on.',
    );
  if (addedTokens !== undefined && addedTokens.firstId !== config.vocabSize) {
    throw mismatch(
      `its added tokens begin at the id ${addedTokens.firstId}, this model has ${config.vocabSize} tokens`,
    );
  }
  for (const [name, { shape, data }] of adapter.tensors) {
    const wanted = expected.get(name);
    if (wanted === undefined)
      throw mismatch(`this model has no place for the tensor ${JSON.stringify(name)} of shape [${shape}]`);
    if (!sameShape(shape, wanted))
      throw mismatch(`the tensor "${name}" has shape [${shape}], this model needs [${wanted}]`);
    if (!data.every(Number.isFinite)) {
      throw new LatroError(
        'adapter-damaged',
        `The adapter tensor "${name}" holds values that are not numbers.`,
        'Use an earlier checkpoint.',
      );
    }
  }
  for (const [name, wanted] of expected) {
    if (!adapter.tensors.has(name)) throw mismatch(`it lacks the tensor "${name}" of shape [${wanted}]`);
  }
}

const TokenIds = v.pipe(v.array(v.pipe(v.number(), v.integer(), v.minValue(0))), v.maxLength(10000));
const ConfigSchema = v.looseObject({
  peft_type: v.string(),
  r: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65536)),
  lora_alpha: v.pipe(v.number(), v.finite()),
  lora_dropout: v.nullish(v.pipe(v.number(), v.minValue(0), v.ltValue(1)), 0),
  target_modules: v.union([v.string(), v.pipe(v.array(v.string()), v.minLength(1), v.maxLength(10000))]),
  use_rslora: v.nullish(v.boolean(), false),
  base_model_name_or_path: v.nullish(v.string()),
  exclude_modules: v.nullish(v.union([v.string(), v.array(v.string())])),
  trainable_token_indices: v.nullish(v.union([TokenIds, v.record(v.string(), TokenIds)])),
});

/** Fields that only describe, or that are read above. */
const UNDERSTOOD = new Set([
  'peft_type',
  'r',
  'lora_alpha',
  'lora_dropout',
  'target_modules',
  'use_rslora',
  'base_model_name_or_path',
  'task_type',
  'inference_mode',
  'revision',
  'peft_version',
  // How A and B were drawn before training; the stored tensors are the result.
  'init_lora_weights',
  // Settings of features that have a switch of their own.
  'megatron_core',
  'qalora_group_size',
  'runtime_config',
  'layers_pattern',
  // The stored tensors say which modules it left out.
  'exclude_modules',
  'trainable_token_indices',
  'auto_mapping',
]);

const TENSORS = 'adapter_model.safetensors';
const ADDED_TOKENS = 'added_tokens.json';
const CODES = { missing: 'adapter-damaged', damaged: 'adapter-damaged' } as const;

/**
 * Reads `adapter_config.json` and `adapter_model.safetensors`.
 * Errors: adapter-damaged, adapter-mismatch (a feature that is not plain LoRA), pickle-refused.
 */
export async function loadAdapter(folder: string): Promise<Adapter> {
  const path = join(folder, 'adapter_config.json');
  const json = await readRequiredJson(path, CODES, 'Choose the folder of a PEFT adapter.');
  const pickle = join(folder, 'adapter_model.bin');
  if (!(await exists(join(folder, TENSORS))) && (await exists(pickle))) throw pickleRefused(pickle);
  const file = await SafetensorsFile.open(join(folder, TENSORS), CODES);
  try {
    const { config, tokenIds } = parseAdapterConfig(json, path, file.names);
    const addedTokens = tokenIds === null ? undefined : await readAddedTokens(folder, path, tokenIds);
    const tensors = new Map<string, Tensor>();
    for (const name of file.names) {
      tensors.set(name, { shape: file.info(name).shape, data: await file.readFloat32(name) });
    }
    return { config, ...(addedTokens === undefined ? {} : { addedTokens }), tensors };
  } finally {
    await file.close();
  }
}

/** The texts of the tokens that the config lists by their ids, from `added_tokens.json`. */
async function readAddedTokens(folder: string, configPath: string, ids: readonly number[]): Promise<AddedTokens> {
  const path = join(folder, ADDED_TOKENS);
  const json = parseJson(
    v.record(v.string(), v.number()),
    (await readOptionalJson(path, 'adapter-damaged')) ?? {},
    path,
    'adapter-damaged',
  );
  const texts = new Map(Object.entries(json).map(([text, id]) => [id, text]));
  const [firstId] = ids as readonly [number, ...number[]];
  return {
    firstId,
    texts: ids.map((id, i) => {
      const text = texts.get(id);
      if (text !== undefined && id === firstId + i) return text;
      throw new LatroError(
        'adapter-mismatch',
        `${configPath}: "trainable_token_indices" lists the id ${id}, but only new tokens with ids in a row, named in ${ADDED_TOKENS}, are supported.`,
        'Use an adapter whose trained tokens were added to the vocabulary, or merge it into its model with PEFT.',
      );
    }),
  };
}

interface ParsedConfig {
  readonly config: LoraConfig;
  /** Of trained vocabulary rows; null: none. */
  readonly tokenIds: readonly number[] | null;
}

function parseAdapterConfig(json: unknown, path: string, tensorNames: readonly string[]): ParsedConfig {
  const raw = parseJson(ConfigSchema, json, path, 'adapter-damaged');
  const refuse = (field: string, value: unknown): never => {
    throw new LatroError(
      'adapter-mismatch',
      `${path}: "${field}" is ${JSON.stringify(value)?.slice(0, 80)}, which is not supported; only plain LoRA adapters are.`,
      'Use a LoRA adapter without this feature, or merge it into its model with PEFT.',
    );
  };
  if (raw.peft_type !== 'LORA') refuse('peft_type', raw.peft_type);
  for (const [field, value] of Object.entries(raw)) {
    if (!UNDERSTOOD.has(field) && !isOff(field, value)) refuse(field, value);
  }
  const init = raw.init_lora_weights;
  // PiSSA, OLoRA and CorDA also change the base weights, so their A and B do not belong to the model as published.
  if (typeof init === 'string' && /^(pissa|olora|corda|loftq|lora_ga)/i.test(init)) refuse('init_lora_weights', init);
  const indices = raw.trainable_token_indices ?? [];
  // One list per module, or one for the embedding; the tensors' shapes are checked against it.
  const lists = Array.isArray(indices) ? [indices] : Object.values(indices);
  if (lists.some((list) => String(list) !== String(lists[0]))) refuse('trainable_token_indices', indices);
  return {
    config: {
      rank: raw.r,
      alpha: raw.lora_alpha,
      dropout: raw.lora_dropout,
      targetModules: targets(raw.target_modules, raw.exclude_modules, tensorNames),
      useRslora: raw.use_rslora,
      baseModel: raw.base_model_name_or_path ?? null,
    },
    tokenIds: lists[0] === undefined || lists[0].length === 0 ? null : lists[0],
  };
}

/** A list names modules; a string is a regular expression over them, which the tensors answer without running it. */
function targets(named: string | string[], excluded: unknown, tensorNames: readonly string[]): string[] {
  const isPattern = typeof named === 'string' && named !== 'all-linear';
  const isRestricted = excluded !== null && excluded !== undefined && Object.keys(excluded).length > 0;
  if (!isPattern && !isRestricted) return [named].flat();
  const factors = tensorNames.filter((name) => /\.lora_[AB]\.weight$/.test(name));
  return [...new Set(factors.map((name) => name.replace(/^base_model\.model\.|\.lora_[AB]\.weight$/g, '')))];
}

/** Every feature of PEFT's LoraConfig is off at null, false, {}, [] or, for `bias`, "none". */
function isOff(field: string, value: unknown): boolean {
  if (value === null || value === false) return true;
  if (field === 'bias') return value === 'none';
  return typeof value === 'object' && Object.keys(value).length === 0;
}

/**
 * The files of a folder that PEFT's `PeftModel.from_pretrained` reads, by name. `metadata` goes into the safetensors header. The model
 * of an adapter with added tokens has to be resized to V + N rows before PEFT loads it.
 */
export function adapterFiles(
  adapter: Adapter,
  metadata: Readonly<Record<string, string>> = {},
): Record<string, Iterable<Uint8Array>> {
  const json = (contents: unknown) => [new TextEncoder().encode(`${JSON.stringify(contents, null, 2)}\n`)];
  const named = [...adapter.tensors].map(([name, { shape, data }]) => ({ name, shape, data }));
  const { addedTokens } = adapter;
  return {
    [TENSORS]: serializeSafetensors(named, { format: 'pt', ...metadata }),
    ...(addedTokens === undefined ? {} : { [ADDED_TOKENS]: json(addedTokensJson(addedTokens)) }),
    'adapter_config.json': json(adapterConfigJson(adapter)),
  };
}

/**
 * Writes `adapterFiles`. Each file is whole under its name; a caller that needs the folder as one unit writes into a staging folder and
 * renames it.
 */
export async function saveAdapter(
  folder: string,
  adapter: Adapter,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [name, pieces] of Object.entries(adapterFiles(adapter, metadata))) {
    await writeDurably(join(folder, name), pieces);
  }
}

/** The contents of `adapter_config.json`: the fields PEFT needs. */
function adapterConfigJson({ config, addedTokens, tensors }: Adapter): Record<string, unknown> {
  const { targetModules } = config;
  return {
    base_model_name_or_path: config.baseModel,
    bias: 'none',
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
    lora_alpha: config.alpha,
    lora_dropout: config.dropout,
    modules_to_save: null,
    peft_type: 'LORA',
    r: config.rank,
    target_modules: targetModules.length === 1 && targetModules[0] === 'all-linear' ? 'all-linear' : targetModules,
    task_type: 'CAUSAL_LM',
    trainable_token_indices: addedTokens === undefined ? null : trainableTokenIndices(addedTokens, tensors),
    use_dora: false,
    use_rslora: config.useRslora,
  };
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
