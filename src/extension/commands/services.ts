/** What commands work with: everything that needs an open folder. Without one, commands say so. */
import path from 'node:path';
import * as vscode from 'vscode';
import { LatroError } from '../../engine/common/errors.ts';
import type { RunSummary } from '../../protocol/run_record.ts';
import { ELSEWHERE } from '../dataset/elsewhere.ts';
import { isEvaluationName } from '../dataset/evaluation_names.ts';
import { savedFirst } from '../dataset/saved_first.ts';
import type { EngineSupervisor } from '../engine/engine_supervisor.ts';
import type { JobRunner } from '../engine/job_runner.ts';
import type { Reporter } from '../reporter.ts';
import { gainText, type ShownRun, shownRun, statusIcon, stepText, subjectText } from '../runs/run_text.ts';
import { isRunNode } from '../runs/runs_tree.ts';
import type { RunsWatcher } from '../runs/runs_watcher.ts';
import type { Settings } from '../settings.ts';

export interface CommandServices {
  /** The folder that holds `.latro/`. */
  readonly workspace: string;
  readonly settings: Settings;
  readonly runs: RunsWatcher;
  readonly engine: EngineSupervisor;
  readonly jobs: JobRunner;
  readonly reporter: Reporter;
}

const DATASET = /\.(jsonl|ndjson|json|parquet)$/i;

/** Whether a file is made for a purpose, by its name: such files are offered first. */
export const MADE_FOR = { training: (name: string) => /train/i.test(name), evaluation: isEvaluationName } as const;
type MadeFor = (typeof MADE_FOR)[keyof typeof MADE_FOR];

/**
 * The dataset a command is about: the file it was called on, the one in the editor or behind it, saved first, or the person's pick.
 * @param likely which names to offer first
 */
export async function datasetOf(argument: unknown, likely: MadeFor): Promise<string> {
  const called = argument instanceof vscode.Uri ? argument : fileInEditor();
  const uri = isDataset(called) ? called : await datasetElsewhere(likely);
  if (uri === undefined) {
    const { l10n } = vscode;
    const next = l10n.t('Open a .jsonl or .json file of questions and answers first.');
    throw new LatroError('dataset-not-found', l10n.t('There is no dataset in the editor.'), next);
  }
  return await savedFirst(uri.fsPath);
}

/** VS Code hands out no editor for a file of more than 50 MB, but its tab says which it is. */
function fileInEditor(): vscode.Uri | undefined {
  const { input } = vscode.window.tabGroups.activeTabGroup.activeTab ?? {};
  return input instanceof vscode.TabInputText ? input.uri : vscode.window.activeTextEditor?.document.uri;
}

const isDataset = (uri: vscode.Uri | undefined): uri is vscode.Uri =>
  uri?.scheme === 'file' && DATASET.test(uri.fsPath);

const MOST_FILES = 200;

/** With the walkthrough or a panel in front: the one dataset that is open behind it, else one of the workspace. */
async function datasetElsewhere(likely: MadeFor): Promise<vscode.Uri | undefined> {
  const tabs = vscode.window.tabGroups.all.flatMap((group) => group.tabs);
  const open = tabs.flatMap(({ input }) => (input instanceof vscode.TabInputText ? [input.uri] : [])).filter(isRows);
  const [only] = open;
  if (open.length === 1) return only;
  const found = open.length > 1 ? open : await vscode.workspace.findFiles('**/*.{jsonl,ndjson}', ELSEWHERE, MOST_FILES);
  if (found.length === 0) return undefined;
  const rank = (name: string) => (likely(name) ? 0 : 1);
  const items = found
    .map((uri) => ({ label: path.basename(uri.fsPath), description: vscode.workspace.asRelativePath(uri), uri }))
    .sort((a, b) => rank(a.label) - rank(b.label) || a.description.localeCompare(b.description));
  const picked = await vscode.window.showQuickPick(items, {
    title: vscode.l10n.t('Dataset'),
    matchOnDescription: true,
  });
  if (picked === undefined) throw new vscode.CancellationError();
  return picked.uri;
}

/** JSON files are many things. */
const isRows = (uri: vscode.Uri): boolean => isDataset(uri) && /\.(jsonl|ndjson)$/i.test(uri.fsPath);

/** The model to use; asks for one when none is chosen. */
export async function modelOf({ settings }: CommandServices): Promise<string> {
  if (settings.modelFolder === undefined) await vscode.commands.executeCommand('latro.chooseModel');
  if (settings.modelFolder !== undefined) return settings.modelFolder;
  throw new vscode.CancellationError();
}

/**
 * The run a command is about: the one it names, the only one that fits, or the person's pick.
 * @throws LatroError `run-not-found` when the one it names is not there: never is another one taken for it
 */
export async function pickRun(
  services: CommandServices,
  argument: unknown,
  fits: (run: ShownRun) => boolean,
  title: string,
): Promise<RunSummary> {
  const { runs, engine } = services;
  await runs.refresh();
  const all = [...(await runsElsewhere(services)), ...runs.runs];
  const named = isRunNode(argument) ? all.find(({ id }) => id === argument.runId) : undefined;
  if (named !== undefined) return named;
  const { l10n } = vscode;
  if (isRunNode(argument) && argument.runId !== '') {
    const reason = l10n.t('Run {0} is not there.', argument.runId);
    throw new LatroError('run-not-found', reason, l10n.t('Look under Runs for what there is.'));
  }
  const shown = (run: RunSummary) => shownRun(run, engine.jobs.ofRun(run.id));
  const candidates = all.filter((run) => fits(shown(run)));
  const [first] = candidates;
  if (first === undefined) {
    const reason = l10n.t('There is no run for this.');
    throw new LatroError('run-not-found', reason, l10n.t('Train on a dataset first.'));
  }
  if (candidates.length === 1) return first;
  const items = candidates.map((run) => ({
    label: subjectText(run),
    description: gainText(run) || stepText(shown(run)),
    detail: run.id,
    iconPath: statusIcon(shown(run).status),
    run,
  }));
  const picked = await vscode.window.showQuickPick(items, { title, matchOnDescription: true, matchOnDetail: true });
  if (picked === undefined) throw new vscode.CancellationError();
  return picked.run;
}

/** Runs that are in no list, for their latro.json names a folder of its own: whoever trained them here would look for them in vain. */
async function runsElsewhere({ runs, engine }: CommandServices): Promise<RunSummary[]> {
  const unlisted = [...engine.jobs.runDirectories].filter(([runId]) => runs.find(runId) === undefined);
  const found = await Promise.allSettled(unlisted.map(([, directory]) => runs.summary(runs.directory({ directory }))));
  // One whose folder is gone by now takes nothing away from the others.
  return found.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
}

export const fileName = (file: string): string => path.basename(file);
