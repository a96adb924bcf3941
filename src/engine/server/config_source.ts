/** The configuration a client asks a run for: a `latro.json` or its contents, with what the client changes in it. */
import { basename, dirname, resolve } from 'node:path';
import type { RequestParams } from '../../protocol/engine_rpc.ts';
import type { RunConfig } from '../../protocol/run_config.ts';
import type { FileSystem } from '../common/file_system.ts';
import { isRecord } from '../datasets/fields.ts';
import { readModelConfig } from '../model/config.ts';
import { readConfigJson } from '../runs/config_file.ts';
import { resolveConfigPaths, resolveRunConfig } from '../runs/resolve_config.ts';
import { readRows } from '../training/run_setup.ts';

/**
 * Paths are absolute. A dataset of format 'auto' is looked at, because the presets differ from one dataset to another, and so is the
 * model, which may have room for fewer tokens than the preset's rationales.
 * @throws LatroError `config-invalid` naming the setting, or what is wrong with model or dataset
 */
export async function openConfig(
  files: FileSystem,
  { source, overrides }: Pick<RequestParams<'train'>, 'source' | 'overrides'>,
): Promise<RunConfig> {
  const isFile = source.kind === 'file';
  const name = isFile ? basename(source.path) : 'the configuration';
  const folder = isFile ? dirname(resolve(source.path)) : source.baseDirectory;
  const json = mergeJson(isFile ? await readConfigJson(files, source.path) : source.config, overrides);
  const config = resolveConfigPaths(resolveRunConfig(json, name).config, folder);
  const { dataset } = config;
  const format = dataset.format === 'auto' ? (await readRows(dataset.train, config, files)).format.id : dataset.format;
  const fitting = mergeJson(await lengthsThatFit(config), json);
  return resolveConfigPaths(resolveRunConfig(fitting, name, format).config, folder);
}

/** The preset's settings for questions of this format, for a model without a run. */
export async function presetConfig(model: string, format: RunConfig['dataset']['format']): Promise<RunConfig> {
  const json = { model, dataset: { train: 'questions' } };
  const { config } = resolveRunConfig(json, 'the preset', format);
  return resolveRunConfig(mergeJson(await lengthsThatFit(config), json), 'the preset', format).config;
}

/** Lengths that nobody chose are at most half of the model's positions; the other half is left to question and answer. */
async function lengthsThatFit({ model, sampling, evaluation }: RunConfig) {
  const most = Math.floor((await readModelConfig(model)).maxPositions / 2);
  return {
    sampling: {
      minRationaleTokens: Math.min(sampling.minRationaleTokens, most),
      maxRationaleTokens: Math.min(sampling.maxRationaleTokens, most),
    },
    evaluation: { maxTokens: Math.min(evaluation.maxTokens, most) },
  };
}

/** Objects member by member; anything else is replaced. */
function mergeJson(base: unknown, changes: unknown): unknown {
  if (!isRecord(base) || !isRecord(changes)) return changes;
  const changed = Object.entries(changes).map(([key, value]) => {
    const known = Object.hasOwn(base, key) ? base[key] : undefined;
    return [key, key === 'trainable' && isOtherKind(known, value) ? value : mergeJson(known, value)];
  });
  return { ...base, ...Object.fromEntries(changed) };
}

/** What is trained is a variant: another kind has other members. */
function isOtherKind(base: unknown, changes: unknown): boolean {
  return isRecord(base) && isRecord(changes) && changes.kind !== undefined && changes.kind !== base.kind;
}
