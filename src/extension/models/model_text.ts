/** A model in words, the same wherever it is shown. */
import os from 'node:os';
import * as vscode from 'vscode';
import { unreachable } from '../../engine/common/errors.ts';
import { availableMemory } from '../../engine/common/memory.ts';
import type { ModelDescription } from '../../protocol/engine_rpc.ts';
import type { Fit } from './fit.ts';

/** "0.98 M parameters". */
export function parametersText({ parameters }: ModelDescription): string {
  const { l10n } = vscode;
  const digits = (value: number) => String(Number(value.toPrecision(3)));
  return parameters >= 1e9
    ? l10n.t('{0} B parameters', digits(parameters / 1e9))
    : l10n.t('{0} M parameters', digits(parameters / 1e6));
}

export const bytesText = (bytes: number): string =>
  bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.max(1, Math.round(bytes / 1e6))} MB`;

export function fitText(fit: Fit): string {
  const { l10n } = vscode;
  switch (fit) {
    case 'fits':
      return l10n.t('fits');
    case 'tight':
      return l10n.t('memory is tight');
    case 'too-large':
      return l10n.t('does not fit');
    default:
      return unreachable(fit);
  }
}

/** "Training takes up to 0.4 GB; 12.1 of 16.0 GB are free." */
export function memoryText({ trainingBytes }: ModelDescription): string {
  const { l10n } = vscode;
  const [needed, free, total] = [trainingBytes, availableMemory(), os.totalmem()].map(bytesText) as [
    string,
    string,
    string,
  ];
  return l10n.t('Training takes up to {0}; {1} of {2} are free.', needed, free, total);
}
