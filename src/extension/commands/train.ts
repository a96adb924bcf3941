import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import * as v from 'valibot';
import * as vscode from 'vscode';
import type { ConfigSource } from '../../protocol/engine_rpc.ts';
import { samePath } from '../common/same_path.ts';
import { openDocument, savedFirst } from '../dataset/saved_first.ts';
import type { EndedRun, JobHandle, StartedRun } from '../engine/job_runner.ts';
import { gainText, isResumable, stepText } from '../runs/run_text.ts';
import { type CommandServices, datasetOf, fileName, MADE_FOR, modelOf, pickRun } from './services.ts';

/**
 * Trains on the dataset in the editor: with the `latro.json` of the workspace when it trains on this file, or when it is itself in the
 * editor; else with the preset's settings and the chosen model.
 */
export async function trainOnDataset(services: CommandServices, argument: unknown): Promise<void> {
  const file = await datasetOf(argument, MADE_FOR.training);
  const source = await configFor(services, file);
  const { l10n } = vscode;
  const title = l10n.t('LaTRO: training on {0}', fileName(file));
  await train(services, title, ({ client, jobId }) => client.request('train', { jobId, source, overrides: {} }));
}

/** Goes on with a run that was paused, stopped or interrupted. */
export async function resumeRun(services: CommandServices, argument: unknown): Promise<void> {
  const { l10n } = vscode;
  const { directory, id } = await pickRun(services, argument, isResumable, l10n.t('Run to resume'));
  const title = l10n.t('LaTRO: resuming {0}', id);
  const job = services.engine.jobs.ofRun(id);
  if (job !== undefined) {
    const run = { runId: id, runDirectory: directory };
    return await tellHowItWent(services, await services.jobs.continue(title, job, run));
  }
  await train(services, title, ({ client, jobId }) => client.request('resume', { jobId, runDirectory: directory }));
}

async function train(
  services: CommandServices,
  title: string,
  start: (job: JobHandle) => Promise<StartedRun>,
): Promise<void> {
  await tellHowItWent(services, await services.jobs.train(title, start));
}

/** One message when a run is over, with what one wants next. */
export async function tellHowItWent(services: CommandServices, { runId, end }: EndedRun): Promise<void> {
  const { runs, reporter, settings } = services;
  const { l10n } = vscode;
  await runs.refresh();
  const run = runs.find(runId);
  if (run === undefined || end === 'lost' || !settings.notifiesWhenRunEnds) return;
  const argument = { runId };
  const dashboard = {
    title: l10n.t('Open Dashboard'),
    run: () => vscode.commands.executeCommand('latro.openRunDashboard', argument),
  };
  const noMore = { title: l10n.t("Don't Show Again"), run: () => settings.notifyNoMoreWhenRunEnds() };
  if (end === 'stopped' || end === 'paused') {
    const resume = { title: l10n.t('Resume'), run: () => vscode.commands.executeCommand('latro.resumeRun', argument) };
    const message =
      end === 'stopped'
        ? l10n.t('The run was stopped at {0}. What it learned is saved.', stepText(run))
        : l10n.t('The run is paused at step {0} of {1}. What it learned is saved.', run.step, run.totalSteps ?? '?');
    reporter.showInformation(message, resume, dashboard, noMore);
    return;
  }
  const compare = {
    title: l10n.t('Show Accuracy Diff'),
    run: () => vscode.commands.executeCommand('latro.compare', argument),
  };
  const gain = gainText(run);
  const message = gain === '' ? l10n.t('The run is finished.') : l10n.t('The run is finished: {0}.', gain);
  reporter.showInformation(message, ...(gain === '' ? [] : [compare]), dashboard, noMore);
}

/** What to train with when a person asks to train on this file, with nothing of it unsaved: see `trainOnDataset`. */
export async function configFor(services: CommandServices, file: string): Promise<ConfigSource> {
  await savedFirst(file);
  if (/(^|\.)latro\.json$/i.test(fileName(file))) return await withItsDatasets(file);
  const config = await configThatTrainsOn(file, [path.dirname(file), services.workspace]);
  if (config !== undefined) return await withItsDatasets(await savedFirst(config));
  const test = sibling(file);
  if (test !== undefined) await savedFirst(test);
  const dataset = { train: file, ...(test === undefined ? {} : { test }) };
  const outputDirectory = services.runs.folder;
  const baseDirectory = services.workspace;
  return { kind: 'inline', config: { model: await modelOf(services), dataset, outputDirectory }, baseDirectory };
}

const TrainingFile = v.object({ dataset: v.object({ train: v.string() }) });
const DatasetFiles = v.object({ dataset: v.record(v.string(), v.unknown()) });

/** Its datasets are saved; what is wrong with it the engine says. */
async function withItsDatasets(config: string): Promise<ConfigSource> {
  const text = await readFile(config, 'utf8').catch(() => undefined);
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), DatasetFiles), text);
  const { train, validation, test } = parsed.success ? parsed.output.dataset : {};
  for (const each of [train, validation, test]) {
    if (typeof each === 'string') await savedFirst(path.resolve(path.dirname(config), each));
  }
  return { kind: 'file', path: config };
}

/**
 * A `latro.json` in one of these folders whose training file is `file`: as it stands in its editor, or on disk where that is no JSON.
 * Whether it is valid otherwise the engine says.
 */
async function configThatTrainsOn(file: string, folders: readonly string[]): Promise<string | undefined> {
  for (const folder of folders) {
    const candidate = path.join(folder, 'latro.json');
    const texts = [openDocument(candidate)?.getText(), await readFile(candidate, 'utf8').catch(() => undefined)];
    const [trainsOn] = texts.flatMap((text) => {
      const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), TrainingFile), text);
      return parsed.success ? [path.resolve(folder, parsed.output.dataset.train)] : [];
    });
    if (trainsOn !== undefined && samePath(trainsOn, file)) return candidate;
  }
  return undefined;
}

/** `train.jsonl` → `test.jsonl` beside it, if there is one: then accuracy before and after is measured on unseen questions. */
function sibling(file: string): string | undefined {
  const name = fileName(file);
  const test = path.join(path.dirname(file), name.replace(/train/i, 'test'));
  return test !== file && existsSync(test) ? test : undefined;
}
