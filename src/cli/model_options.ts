/** The options that say which model computes, where, and on which rows; shared by `eval`, `sample` and `score`. */
import { dirname, resolve } from 'node:path';
import { gigabytes, memoryText, requireMemory } from '../engine/model/memory_estimate.ts';
import { readRunConfig } from '../engine/runs/config_file.ts';
import { resolveRunConfig } from '../engine/runs/resolve_config.ts';
import { choosePrecision } from '../engine/training/choose_precision.ts';
import { memoryNeed, Policy, type PolicyRequest } from '../engine/training/policy.ts';
import { fallBackLines } from '../engine/training/run_notes.ts';
import type { RunConfig } from '../protocol/run_config.ts';
import { DatasetFormat, evaluation, top } from '../protocol/run_config_fields.ts';
import { type Arguments, badRequest } from './arguments.ts';
import type { CommandContext } from './command.ts';
import type { OptionSpec } from './command_spec.ts';
import type { Terminal } from './terminal.ts';

export const DEVICES: readonly RunConfig['device'][] = top.device.options;
export const PRECISIONS: readonly RunConfig['precision'][] = top.precision.options;
export const FORMATS: readonly DatasetFormat[] = DatasetFormat.options;
const EXTRACTORS: readonly RunConfig['evaluation']['extractor'][] = evaluation.extractor.options;
export const LARGEST_SEED = 2 ** 32 - 1;

export const COMPUTE_OPTIONS = {
  device: { value: 'NAME', help: `Where the model computes: ${DEVICES.join(', ')} (default auto).` },
  precision: {
    value: 'NAME',
    help: `What frozen weights are held in: ${PRECISIONS.join(', ')} (default auto).`,
  },
  threads: { value: 'N', help: 'CPU threads; 0 (the default): one per core.' },
} satisfies Record<string, OptionSpec>;

export const MODEL_OPTIONS = {
  model: { value: 'DIR', help: 'Hugging Face model folder: config.json, model.safetensors, tokenizer.json.' },
  adapter: { value: 'DIR', help: 'PEFT adapter folder on top of it.' },
  ...COMPUTE_OPTIONS,
} satisfies Record<string, OptionSpec>;

export const TASK_OPTIONS = {
  format: { value: 'NAME', help: `Layout of the rows: ${FORMATS.join(', ')} (default auto).` },
  extractor: {
    value: 'NAME',
    help: "How answers are found and judged: corrected (the default), or reference, LaTRO's code with its faults.",
  },
  config: { value: 'FILE', help: 'A latro.json whose templates, column mapping and stop phrases hold here too.' },
} satisfies Record<string, OptionSpec>;

export type ComputeSettings = Partial<Pick<RunConfig, 'device' | 'precision' | 'threads'>>;

/** Only what was given. */
export function computeSettings(args: Arguments): ComputeSettings {
  const device = args.choice('device', DEVICES);
  const threads = args.whole('threads', { least: 0, most: 1024 });
  const precision = args.choice('precision', PRECISIONS);
  return {
    ...(device === undefined ? {} : { device }),
    ...(precision === undefined ? {} : { precision }),
    ...(threads === undefined ? {} : { threads }),
  };
}

/** Opens the model that --model and --adapter name, to compute with, not to train. */
export async function openModel(
  args: Arguments,
  { cwd, devices, terminal }: CommandContext,
  memory: { readonly rows: number; readonly sequenceLength: number },
): Promise<Policy> {
  const { device: place = 'auto', precision: asked = 'auto', threads = 0 } = computeSettings(args);
  const adapter = args.text('adapter');
  const model = resolve(cwd, args.required('model'));
  const device = await devices.choose(place);
  const precision = await choosePrecision(devices, device, { asked, trains: 'nothing', model });
  const request: PolicyRequest = {
    model,
    adapter: adapter === undefined ? null : resolve(cwd, adapter),
    mode: { kind: 'frozen' },
    programs: { device, precision, threads },
    ...memory,
    tokenBudget: 0,
  };
  await noteMemory(request, terminal);
  return Policy.open(request);
}

/** Says what the model will take before it is loaded. @throws LatroError `model-too-large` when so much is not there */
export async function noteMemory(request: PolicyRequest, terminal: Terminal): Promise<void> {
  const { estimate, available } = await memoryNeed(request);
  requireMemory(request.model, estimate, available);
  terminal.note(`Takes ${memoryText(estimate)}; ${gigabytes(available)} are free.`);
  if (estimate.total > available)
    terminal.note('Memory may not suffice for long sequences: a smaller tokenBudget, or fewer tokens, takes less.');
}

/** What the device left to the CPU: said once, when everything has run. */
export async function noteFallBack({ model }: Policy, terminal: Terminal): Promise<void> {
  for (const line of fallBackLines(await model.programs.placements())) terminal.note(terminal.style('yellow', line));
}

/** How questions are put and judged: as --config says, else by the defaults. */
export async function taskConfig(args: Arguments, { cwd, world }: CommandContext): Promise<RunConfig> {
  const path = args.text('config');
  const { config: given } =
    path === undefined
      ? resolveRunConfig({ model: '.', dataset: { train: '.' } }, 'the defaults')
      : await readRunConfig(world.files, resolve(cwd, path));
  const extractor = args.choice('extractor', EXTRACTORS) ?? given.evaluation.extractor;
  const config = { ...given, evaluation: { ...given.evaluation, extractor } };
  const format = args.choice('format', FORMATS);
  if (format === undefined) return config;
  const { mapping, ...dataset } = config.dataset;
  return { ...config, dataset: { ...dataset, format, ...(format === 'columns' && mapping ? { mapping } : {}) } };
}

/** A file that is written at the end of long work: better refused before. */
export async function requireWritable(path: string, { world }: CommandContext): Promise<void> {
  if ((await world.files.status(dirname(path)))?.kind !== 'directory')
    throw badRequest(`There is no folder ${dirname(path)} to write ${path} into.`, 'Make it, or choose another place.');
  if ((await world.files.status(path))?.kind === 'directory')
    throw badRequest(`${path} is a folder.`, 'Give the path of a file.');
}
