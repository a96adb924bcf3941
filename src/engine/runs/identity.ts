/**
 * What must be equal for a resumed run to be the run it resumes. A difference that changes results refuses, naming the field and both
 * values; one that only changes rounding warns that the resume is not bit-exact; unknown is never a difference.
 */
import { createHash } from 'node:crypto';
import { arch, cpus, platform } from 'node:os';
import { join } from 'node:path';
import type { RunConfig } from '../../protocol/run_config.ts';
import type { RunIdentity } from '../../protocol/run_record.ts';
import { LatroError } from '../common/errors.ts';
import { type FileSystem, isMissing } from '../common/file_system.ts';
import { sha256OfFile } from './checkpoint.ts';
import { settingName } from './config_issue.ts';

/** What only the caller knows. */
export type Environment = Pick<
  RunIdentity,
  'device' | 'precision' | 'threads' | 'packageVersion' | 'onnxruntimeVersion'
>;

/** Hashes what the run reads; of people's ratings the caller says what it has read. `config` has absolute paths. */
export async function gatherIdentity(
  files: FileSystem,
  config: RunConfig,
  environment: Environment,
  ratingsSha256: string | null = null,
): Promise<RunIdentity> {
  const { model, adapter, dataset } = config;
  const hash = (path: string | undefined) => (path === undefined ? null : sha256OrNull(files, path));
  return {
    modelConfigSha256: await hash(join(model, 'config.json')),
    modelWeightsSha256: await hashTogether(files, await weightFiles(files, model)),
    tokenizerSha256: await hash(join(model, 'tokenizer.json')),
    adapterSha256: adapter === undefined ? null : await hash(join(adapter, 'adapter_model.safetensors')),
    trainSha256: await hash(dataset.train),
    validationSha256: await hash(dataset.validation),
    testSha256: await hash(dataset.test),
    ratingsSha256,
    processor: cpus()[0]?.model ?? null,
    platform: `${platform()}-${arch()}`,
    nodeVersion: process.version,
    ...environment,
  };
}

/** Only rounding depends on these: with another value a resume continues the run, but not bit by bit. */
const ROUNDING_FIELDS: readonly (keyof RunIdentity)[] = [
  'device',
  'precision',
  'threads',
  'processor',
  'platform',
  'packageVersion',
  'nodeVersion',
  'onnxruntimeVersion',
];
const ROUNDING_SETTINGS = ['tokenBudget', 'recompute', 'device', 'precision', 'threads'];

/** Settings that change nothing of what training computes. */
const FREE_SETTINGS = ['outputDirectory', 'evaluation', 'checkpoints', 'health'];

/** Files and folders: the content counts (as a hash above) and not the place, but whether there is one does. */
const PATH_SETTINGS = ['model', 'adapter', 'dataset.train', 'dataset.validation', 'dataset.test'];

export interface Resumable {
  readonly config: RunConfig;
  readonly identity: RunIdentity;
}

/** A value that only rounding depends on, in words: of a setting that is absent "not set". */
export interface RoundingDifference {
  readonly field: string;
  readonly before: string;
  readonly now: string;
}

/**
 * @returns differences that make the resume not bit-exact
 * @throws LatroError `run-identity` naming the first field that differs otherwise, and both values
 */
export function compareIdentity(saved: Resumable, current: Resumable): RoundingDifference[] {
  const differences: RoundingDifference[] = [];
  const note = (field: string, before: unknown, now: unknown) =>
    differences.push({ field, before: show(before), now: show(now) });
  for (const field of Object.keys(saved.identity) as (keyof RunIdentity)[]) {
    const [before, now] = [saved.identity[field], current.identity[field]];
    if (before === null || now === null || before === now) continue;
    if (!ROUNDING_FIELDS.includes(field)) throw differs(field, before, now);
    note(field, before, now);
  }
  const settingsNow = new Map(flatten(current.config));
  const settingsBefore = new Map(flatten(saved.config));
  for (const name of new Set([...settingsBefore.keys(), ...settingsNow.keys()])) {
    const [before, now] = [settingsBefore.get(name), settingsNow.get(name)];
    if (before === now || isUnder(name, FREE_SETTINGS)) continue;
    if (PATH_SETTINGS.includes(name) && before !== undefined && now !== undefined) continue;
    if (!isUnder(name, ROUNDING_SETTINGS)) throw differs(name, before, now);
    note(name, before, now);
  }
  return differences;
}

function differs(field: string, before: unknown, now: unknown): LatroError {
  return new LatroError(
    'run-identity',
    `The run was made with ${field} = ${show(before)}, and now it is ${show(now)}.`,
    field === 'ratingsSha256'
      ? 'Take back the ratings given since then to resume, or start a new run, which uses them.'
      : 'Restore the old value to resume, or start a new run.',
  );
}

export const notBitExact = ({ field, before, now }: RoundingDifference): string =>
  `Not bit-exact: ${field} was ${before} and is ${now}.`;

const show = (value: unknown) => (value === undefined ? 'not set' : String(value));
const isUnder = (name: string, roots: readonly string[]) =>
  roots.some((root) => name === root || name.startsWith(`${root}.`));

/** Leaves of the config by dotted name, as JSON text. */
function flatten(node: unknown, path: readonly string[] = []): [string, string][] {
  if (typeof node !== 'object' || node === null || Array.isArray(node))
    return [[settingName(path), JSON.stringify(node)]];
  return Object.entries(node).flatMap(([key, child]) => (child === undefined ? [] : flatten(child, [...path, key])));
}

/** The safetensors files transformers would read; none when the folder has another layout. */
async function weightFiles(files: FileSystem, model: string): Promise<string[]> {
  const single = join(model, 'model.safetensors');
  if ((await files.status(single)) !== null) return [single];
  try {
    const index = JSON.parse(
      new TextDecoder().decode(await files.read(join(model, 'model.safetensors.index.json'))),
    ) as {
      weight_map?: Record<string, string>;
    };
    return [...new Set(Object.values(index.weight_map ?? {}))].sort().map((name) => join(model, name));
  } catch {
    // Loading the model says what is wrong with it.
    return [];
  }
}

async function hashTogether(files: FileSystem, paths: readonly string[]): Promise<string | null> {
  const hashes = await Promise.all(paths.map((path) => sha256OrNull(files, path)));
  if (hashes.length === 0 || hashes.includes(null)) return null;
  return hashes.length === 1 ? (hashes[0] ?? null) : createHash('sha256').update(hashes.join('\n')).digest('hex');
}

async function sha256OrNull(files: FileSystem, path: string): Promise<string | null> {
  try {
    return await sha256OfFile(files, path);
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}
