import * as v from 'valibot';
import * as vscode from 'vscode';
import { LatroError } from '../../engine/common/errors.ts';
import type { RunSummary } from '../../protocol/run_record.ts';
import type { JobHandle } from '../engine/job_runner.ts';
import { canRollBack } from '../runs/run_text.ts';
import { type CommandServices, pickRun } from './services.ts';

/** With a step the person has already chosen it, and was told what is lost. */
const Chosen = v.object({ runId: v.string(), step: v.number() });

/** Takes a run back to one of its checkpoints; one that is paused is stopped first. */
export async function rollBack(services: CommandServices, argument: unknown): Promise<void> {
  const { runs, jobs, engine, reporter } = services;
  const { l10n } = vscode;
  const run = await pickRun(services, argument, canRollBack, l10n.t('Run to roll back'));
  const chosen = v.is(Chosen, argument) ? argument.step : undefined;
  const step = chosen ?? (await pickStep(services, run));
  const title = l10n.t('LaTRO: rolling back {0}', run.id);
  await jobs.withProgress(title, async ({ client, jobId, signal }: JobHandle) => {
    const paused = engine.jobs.ofRun(run.id);
    if (paused?.state === 'paused') {
      const ended = engine.jobs.ended(paused.jobId);
      await client.request('stop', { jobId: paused.jobId });
      await ended;
    }
    await client.request('rollBack', { jobId, runDirectory: run.directory, step }, signal);
  });
  await runs.refresh();
  const resume = {
    title: l10n.t('Resume'),
    run: () => vscode.commands.executeCommand('latro.resumeRun', { runId: run.id }),
  };
  reporter.showInformation(l10n.t('{0} is at step {1} again.', run.id, step), resume);
}

async function pickStep({ runs }: CommandServices, run: RunSummary): Promise<number> {
  const { l10n } = vscode;
  const steps = (await runs.directory(run).checkpoints.steps()).filter((step) => step < run.step);
  if (steps.length === 0) {
    const reason = l10n.t('Run {0} has no checkpoint before step {1}.', run.id, run.step);
    throw new LatroError('run-not-found', reason, l10n.t('How many are kept is "checkpoints.keep" of its latro.json.'));
  }
  const items = steps.reverse().map((step) => ({ label: l10n.t('step {0}', step), step }));
  const picked = await vscode.window.showQuickPick(items, { title: l10n.t('Checkpoint to go back to') });
  if (picked === undefined) throw new vscode.CancellationError();
  const { step } = picked;
  const detail = l10n.t(
    'Checkpoints, rollouts and evaluations after step {0} are removed; the updates are done again when the run resumes. Ratings and notes stay.',
    step,
  );
  const confirmed = l10n.t('Roll Back');
  const message = l10n.t('Roll back {0} to step {1}?', run.id, step);
  const answer = await vscode.window.showWarningMessage(message, { modal: true, detail }, confirmed);
  if (answer !== confirmed) throw new vscode.CancellationError();
  return step;
}
