/** `latro.json` → the configuration a run is made of: validated, defaults filled in from the preset, every value accounted for. */
import { isAbsolute, resolve } from 'node:path';
import * as v from 'valibot';
import { type RunConfig, RunConfigInput, RunConfig as RunConfigSchema } from '../../protocol/run_config.ts';
import type { DatasetFormat, PresetName } from '../../protocol/run_config_fields.ts';
import {
  LEARNING_RATE,
  PRESET_LORA,
  PRESET_SECTIONS,
  PRESET_TOP,
  PRESET_TRAINABLE,
  type PresetRow,
  presetValue,
} from '../../protocol/run_presets.ts';
import { checkStagesAlone, checkStrategies } from './check_strategies.ts';
import { configError, invalid } from './config_issue.ts';

/** Where the value of one setting came from. */
export interface SettingOrigin {
  /** Dotted name: `sampling.temperature`. */
  readonly path: string;
  readonly value: unknown;
  readonly origin: 'config' | PresetName;
  /** Paper, code or reason behind a preset's value; empty for the person's own. */
  readonly source: string;
}

export interface ResolvedConfig {
  readonly config: RunConfig;
  readonly explanations: readonly SettingOrigin[];
}

/**
 * @param json the parsed file
 * @param source how to call it in messages, such as `latro.json`
 * @param detectedFormat what the dataset turned out to be when its format is `auto`: β and epochs of the presets depend on it
 * @throws LatroError `config-invalid` naming the setting
 */
export function resolveRunConfig(json: unknown, source: string, detectedFormat?: DatasetFormat): ResolvedConfig {
  refuseLists(json, source);
  const parsed = v.safeParse(RunConfigInput, json);
  if (!parsed.success) throw configError(parsed.issues, source, RunConfigInput);
  const input = parsed.output;
  const preset = input.preset ?? 'latro-corrected';
  const format = input.dataset.format ?? 'auto';
  const fill = new Filler(preset, (format === 'auto' ? detectedFormat : format) === 'arc-challenge');

  const { train, validation, test, rows, mapping, ...datasetSettings } = input.dataset;
  const { prompt, ...templates } = input.templates ?? {};
  const trainable = fillTrainable(fill, input.trainable);
  const rate = LEARNING_RATE[trainable.kind];
  // Steps and epochs both say how long the run is: giving one switches the preset's other off.
  const stages = input.stages ?? [];
  checkStagesAlone(input, source);
  const chained = stages.length === 0 ? undefined : stages.reduce((steps, stage) => steps + stage.steps, 0);
  const length = { steps: chained ?? input.steps, epochs: input.epochs };
  if (length.steps != null && length.epochs === undefined) length.epochs = null;

  const config: RunConfig = v.parse(RunConfigSchema, {
    method: stages[0]?.method ?? input.method ?? 'latro',
    preset,
    model: input.model,
    ...present({ adapter: input.adapter }),
    dataset: {
      ...fill.section('dataset', PRESET_SECTIONS.dataset, datasetSettings),
      ...present({ train, validation, test, rows, mapping }),
    },
    templates: { ...fill.section('templates', PRESET_SECTIONS.templates, templates), ...present({ prompt }) },
    trainable,
    sampling: fill.section('sampling', PRESET_SECTIONS.sampling, input.sampling),
    reward: fill.section('reward', PRESET_SECTIONS.reward, input.reward),
    sft: fill.section('sft', PRESET_SECTIONS.sft, input.sft),
    strategies: fill.section('strategies', PRESET_SECTIONS.strategies, input.strategies),
    ssft: fill.section('ssft', PRESET_SECTIONS.ssft, input.ssft),
    gfpo: fill.section('gfpo', PRESET_SECTIONS.gfpo, input.gfpo),
    stages,
    ratings: fill.section('ratings', PRESET_SECTIONS.ratings, input.ratings),
    optimizer: {
      ...fill.section('optimizer', PRESET_SECTIONS.optimizer, withoutKey(input.optimizer, 'learningRate')),
      learningRate: fill.value('optimizer.learningRate', input.optimizer?.learningRate, rate.value, rate.source),
    },
    evaluation: fill.section('evaluation', PRESET_SECTIONS.evaluation, input.evaluation),
    checkpoints: fill.section('checkpoints', PRESET_SECTIONS.checkpoints, input.checkpoints),
    health: fill.section('health', PRESET_SECTIONS.health, input.health),
    ...fill.section('', PRESET_TOP, { ...input, ...length }),
  });
  checkTogether(config, source);
  return { config, explanations: fill.explanations };
}

/** File and folder settings made absolute against the folder `latro.json` lies in. */
export function resolveConfigPaths(config: RunConfig, folder: string): RunConfig {
  const absolute = (path: string) => (isAbsolute(path) ? path : resolve(folder, path));
  const { adapter, dataset } = config;
  return {
    ...config,
    model: absolute(config.model),
    ...(adapter === undefined ? {} : { adapter: absolute(adapter) }),
    dataset: {
      ...dataset,
      train: absolute(dataset.train),
      ...(dataset.validation === undefined ? {} : { validation: absolute(dataset.validation) }),
      ...(dataset.test === undefined ? {} : { test: absolute(dataset.test) }),
    },
    outputDirectory: absolute(config.outputDirectory),
  };
}

