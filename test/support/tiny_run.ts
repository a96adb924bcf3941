/** A whole run on the tiny model folder: everything of a real run but its size. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { resolveConfigPaths, resolveRunConfig } from '../../src/engine/runs/resolve_config.ts';
import { currentEnvironment } from '../../src/engine/training/environment.ts';
import type { RunObserver } from '../../src/engine/training/training_run.ts';
import type { RunConfig, RunConfigInput } from '../../src/protocol/run_config.ts';
import { writeTinyModelFolder, writeTinyQuestions } from './tiny_model_folder.ts';

/** Model, training and test questions in `folder`. */
export async function writeTinyProject(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeTinyModelFolder(join(folder, 'model'));
  await writeTinyQuestions(join(folder, 'train.jsonl'), 9);
  await writeTinyQuestions(join(folder, 'test.jsonl'), 3, 20);
}

type Sections = { readonly [K in keyof RunConfigInput]?: RunConfigInput[K] };

/** Three updates of LaTRO over `writeTinyProject`'s questions; `changes` replace whole sections. */
export function tinyRunConfig(folder: string, changes: Sections = {}): RunConfig {
  const input = {
    model: 'model',
    dataset: { train: 'train.jsonl', holdOutFraction: 0 },
    trainable: { kind: 'lora', rank: 2, alpha: 4 },
    sampling: { rationalesPerQuestion: 4, maxRationaleTokens: 12, minRationaleTokens: 0 },
    optimizer: { learningRate: 0.01, schedule: 'constant' },
    evaluation: { every: null, k: 0, maxTokens: 12 },
    checkpoints: { every: 1, keep: 10 },
    questionsPerStep: 2,
    steps: 3,
    threads: 1,
    outputDirectory: 'runs',
    ...changes,
  };
  return resolveConfigPaths(resolveRunConfig(input, 'latro.json').config, folder);
}

export const TINY_ENVIRONMENT = currentEnvironment('cpu', 1);

export const SILENT: RunObserver = { onProgress: () => {}, onEvent: () => {}, onWarning: () => {} };
