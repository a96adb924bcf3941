/** Runs in words, the same wherever they are shown. */
import path from 'node:path';
import * as vscode from 'vscode';
import { unreachable } from '../../engine/common/errors.ts';
import type { JobSnapshot } from '../../protocol/engine_rpc.ts';
import type { RunStatus } from '../../protocol/records.ts';
import type { RunSummary } from '../../protocol/run_record.ts';
import { phaseText } from '../engine/progress_text.ts';

export const percent = (rate: number): string => `${(100 * rate).toFixed(1)} %`;

/** On disk a paused run is a running one: only its engine knows that it rests. */
export type ShownStatus = RunStatus | 'paused';
export type ShownRun = Omit<RunSummary, 'status'> & { readonly status: ShownStatus };

export const shownRun = (run: RunSummary, job: JobSnapshot | undefined): ShownRun =>
  job?.state === 'paused' ? { ...run, status: 'paused' } : run;

export function statusText(status: ShownStatus): string {
  const { l10n } = vscode;
  switch (status) {
    case 'running':
      return l10n.t('running');
    case 'paused':
      return l10n.t('paused');
    case 'stopped':
      return l10n.t('stopped');
    case 'finished':
      return l10n.t('finished');
    case 'failed':
      return l10n.t('failed');
    case 'interrupted':
      return l10n.t('interrupted');
    default:
      return unreachable(status);
  }
}

export function statusIcon(status: ShownStatus): vscode.ThemeIcon {
  switch (status) {
    case 'running':
      return new vscode.ThemeIcon('sync~spin');
    case 'paused':
      return new vscode.ThemeIcon('debug-pause');
    case 'stopped':
      return new vscode.ThemeIcon('debug-stop');
    case 'finished':
      return new vscode.ThemeIcon('pass', new vscode.ThemeColor('testing.iconPassed'));
    case 'failed':
      return new vscode.ThemeIcon('error', new vscode.ThemeColor('testing.iconFailed'));
    case 'interrupted':
      return new vscode.ThemeIcon('debug-disconnect');
    default:
      return unreachable(status);
  }
}

/** True for a run that has work left and nobody doing it. */
export const isResumable = ({ status }: ShownRun): boolean =>
  status === 'stopped' || status === 'paused' || status === 'interrupted' || status === 'failed';

/** True for a run with a checkpoint to go back to, that is not being trained. */
export const canRollBack = ({ status, step }: ShownRun): boolean => status !== 'running' && step > 0;

/** True for a run with weights of its own. */
export const canExport = ({ step }: ShownRun): boolean => step > 0;

/** "12.0 % → 25.5 % of 120 questions", or "" before both evaluations are there. */
export function gainText({ gain }: ShownRun): string {
  if (gain === null) return '';
  const { greedyBefore, greedyAfter, questions } = gain;
  return vscode.l10n.t('{0} → {1} of {2} questions', percent(greedyBefore), percent(greedyAfter), questions);
}

/** "12.0 % → 25.5 % · 14:05" where there is room for little: what it gained, or else how far it is, and when it began. */
export function briefText(run: ShownRun, now: Date = new Date()): string {
  const { gain } = run;
  const how = gain === null ? stepText(run) : `${percent(gain.greedyBefore)} → ${percent(gain.greedyAfter)}`;
  return `${how} · ${startText(run.createdAt, now)}`;
}

/** The time of a run of today, the day of an earlier one. */
function startText(createdAt: string, now: Date): string {
  const began = new Date(createdAt);
  const { language } = vscode.env;
  return began.toDateString() === now.toDateString()
    ? began.toLocaleTimeString(language, { hour: '2-digit', minute: '2-digit' })
    : began.toLocaleDateString(language, { month: 'short', day: 'numeric' });
}

/** "step 12 of 40, training". */
export function stepText({ step, totalSteps, phase, status }: ShownRun): string {
  const { l10n } = vscode;
  const steps = totalSteps === null ? l10n.t('step {0}', step) : l10n.t('step {0} of {1}', step, totalSteps);
  return status === 'running' ? `${steps}, ${phaseText(phase)}` : `${steps}, ${statusText(status)}`;
}

/** What sets the run apart in a list: its model and dataset. */
export const subjectText = ({ model, dataset }: ShownRun): string =>
  `${path.basename(model)} · ${path.basename(dataset)}`;