/** Fills settings from the preset and writes down where each one came from. */
class Filler {
  readonly explanations: SettingOrigin[] = [];
  readonly preset: PresetName;
  readonly #arcChallenge: boolean;

  constructor(preset: PresetName, arcChallenge: boolean) {
    this.preset = preset;
    this.#arcChallenge = arcChallenge;
  }

  value<T>(path: string, given: T | undefined, fallback: T, source: string): T {
    const value = given === undefined ? fallback : given;
    const origin = given === undefined ? this.preset : 'config';
    this.explanations.push({ path, value, origin, source: given === undefined ? source : '' });
    return value;
  }

  section(
    prefix: string,
    rows: Readonly<Record<string, PresetRow<unknown>>>,
    given: object | undefined,
  ): Record<string, unknown> {
    const values = (given ?? {}) as Record<string, unknown>;
    const filled: Record<string, unknown> = {};
    for (const [key, row] of Object.entries(rows)) {
      const path = prefix === '' ? key : `${prefix}.${key}`;
      filled[key] = this.value(path, values[key], presetValue(this.preset, row, this.#arcChallenge), row.source);
    }
    return filled;
  }
}

function fillTrainable(fill: Filler, given: RunConfigInput['trainable']): RunConfig['trainable'] {
  const kind = fill.value(
    'trainable.kind',
    given?.kind,
    presetValue(fill.preset, PRESET_TRAINABLE, false),
    PRESET_TRAINABLE.source,
  );
  if (kind === 'full') return { kind };
  return { kind, ...fill.section('trainable', PRESET_LORA, given) } as RunConfig['trainable'];
}

/** A list in place of a section would pass the schema when empty. */
function refuseLists(json: unknown, source: string): void {
  if (Array.isArray(json))
    throw invalid(`${source}: the configuration is a list.`, 'Write a JSON object: { "model": … }.');
  for (const [key, value] of Object.entries(json ?? {})) {
    if (Array.isArray(value) && key !== 'stages')
      throw invalid(`${source}: "${key}" is a list, which no setting at this level is.`, 'Correct it.');
  }
}

/** What no single field can say. */
function checkTogether(config: RunConfig, source: string): void {
  const { steps, epochs, sampling, reward, dataset } = config;
  if (steps !== null && epochs !== null) {
    throw invalid(`${source}: both "steps" and "epochs" are given.`, 'Keep one of them.');
  }
  if (steps === null && epochs === null) {
    throw invalid(
      `${source}: "steps" and "epochs" are both null, so the run would have no length.`,
      'Give one of them.',
    );
  }
  if (sampling.minRationaleTokens > sampling.maxRationaleTokens) {
    throw invalid(
      `${source}: "sampling.minRationaleTokens" is ${sampling.minRationaleTokens}, more than "sampling.maxRationaleTokens" (${sampling.maxRationaleTokens}).`,
      'No rationale could ever finish: lower the first or raise the second.',
    );
  }
  if (reward.spreadWeights && reward.kind !== 'log-probability') {
    throw invalid(
      `${source}: "reward.spreadWeights" weights token log-probabilities, but "reward.kind" is "${reward.kind}".`,
      'Set "reward.kind" to "log-probability" or "reward.spreadWeights" to false.',
    );
  }
  if (dataset.format === 'columns' && dataset.mapping === undefined) {
    throw invalid(
      `${source}: "dataset.format" is "columns" but "dataset.mapping" is missing.`,
      'Say which column holds the question and which the answer.',
    );
  }
  checkStrategies(config, source);
  checkNoOverlap(config, source);
}

/** A row that is in two parts of the data would make the evaluation of one a memory test of the other. */
function checkNoOverlap({ dataset }: RunConfig, source: string): void {
  const parts = (['train', 'validation', 'test'] as const).flatMap((part) => {
    const file = dataset[part];
    return file === undefined ? [] : [{ part, file, slice: rowRange(dataset.rows?.[part]) }];
  });
  for (const [i, a] of parts.entries()) {
    if (a.slice.start >= a.slice.end) {
      throw invalid(
        `${source}: "dataset.rows.${a.part}" is "${dataset.rows?.[a.part]}", which holds no row.`,
        'Give a start below the end.',
      );
    }
    for (const b of parts.slice(i + 1)) {
      const overlap = Math.max(a.slice.start, b.slice.start) < Math.min(a.slice.end, b.slice.end);
      if (a.file === b.file && overlap) {
        throw invalid(
          `${source}: "dataset.${a.part}" and "dataset.${b.part}" use the same rows of ${a.file}.`,
          `Give them different files or "dataset.rows" that do not overlap, such as "0:480" and "480:".`,
        );
      }
    }
  }
}

/** `"10:20"` → rows 10 ≤ i < 20; a side left out is open. */
export function rowRange(slice: string | undefined): { start: number; end: number } {
  const [start, end] = (slice ?? ':').split(':');
  return { start: Number(start || 0), end: end ? Number(end) : Number.POSITIVE_INFINITY };
}

function present<T extends object>(object: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

function withoutKey<T extends object>(object: T | undefined, key: keyof T): Partial<T> {
  const { [key]: _, ...rest } = object ?? ({} as T);
  return rest as Partial<T>;
}
