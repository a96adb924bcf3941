/** Writes a JSON dataset as JSON Lines beside it, and opens that: rows of JSON Lines are read one by one, however many there are. */
import { once } from 'node:events';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import * as vscode from 'vscode';
import { LatroError, unreachable } from '../../engine/common/errors.ts';
import { freeName } from '../common/free_name.ts';
import type { Conversion, ConversionResult } from '../dataset/json_lines_worker.ts';
import { engineText } from '../engine/engine_text.ts';
import { datasetOf, fileName, MADE_FOR } from './services.ts';

export async function convertToJsonLines(argument: unknown): Promise<void> {
  const file = await datasetOf(argument, MADE_FOR.training);
  const { l10n } = vscode;
  if (!/\.json$/i.test(file)) {
    const reason = l10n.t('{0} is no .json file.', fileName(file));
    throw new LatroError('dataset-format', reason, l10n.t('Open the .json file to convert.'));
  }
  const { dir, name } = path.parse(file);
  const to = freeName(path.join(dir, name), '.jsonl');
  const title = l10n.t('LaTRO: converting {0} to JSON Lines', fileName(file));
  const location = vscode.ProgressLocation.Notification;
  const result = await vscode.window.withProgress({ location, title }, () => convertInThread({ from: file, to }));
  if (result.kind !== 'converted') throw refusal(result, fileName(file));
  // Not `showTextDocument`, which refuses files of more than 50 MB.
  await vscode.commands.executeCommand('vscode.open', vscode.Uri.file(to));
}

function refusal(result: Exclude<ConversionResult, { kind: 'converted' }>, name: string): LatroError {
  const { l10n } = vscode;
  switch (result.kind) {
    case 'no-rows': {
      const next = l10n.t('A dataset is an array of objects, or an object that holds one.');
      return new LatroError('dataset-format', l10n.t('{0} holds no rows.', name), next);
    }
    case 'not-utf8':
      return new LatroError('dataset-format', l10n.t('{0} is not UTF-8.', name), l10n.t('Save it as UTF-8 first.'));
    case 'broken': {
      const reason = l10n.t('{0} is broken at line {1}: {2}', name, result.line, engineText(result.message));
      return new LatroError('dataset-format', reason, l10n.t('Mend it there first: rows behind it would be lost.'));
    }
    default:
      return unreachable(result);
  }
}

async function convertInThread(workerData: Conversion): Promise<ConversionResult> {
  const worker = new Worker(path.join(import.meta.dirname, 'json_lines_worker.cjs'), { workerData });
  const [result] = (await once(worker, 'message')) as [ConversionResult];
  return result;
}
