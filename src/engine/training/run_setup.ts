/** From a resolved configuration to everything a run needs, read and checked before anything is written. */
import type { RunConfig } from '../../protocol/run_config.ts';
import { LatroError } from '../common/errors.ts';
import type { FileSystem } from '../common/file_system.ts';
import type { Dataset } from '../datasets/dataset.ts';
import type { DatasetFormat } from '../datasets/format.ts';
import { readDataset, requireSoundRows } from '../datasets/read_dataset.ts';
import type { AnswerKind, DatasetRow } from '../datasets/row.ts';
import { sliceRows, splitHoldOut } from '../datasets/select_rows.ts';
import { configureTemplate, paperTemplate } from '../datasets/template.ts';
import { DECODE_ROWS } from '../model/generate.ts';
import type { ComputePlace } from './environment.ts';
import { Policy, type PolicyMode, type PolicyRequest } from './policy.ts';
import { QuestionTask } from './question_task.ts';

export interface RunQuestions {
  readonly train: readonly DatasetRow[];
  /** Chooses the best checkpoint; empty when nothing was held out. */
  readonly validation: readonly DatasetRow[];
  /** Looked at before and after the run only. */
  readonly test: readonly DatasetRow[];
  /** Of the training file: what the prompt, the answer and its extraction depend on. */
  readonly format: DatasetFormat;
  readonly answerKind: AnswerKind;
}

export interface RunSetup {
  readonly policy: Policy;
  readonly task: QuestionTask;
  readonly questions: RunQuestions;
}

/** @throws LatroError naming the file and line, or the tensor, that is at fault */
export async function setUpRun(
  config: RunConfig,
  place: ComputePlace,
  files: FileSystem,
  now: Date,
): Promise<RunSetup> {
  const questions = await readQuestions(config, files);
  const policy = await Policy.open(policyRequest(config, place));
  try {
    const task = questionTask(policy, config, questions, now);
    const { sampling, evaluation } = config;
    for (const row of questions.train) task.encoder.check(row, sampling.maxRationaleTokens);
    for (const row of [...questions.validation, ...questions.test]) task.encoder.check(row, evaluation.maxTokens);
    return { policy, task, questions };
  } catch (error) {
    await policy.dispose();
    throw error;
  }
}

export function policyRequest(config: RunConfig, { device, precision }: ComputePlace): PolicyRequest {
  return {
    model: config.model,
    adapter: config.adapter ?? null,
    mode: policyMode(config),
    ...(config.strategies.count === 0 ? {} : { strategies: { ...config.strategies, seed: config.seed } }),
    programs: { device, precision, threads: config.threads, recompute: config.recompute },
    rows: DECODE_ROWS,
    sequenceLength: Math.max(config.sampling.maxRationaleTokens, config.evaluation.maxTokens) + 128,
    tokenBudget: config.tokenBudget,
  };
}

export function questionTask(
  policy: Policy,
  { preset, templates, sampling, evaluation }: Pick<RunConfig, 'preset' | 'templates' | 'sampling' | 'evaluation'>,
  { format, answerKind }: Pick<RunQuestions, 'format' | 'answerKind'>,
  now: Date,
): QuestionTask {
  return new QuestionTask(
    policy,
    configureTemplate(preset === 'latro-paper' ? paperTemplate(format.template) : format.template, templates),
    answerKind,
    templates.style,
    sampling.stopPhrases,
    evaluation.extractor,
    now,
  );
}

export function policyMode({ trainable, seed }: Pick<RunConfig, 'trainable' | 'seed'>): PolicyMode {
  if (trainable.kind === 'full') return { kind: 'full' };
  const { rank, alpha, dropout, targets, rslora } = trainable;
  const targetModules = targets === 'all-linear' ? ['all-linear'] : targets;
  return { kind: 'lora', seed, lora: { rank, alpha, dropout, targetModules, useRslora: rslora, baseModel: null } };
}

async function readQuestions(config: RunConfig, files: FileSystem): Promise<RunQuestions> {
  const { dataset, evaluation, seed } = config;
  const train = await readRows(dataset.train, config, files);
  requireMappedColumns(train, config);
  const trainRows = sliceRows(requireSoundRows(train), dataset.rows?.train ?? 'all');
  const read = async (path: string | undefined, slice: string | undefined): Promise<readonly DatasetRow[]> =>
    path === undefined ? [] : sliceRows(requireSoundRows(await readRows(path, config, files)), slice ?? 'all');
  const cap = (rows: readonly DatasetRow[]): readonly DatasetRow[] =>
    rows.slice(0, evaluation.questions ?? rows.length);
  const split =
    dataset.validation === undefined
      ? splitHoldOut(trainRows, dataset.holdOutFraction, seed)
      : { train: trainRows, heldOut: await read(dataset.validation, dataset.rows?.validation) };
  return {
    train: split.train,
    validation: cap(split.heldOut),
    test: cap(await read(dataset.test, dataset.rows?.test)),
    format: train.format,
    answerKind: train.answerKind,
  };
}

/** How the rows of a file are read. */
export type DatasetSettings = Pick<RunConfig['dataset'], 'format' | 'answers' | 'mapping'>;

export function readRows(
  path: string,
  { dataset }: { readonly dataset: DatasetSettings },
  files: FileSystem,
): Promise<Dataset> {
  const { answers } = dataset;
  return readDataset(path, {
    fileSystem: files,
    ...(dataset.mapping === undefined ? { format: dataset.format } : { mapping: mappingOf(dataset.mapping) }),
    ...(answers === 'auto' ? {} : { answerKind: answers }),
  });
}

/** A column that no row has is a slip of the pen, though each row may do without: such a run would learn something else than asked for. */
function requireMappedColumns({ path, rows }: Dataset, { dataset: { mapping } }: Pick<RunConfig, 'dataset'>): void {
  const columns = {
    rationale: rows.some((row) => row.goldRationale !== undefined || row.goldRationales !== undefined),
    context: rows.some((row) => row.context !== undefined),
  };
  for (const [role, found] of Object.entries(columns) as ['rationale' | 'context', boolean][]) {
    const column = mapping?.[role];
    if (column === undefined || found || rows.length === 0) continue;
    throw new LatroError(
      'config-invalid',
      `"dataset.mapping.${role}" names the column "${column}", which no row of ${path} has.`,
      'Correct the name, or leave it out.',
    );
  }
}

type Mapping = NonNullable<RunConfig['dataset']['mapping']>;
function mappingOf({ question, answer, choices, rationale, context }: Mapping) {
  return {
    question,
    answer,
    ...(choices === undefined ? {} : { choices }),
    ...(rationale === undefined ? {} : { rationale }),
    ...(context === undefined ? {} : { context }),
  };
}
