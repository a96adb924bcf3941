import * as vscode from 'vscode';
import { LatroError } from '../../engine/common/errors.ts';
import { isRunNode } from '../runs/runs_tree.ts';
import type { CommandServices } from './services.ts';

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
