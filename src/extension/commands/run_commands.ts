import * as vscode from 'vscode';
import { LatroError } from '../../engine/common/errors.ts';
import type { EvaluationPair } from '../panels/accuracy_diff.ts';
import { percent } from '../runs/run_text.ts';
import { isRunNode } from '../runs/runs_tree.ts';
import { type CommandServices, pickRun } from './services.ts';

/** Stops the run that is being trained, or the one the command was called on; it saves a checkpoint and can be resumed. */
export async function stopRun({ engine }: CommandServices, argument: unknown): Promise<void> {
  const job = isRunNode(argument) ? engine.jobs.ofRun(argument.runId) : engine.jobs.activeRun;
  const { l10n } = vscode;
  if (job === undefined) {
    const reason = l10n.t('No run of this window is being trained.');
    throw new LatroError('run-not-found', reason, l10n.t('Stop a run of the command line there, with Ctrl+C.'));
  }
  await (await engine.client()).request('stop', { jobId: job.jobId });
}

/** Pauses the run that is being trained, or the one the command was called on, once its update is done and saved. */
export async function pauseRun({ engine }: CommandServices, argument: unknown): Promise<void> {
  const job = isRunNode(argument) ? engine.jobs.ofRun(argument.runId) : engine.jobs.activeRun;
  if (job?.state === 'pausing' || job?.state === 'paused') return;
  const found = job !== undefined && (await (await engine.client()).request('pause', { jobId: job.jobId })).found;
  if (found) return;
  const { l10n } = vscode;
  const next = l10n.t(
    'A run can be paused once it has begun, and a run of the command line not at all: stop that one with Ctrl+C.',
  );
  throw new LatroError('run-not-found', l10n.t('No run of this window is being trained.'), next);
}

/** Two evaluations of a run to compare: before and after when it is finished, else the person's pick. */
export async function pickPair(services: CommandServices, argument: unknown): Promise<EvaluationPair> {
  const { l10n } = vscode;
  const run = await pickRun(services, argument, ({ gain }) => gain !== null, l10n.t('Run to compare'));
  const directory = services.runs.directory(run);
  const names = await directory.evaluationNames();
  const summaries = (await Promise.all(names.map((name) => directory.evaluation(name)))).filter(
    (each) => each !== null,
  );
  const pair = beforeAndAfter(summaries.map(({ name }) => name));
  if (pair !== undefined && isRunNode(argument)) return named(run.id, pair);
  const items = summaries.map((summary) => ({
    label: summary.name,
    description: l10n.t('{0} of {1} questions', percent(summary.greedyAccuracy), summary.questions),
  }));
  if (items.length < 2) {
    const reason = l10n.t('Run {0} has fewer than two evaluations.', run.id);
    throw new LatroError('run-not-found', reason, l10n.t('Let it finish, or evaluate one of its checkpoints.'));
  }
  if (items.length === 2 && pair !== undefined) return named(run.id, pair);
  const before = await vscode.window.showQuickPick(items, { title: l10n.t('Before') });
  if (before === undefined) throw new vscode.CancellationError();
  const rest = items.filter((item) => item !== before);
  const after = await vscode.window.showQuickPick(rest, { title: l10n.t('After') });
  if (after === undefined) throw new vscode.CancellationError();
  return named(run.id, [before.label, after.label]);
}

const named = (runId: string, [before, after]: readonly [string, string]): EvaluationPair => ({
  before: { runId, evaluation: before },
  after: { runId, evaluation: after },
});

/** The base and the last checkpoint on the test questions (or else on the validation questions). */
function beforeAndAfter(names: readonly string[]): [string, string] | undefined {
  for (const set of ['test', 'validation']) {
    const before = `base-${set}`;
    const after = names
      .filter((name) => name.endsWith(`-${set}`) && name !== before)
      .sort()
      .at(-1);
    if (names.includes(before) && after !== undefined) return [before, after];
  }
  return undefined;
}
