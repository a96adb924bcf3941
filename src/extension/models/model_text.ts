/** A model in words, the same wherever it is shown. */
import os from 'node:os';
import * as vscode from 'vscode';
import type { ModelDescription } from '../../protocol/engine_rpc.ts';

export type Fit = 'fits' | 'tight' | 'too-large';

/** Whether a run fits into memory: into what is free now, or else into what the machine has. */
export function fitOf({ trainingBytes }: ModelDescription, free = os.freemem(), total = os.totalmem()): Fit {
  if (trainingBytes <= free) return 'fits';
  return trainingBytes <= total ? 'tight' : 'too-large';
}

/** "0.98 M parameters". */
export function parametersText({ parameters }: ModelDescription): string {
  const { l10n } = vscode;
  return parameters >= 1e9
    ? l10n.t('{0} B parameters', (parameters / 1e9).toPrecision(3))
    : l10n.t('{0} M parameters', (parameters / 1e6).toPrecision(3));
}

export const bytesText = (bytes: number): string =>
  bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.max(1, Math.round(bytes / 1e6))} MB`;

/** "fits: training takes 0.4 GB". */
export function fitText(model: ModelDescription): string {
  const { l10n } = vscode;
  const needed = bytesText(model.trainingBytes);
  switch (fitOf(model)) {
    case 'fits':
      return l10n.t('fits (training takes {0})', needed);
    case 'tight':
      return l10n.t('fits once memory is free (training takes {0}, {1} are free)', needed, bytesText(os.freemem()));
    case 'too-large':
      return l10n.t('does not fit (training takes {0} of {1})', needed, bytesText(os.totalmem()));
  }
}
