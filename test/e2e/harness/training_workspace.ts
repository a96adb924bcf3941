/** A workspace that trains in seconds: the tiny starter with some of its questions, and a `latro.json` that says how. */
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { RunConfigInput } from '../../../src/protocol/run_config.ts';

const TRAINING_ROWS = 6;
export const RATIONALES = 4;
const TEST_ROWS = 5;
const FIXTURE = path.join(import.meta.dirname, '..', '..', 'fixtures', 'starter-tiny');

/** @param work per update, as questions and rationales of each: what a person watches for long has some updates a second and not dozens */
export async function prepareTraining(
  workspace: string,
  steps: number,
  work = { questions: 3, rationales: RATIONALES },
): Promise<void> {
  const model = path.join(workspace, 'model');
  await mkdir(model);
  for (const name of await readdir(FIXTURE)) {
    if (!name.endsWith('.jsonl')) await copyFile(path.join(FIXTURE, name), path.join(model, name));
  }
  await copyRows('train.jsonl', workspace, TRAINING_ROWS);
  await copyRows('test.jsonl', workspace, TEST_ROWS);
  const config: RunConfigInput = {
    model: 'model',
    dataset: { train: 'train.jsonl', test: 'test.jsonl', holdOutFraction: 0 },
    trainable: { kind: 'lora', rank: 2, alpha: 4 },
    steps,
    questionsPerStep: work.questions,
    sampling: { rationalesPerQuestion: work.rationales, maxRationaleTokens: 48 },
    evaluation: { maxTokens: 64, k: 0 },
    checkpoints: { every: 1, keep: 2 },
    seed: 1,
  };
  await writeFile(path.join(workspace, 'latro.json'), JSON.stringify(config, null, 2));
}

async function copyRows(name: string, workspace: string, rows: number): Promise<void> {
  const lines = (await readFile(path.join(FIXTURE, name), 'utf8')).split('\n').slice(0, rows);
  await writeFile(path.join(workspace, name), `${lines.join('\n')}\n`);
}
