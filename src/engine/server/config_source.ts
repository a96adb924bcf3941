/** The configuration a client asks a run for: a `latro.json` or its contents, with what the client changes in it. */
import { basename, dirname, resolve } from 'node:path';
import type { RequestParams } from '../../protocol/engine_rpc.ts';
import type { RunConfig } from '../../protocol/run_config.ts';
import type { FileSystem } from '../common/file_system.ts';
import { isRecord } from '../datasets/fields.ts';
import { readConfigJson } from '../runs/config_file.ts';
import { resolveConfigPaths, resolveRunConfig } from '../runs/resolve_config.ts';
import { readRows } from '../training/run_setup.ts';

/**
 * Paths are absolute. A dataset of format 'auto' is looked at, because the presets differ from one dataset to another.
 * @throws LatroError `config-invalid` naming the setting, or what is wrong with the dataset
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
  if (config.dataset.format !== 'auto') return config;
  const { format } = await readRows(config.dataset.train, config, files);
  return resolveConfigPaths(resolveRunConfig(json, name, format.id).config, folder);
}

/** Objects member by member; anything else is replaced. */
function mergeJson(base: unknown, changes: unknown): unknown {
  if (!isRecord(base) || !isRecord(changes)) return changes;
  const changed = Object.entries(changes).map(([key, value]) => [
    key,
    Object.hasOwn(base, key) ? mergeJson(base[key], value) : value,
  ]);
  return { ...base, ...Object.fromEntries(changed) };
}
