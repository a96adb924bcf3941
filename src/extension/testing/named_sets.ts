/**
 * Evaluation sets that are JSON documents: those that a run or a `latro.json` names. A name alone tells nothing ("test.json" may be
 * anything), and reading every JSON file of a workspace to find some would cost more than it is worth.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import * as v from 'valibot';
import * as vscode from 'vscode';
import { samePath } from '../common/same_path.ts';
import { ELSEWHERE } from '../dataset/elsewhere.ts';
import { DatasetRuns, type KnownRuns } from '../runs/dataset_runs.ts';

export const CONFIGS = '**/{latro,*.latro}.json';
const MOST_CONFIGS = 200;

const Config = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ dataset: v.object({ validation: v.optional(v.string()), test: v.optional(v.string()) }) }),
);

export class NamedSets {
  readonly #runs: KnownRuns;
  readonly #datasets: DatasetRuns;

  constructor(runs: KnownRuns) {
    this.#runs = runs;
    this.#datasets = new DatasetRuns(runs);
  }

  /** Those that are in the workspace now. */
  async find(): Promise<vscode.Uri[]> {
    const named = [...(await this.#ofRuns()), ...(await ofConfigs())].filter((file) => /\.json$/i.test(file));
    const different = named.filter((file, index) => named.findIndex((other) => samePath(other, file)) === index);
    return different
      .filter((file) => existsSync(file))
      .map((file) => vscode.Uri.file(file))
      .filter((uri) => vscode.workspace.getWorkspaceFolder(uri) !== undefined);
  }

  async #ofRuns(): Promise<string[]> {
    const records = await Promise.all(
      // The record of one run that cannot be read hides no other.
      this.#runs.runs.map((run) => this.#datasets.record(run).catch(() => undefined)),
    );
    return records.flatMap((record) => evaluatedOn(record?.config.dataset ?? {}));
  }
}

/** Whether they are valid otherwise the engine says when one is used. */
async function ofConfigs(): Promise<string[]> {
  const configs = await vscode.workspace.findFiles(CONFIGS, ELSEWHERE, MOST_CONFIGS);
  const named = configs.map(async ({ fsPath }) => {
    const parsed = v.safeParse(Config, await readFile(fsPath, 'utf8').catch(() => ''));
    const files = parsed.success ? evaluatedOn(parsed.output.dataset) : [];
    return files.map((file) => path.resolve(path.dirname(fsPath), file));
  });
  return (await Promise.all(named)).flat();
}

const evaluatedOn = ({
  validation,
  test,
}: {
  readonly validation?: string | undefined;
  readonly test?: string | undefined;
}) => [validation, test].filter((file) => file !== undefined);
