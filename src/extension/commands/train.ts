import * as vscode from 'vscode';
import { unreachable } from '../../engine/common/errors.ts';
import type { EndedRun, JobHandle, StartedRun } from '../engine/job_runner.ts';
import { gainText, isResumable, stepText } from '../runs/run_text.ts';
import { type CommandServices, datasetOf, fileName, MADE_FOR, pickRun } from './services.ts';
import { trainingNow } from './training_plan.ts';

/**
 * Trains on the dataset in the editor: with the `latro.json` of the workspace when it trains on this file, or when it is itself in the
 * editor; else with the preset's settings and the chosen model.
 */
export async function trainOnDataset(services: CommandServices, argument: unknown): Promise<void> {
  const file = await datasetOf(argument, MADE_FOR.training);
  const what = await trainingNow(services, file);
  const { l10n } = vscode;
  const title = l10n.t('LaTRO: training on {0}', fileName(file));
  await train(services, title, ({ client, jobId }) => client.request('train', { jobId, ...what }));
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
export async function tellHowItWent(services: CommandServices, ended: EndedRun): Promise<void> {
  const { runId, runDirectory, end } = ended;
  const { runs, reporter, settings } = services;
  const { l10n } = vscode;
  await runs.refresh();
  const run = runs.find(runId);
  if (end === 'lost' || !settings.notifiesWhenRunEnds) return;
  const argument = { runId };
  const resume = { title: l10n.t('Resume'), run: () => vscode.commands.executeCommand('latro.resumeRun', argument) };
  const noMore = { title: l10n.t("Don't Show Again"), run: () => settings.notifyNoMoreWhenRunEnds() };
  const dashboard = {
    title: l10n.t('Open Dashboard'),
    run: () => vscode.commands.executeCommand('latro.openRunDashboard', argument),
  };
  if (run === undefined) {
    // Its latro.json names a folder of its own.
    const actions = end === 'finished' ? [dashboard, noMore] : [resume, dashboard, noMore];
    reporter.showInformation(elsewhereText(end, runDirectory), ...actions);
    return;
  }
  if (end === 'stopped' || end === 'paused') {
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

function elsewhereText(end: 'finished' | 'stopped' | 'paused', runDirectory: string): string {
  const { l10n } = vscode;
  switch (end) {
    case 'finished':
      return l10n.t('The run has ended. It is in {0}, which is not listed here.', runDirectory);
    case 'stopped':
      return l10n.t('The run was stopped. It is in {0}, which is not listed here.', runDirectory);
    case 'paused':
      return l10n.t('The run is paused. It is in {0}, which is not listed here.', runDirectory);
    default:
      return unreachable(end);
  }
}
