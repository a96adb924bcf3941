/** Writes a JSON dataset as JSON Lines beside it, and opens that: rows of JSON Lines are read one by one, however many there are. */
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import * as vscode from 'vscode';
import { LatroError } from '../../engine/common/errors.ts';
import type { Conversion } from '../dataset/json_lines_worker.ts';
import { datasetOf, fileName, MADE_FOR } from './services.ts';

export async function convertToJsonLines(argument: unknown): Promise<void> {
  const file = await datasetOf(argument, MADE_FOR.training);
  const { l10n } = vscode;
  if (!/\.json$/i.test(file)) {
    const reason = l10n.t('{0} is no .json file.', fileName(file));
    throw new LatroError('dataset-format', reason, l10n.t('Open the .json file to convert.'));
  }
  const to = freeName(file);
  const title = l10n.t('LaTRO: converting {0} to JSON Lines', fileName(file));
  const location = vscode.ProgressLocation.Notification;
  const rows = await vscode.window.withProgress({ location, title }, () => convertInThread({ from: file, to }));
  if (rows === 0) {
    const reason = l10n.t('{0} holds no rows.', fileName(file));
    throw new LatroError(
      'dataset-format',
      reason,
      l10n.t('A dataset is an array of objects, or an object that holds one.'),
    );
  }
  // Not `showTextDocument`, which refuses files of more than 50 MB.
  await vscode.commands.executeCommand('vscode.open', vscode.Uri.file(to));
}

/** `train.json` → `train.jsonl`, or `train-2.jsonl` where that is there already. */
function freeName(file: string): string {
  const stem = path.join(path.dirname(file), path.basename(file, path.extname(file)));
  for (let n = 1; ; n++) {
    const name = n === 1 ? `${stem}.jsonl` : `${stem}-${n}.jsonl`;
    if (!existsSync(name)) return name;
  }
}

async function convertInThread(workerData: Conversion): Promise<number> {
  const worker = new Worker(path.join(import.meta.dirname, 'json_lines_worker.cjs'), { workerData });
  const [rows] = (await once(worker, 'message')) as [number];
  return rows;
}
