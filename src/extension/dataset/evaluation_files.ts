/** Which files of a workspace are for evaluation, by their names: "test.jsonl" and "gsm8k-dev.jsonl" are, "latest.jsonl" and "device-log.jsonl" are not. */
import path from 'node:path';
import * as vscode from 'vscode';
import { ELSEWHERE } from './elsewhere.ts';
import { isEvaluationName } from './evaluation_names.ts';

/** All of them, and some more that `isEvaluationName` leaves out. */
export const EVALUATION_FILES = '**/*{[tT][eE][sS][tT],[vV][aA][lL],[dD][eE][vV]}*.{jsonl,ndjson}';
/** Of a search, which is of more than is shown. */
const MOST_FOUND = 2000;
/** More are no list to read. */
const MOST_SHOWN = 200;

export interface EvaluationFiles {
  /** By path. */
  readonly shown: readonly vscode.Uri[];
  readonly left: number;
}

export async function findEvaluationFiles(): Promise<EvaluationFiles> {
  const found = await vscode.workspace.findFiles(EVALUATION_FILES, ELSEWHERE, MOST_FOUND);
  const own = found.filter(({ fsPath }) => isEvaluationName(path.basename(fsPath)));
  own.sort((a, b) => a.path.localeCompare(b.path));
  return { shown: own.slice(0, MOST_SHOWN), left: Math.max(0, own.length - MOST_SHOWN) };
}
