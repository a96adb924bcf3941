/** A workspace that trains in seconds: a tiny model folder, a few questions, and a `latro.json` that says how. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { RunConfigInput } from '../../../src/protocol/run_config.ts';
import { writeTinyModelFolder, writeTinyQuestions } from '../../support/tiny_model_folder.ts';

export const TRAINING_ROWS = 6;
export const RATIONALES = 4;

export async function prepareTraining(workspace: string, steps: number): Promise<void> {
  await writeTinyModelFolder(path.join(workspace, 'model'));
  await writeTinyQuestions(path.join(workspace, 'train.jsonl'), TRAINING_ROWS);
  await writeTinyQuestions(path.join(workspace, 'test.jsonl'), 5, 100);
  const config: RunConfigInput = {
    model: 'model',
    dataset: { train: 'train.jsonl', test: 'test.jsonl', holdOutFraction: 0 },
    trainable: { kind: 'lora', rank: 2, alpha: 4 },
    steps,
    questionsPerStep: 3,
    sampling: { rationalesPerQuestion: RATIONALES, maxRationaleTokens: 16 },
    evaluation: { maxTokens: 24, k: 0 },
    checkpoints: { every: 1, keep: 2 },
    seed: 1,
  };
  await writeFile(path.join(workspace, 'latro.json'), JSON.stringify(config, null, 2));
}
