/** Progress in words: "training · 12 of 40 updates · 1.8/s · 2 min left". */
import * as vscode from 'vscode';
import type { JobProgress } from '../../protocol/engine_rpc.ts';
import { engineText } from './engine_text.ts';

export function progressText(progress: JobProgress): string {
  const { phase, done, total, unit, ratePerSecond, secondsLeft, message, memory } = progress;
  const { l10n } = vscode;
  const parts = [
    phaseText(phase),
    total > 0 ? extentText(done, total, unit) : '',
    ratePerSecond === null
      ? ''
      : l10n.t('{0}/s', unit === 'bytes' ? transferText(ratePerSecond) : rateText(ratePerSecond)),
    secondsLeft === null || (total > 0 && done >= total) ? '' : l10n.t('{0} left', durationText(secondsLeft)),
    memory === undefined
      ? ''
      : l10n.t('takes up to {0} of {1} that are free', transferText(memory.needed), transferText(memory.available)),
    engineText(message),
  ];
  return parts.filter((part) => part !== '').join(' · ');
}

function extentText(done: number, total: number, unit: string): string {
  const { l10n } = vscode;
  if (unit === 'bytes') return l10n.t('{0} of {1}', transferText(done), transferText(total));
  return l10n.t('{0} of {1} {2}', done, total, unitText(unit));
}

/** Bytes on their way, or on disk: "12.3 MB". */
export const transferText = (bytes: number): string =>
  bytes >= 1e9 ? `${(bytes / 1e9).toFixed(2)} GB` : `${(bytes / 1e6).toFixed(1)} MB`;

/** Names of the phases of jobs; one that is new is shown as it comes. */
export function phaseText(phase: string): string {
  const { l10n } = vscode;
  const known: Readonly<Record<string, string>> = {
    preparing: l10n.t('preparing'),
    'evaluating-before': l10n.t('evaluating before'),
    training: l10n.t('training'),
    'evaluating-after': l10n.t('evaluating after'),
    finished: l10n.t('finished'),
    evaluating: l10n.t('evaluating'),
    sampling: l10n.t('sampling'),
    downloading: l10n.t('downloading'),
    verifying: l10n.t('checking'),
    waiting: l10n.t('waiting for the hub'),
  };
  return known[phase] ?? phase;
}

/** Units of the engine's progress, in the plural. */
function unitText(unit: string): string {
  const { l10n } = vscode;
  const known: Readonly<Record<string, string>> = {
    updates: l10n.t('updates'),
    questions: l10n.t('questions'),
    rationales: l10n.t('rationales'),
    tokens: l10n.t('tokens'),
  };
  return known[unit] ?? unit;
}

/** As the dashboard writes it from an hour on: both stand on the screen at once. */
export function durationText(seconds: number): string {
  const { l10n } = vscode;
  if (seconds < 90) return l10n.t('{0} s', Math.max(1, Math.round(seconds)));
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return l10n.t('{0} min', minutes);
  return l10n.t('{0} h {1} min', Math.floor(minutes / 60), String(minutes % 60).padStart(2, '0'));
}

function rateText(rate: number): string {
  return rate >= 10 ? rate.toFixed(0) : rate >= 1 ? rate.toFixed(1) : rate.toPrecision(2);
}
