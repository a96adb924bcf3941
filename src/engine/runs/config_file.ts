/** Reads a `latro.json`. */
import { basename, dirname, resolve } from 'node:path';
import type { DatasetFormat } from '../../protocol/run_config_fields.ts';
import { LatroError } from '../common/errors.ts';
import { type FileSystem, isMissing } from '../common/file_system.ts';
import { invalid } from './config_issue.ts';
import { type ResolvedConfig, resolveConfigPaths, resolveRunConfig } from './resolve_config.ts';

/**
 * The configuration in a file, its paths taken relative to the file's folder.
 * @throws LatroError `config-invalid`
 */
export async function readRunConfig(
  files: FileSystem,
  path: string,
  detectedFormat?: DatasetFormat,
): Promise<ResolvedConfig> {
  const name = basename(path);
  const { config, explanations } = resolveRunConfig(await readConfigJson(files, path), name, detectedFormat);
  return { config: resolveConfigPaths(config, dirname(resolve(path))), explanations };
}

/** The parsed content of a `latro.json`. @throws LatroError `config-invalid` when it is missing or not JSON */
export async function readConfigJson(files: FileSystem, path: string): Promise<unknown> {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { ignoreBOM: false }).decode(await files.read(path));
  } catch (error) {
    if (isMissing(error))
      throw new LatroError('config-invalid', `There is no configuration file ${path}.`, 'Check the path.');
    throw error;
  }
  return parseConfigJson(text, basename(path));
}

/** @param name how to call it in messages. @throws LatroError `config-invalid` when it is not JSON */
export function parseConfigJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw invalid(`${name} is not valid JSON: ${(error as Error).message}.`, 'Correct it; VS Code marks the place.');
  }
}
