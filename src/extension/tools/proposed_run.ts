/**
 * A run that a language model proposes: what a person is asked before it starts, and what is started then, which is just that. Settings that
 * change between question and answer start nothing that nobody has read.
 */
import { open } from 'node:fs/promises';
import path from 'node:path';
import * as v from 'valibot';
import * as vscode from 'vscode';
import { NodeFileSystem } from '../../engine/common/file_system.ts';
import { isRecord } from '../../engine/datasets/fields.ts';
import { parseConfigJson, readConfigJson } from '../../engine/runs/config_file.ts';
import { resolveConfigPaths, resolveRunConfig } from '../../engine/runs/resolve_config.ts';
import type { ConfigSource } from '../../protocol/engine_rpc.ts';
import { RunConfigInput } from '../../protocol/run_config.ts';
import type { DatasetFormat } from '../../protocol/run_config_fields.ts';
import type { TrainingPlan } from '../commands/training_plan.ts';
import { shownLines } from '../common/shown_text.ts';
import { formatOf } from '../dataset/dataset_rows.ts';
import { openDocument } from '../dataset/saved_first.ts';

export interface ProposedRun {
  readonly question: vscode.PreparedToolInvocation;
  readonly source: ConfigSource;
  /** Absolute paths of files to save first. */
  readonly datasets: readonly string[];
}

/**
 * @param file as the language model named it
 * @throws LatroError `config-invalid` for what could not be trained anyway
 */
export async function proposedRun(file: string, { source, overrides, datasets }: TrainingPlan): Promise<ProposedRun> {
  const { l10n } = vscode;
  const { json: written, name, folder } = await configNow(source);
  const json = isRecord(written) ? { ...written, ...overrides } : written;
  const first = resolveConfigPaths(resolveRunConfig(json, name).config, folder);
  // The presets' epochs depend on what kind of questions they are.
  const format = first.dataset.format === 'auto' ? await formatNow(first.dataset.train) : undefined;
  const resolved = resolveConfigPaths(resolveRunConfig(json, name, format).config, folder);
  const { model, adapter, dataset, steps, epochs, outputDirectory } = resolved;
  const unsaved = datasets.filter((each) => openDocument(each)?.isDirty);
  const isTyped = source.kind === 'file' && openDocument(source.path)?.isDirty;
  // Names are shown, never interpreted.
  const message = shownLines([
    l10n.t('Train with {0}.', file),
    ...(isTyped ? [l10n.t('With the unsaved changes of {0}', name)] : []),
    l10n.t('Model: {0}', model),
    ...(adapter === undefined ? [] : [l10n.t('Adapter to begin with: {0}', adapter)]),
    l10n.t('Training questions: {0}', dataset.train),
    ...unsaved.map((each) => l10n.t('Saved first, as it has unsaved changes: {0}', path.basename(each))),
    steps === null ? l10n.t('Length: {0} epochs', epochs ?? '?') : l10n.t('Length: {0} updates', steps),
    l10n.t('Written to: {0}', outputDirectory),
  ]);
  const question = {
    invocationMessage: l10n.t('Starting a training run'),
    confirmationMessages: { title: l10n.t('Start a training run?'), message: new vscode.MarkdownString(message) },
  };
  // What the person did not choose is chosen by having been read: the engine may know the questions better than their beginning told.
  const input = v.parse(RunConfigInput, json);
  const config = steps === null && epochs !== null ? { ...input, epochs } : input;
  return { question, source: { kind: 'inline', config, baseDirectory: folder }, datasets };
}

interface ConfigNow {
  readonly json: unknown;
  readonly name: string;
  /** Relative paths start here. */
  readonly folder: string;
}

async function configNow(source: ConfigSource): Promise<ConfigNow> {
  if (source.kind === 'inline') return { json: source.config, name: 'the configuration', folder: source.baseDirectory };
  const { path: file } = source;
  return { json: await configJsonNow(file), name: path.basename(file), folder: path.dirname(file) };
}

async function configJsonNow(file: string): Promise<unknown> {
  const document = openDocument(file);
  return document?.isDirty
    ? parseConfigJson(document.getText(), path.basename(file))
    : await readConfigJson(new NodeFileSystem(), file);
}

const BEGINNING_BYTES = 256 * 1024;

/** By the first rows; undefined where they cannot be read here, as in Parquet. */
async function formatNow(file: string): Promise<DatasetFormat | undefined> {
  const document = openDocument(file);
  if (document !== undefined) return formatOf(document)?.id;
  const beginning = await readBeginning(file).catch(() => '');
  const lines = beginning.split(/\r?\n/);
  return formatOf({
    fileName: file,
    lineCount: lines.length,
    version: 0,
    lineAt: (line) => ({ text: lines[line]! }),
    getText: () => beginning,
  })?.id;
}

async function readBeginning(file: string): Promise<string> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(BEGINNING_BYTES), 0, BEGINNING_BYTES, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await handle.close();
  }
}
