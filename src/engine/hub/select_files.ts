/** Which files of a repository are needed, and which repositories are refused before anything large is transferred. */
import * as v from 'valibot';
import { LatroError } from '../common/errors.ts';
import { describeSource, type HubSource, quote } from './hub_source.ts';
import type { RepositoryFile } from './repository.ts';
import { findCollision, isSafePath } from './safe_path.ts';

const WEIGHTS = 'model.safetensors';
const SHARD_INDEX = 'model.safetensors.index.json';

const TEXTS = /^(readme|licen[cs]e|notice)(\.(md|txt))?$/i;
const MODEL_FILES = /^((config|generation_config|special_tokens_map|tokenizer[\w.-]*)\.json|chat_template\.jinja)$/;
const ROWS = /\.(jsonl|ndjson|json|parquet)$/i;
// Describe a dataset and hold none of its rows.
const DATASET_CARDS = /(^|\/)dataset_infos?\.json$/;
const PICKLES = /\.(bin|pt|pth|ckpt|pkl|pickle)$/i;

export interface Selection {
  readonly files: readonly RepositoryFile[];
  /** Of a model in shards: must be read to know the rest. */
  readonly shardIndex: RepositoryFile | null;
}

/**
 * Models: config, tokenizer, chat template, license and the safetensors weights, from the top folder. Datasets: JSON Lines, JSON
 * and Parquet from every folder.
 * @throws LatroError `pickle-refused`, `model-unsupported`, `dataset-format`; `download-failed` for a hostile file name
 */
export function selectFiles(source: HubSource, repository: readonly RepositoryFile[]): Selection {
  return source.kind === 'dataset' ? selectDataset(source, repository) : selectModel(source, repository);
}

function selectModel(source: HubSource, repository: readonly RepositoryFile[]): Selection {
  const find = (name: string) => repository.find(({ path }) => path === name);
  const weights = find(WEIGHTS);
  const index = weights === undefined ? find(SHARD_INDEX) : undefined;
  if (weights === undefined && index === undefined) {
    refusePickle(source, repository);
    throw unsupported(source, `neither ${WEIGHTS} nor ${SHARD_INDEX}`);
  }
  for (const name of ['config.json', 'tokenizer.json']) {
    if (find(name) === undefined) throw unsupported(source, `no ${name}`);
  }
  const files = repository.filter(({ path }) => MODEL_FILES.test(path) || TEXTS.test(path));
  files.push(...(weights === undefined ? [] : [weights]), ...(index === undefined ? [] : [index]));
  refuseHostileNames(source, files);
  return { files, shardIndex: index ?? null };
}

function selectDataset(source: HubSource, repository: readonly RepositoryFile[]): Selection {
  const isHidden = (path: string) => /(^|\/)\.[^./]/.test(path);
  const rows = repository.filter(({ path }) => ROWS.test(path) && !DATASET_CARDS.test(path) && !isHidden(path));
  if (rows.length === 0) {
    refusePickle(source, repository);
    throw new LatroError(
      'dataset-format',
      `${describeSource(source)} has no JSON Lines, JSON or Parquet file.`,
      `Many datasets have been converted: try datasets/${source.name}@refs/convert/parquet.`,
    );
  }
  const files = [...repository.filter(({ path }) => TEXTS.test(path)), ...rows];
  refuseHostileNames(source, files);
  return { files, shardIndex: null };
}

const ShardIndex = v.object({ weight_map: v.record(v.string(), v.string()) });

/**
 * The shards that an index (`weight_map`: parameter → file) names.
 * @throws LatroError `model-damaged` when it is no index or names something else than a safetensors file beside it
 */
export function shardsOf(source: HubSource, index: string, repository: readonly RepositoryFile[]): RepositoryFile[] {
  const where = `${SHARD_INDEX} of ${describeSource(source)}`;
  const nextStep = 'Choose another revision, or tell its owner.';
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), ShardIndex), index);
  if (!parsed.success) throw new LatroError('model-damaged', `${where} is not an index of shards.`, nextStep);
  const shards = [...new Set(Object.values(parsed.output.weight_map))].sort().map((name) => {
    const file = /^[\w-][\w.-]*\.safetensors$/.test(name) ? repository.find(({ path }) => path === name) : undefined;
    if (file !== undefined) return file;
    throw new LatroError('model-damaged', `${where} names ${quote(name)}, which the repository has not.`, nextStep);
  });
  refuseHostileNames(source, shards);
  return shards;
}

function refusePickle(source: HubSource, repository: readonly RepositoryFile[]): void {
  const pickle = repository.find(({ path }) => PICKLES.test(path));
  if (pickle === undefined) return;
  throw new LatroError(
    'pickle-refused',
    `${describeSource(source)} comes as Python pickles only (${quote(pickle.path)}), which can run any code when they are loaded.`,
    source.kind === 'model'
      ? `Use a version with ${WEIGHTS}; many repositories have one as a pull request, for example @refs/pr/1.`
      : 'Use a version with JSON Lines or Parquet files.',
  );
}

function refuseHostileNames(source: HubSource, files: readonly RepositoryFile[]): void {
  const nextStep = 'Do not use this repository unless you trust its owner; ask them to rename the file.';
  const unsafe = files.find(({ path }) => !isSafePath(path));
  if (unsafe !== undefined) {
    throw new LatroError(
      'download-failed',
      `${describeSource(source)} has a file that may not be written: ${quote(unsafe.path)}.`,
      nextStep,
    );
  }
  const collision = findCollision(files.map(({ path }) => path));
  if (collision !== null) {
    throw new LatroError(
      'download-failed',
      `${describeSource(source)} has two files that may be taken for the same: ${collision.map(quote).join(' and ')}.`,
      nextStep,
    );
  }
}

function unsupported(source: HubSource, what: string): LatroError {
  return new LatroError(
    'model-unsupported',
    `${describeSource(source)} has ${what}.`,
    'Choose a Hugging Face model with config.json, tokenizer.json and safetensors weights.',
  );
}
