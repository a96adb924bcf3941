/** A run with reasoning strategies in a workspace that has the starter: three tags learn the starter's own ways of adding up, then LaTRO. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import type { RunConfigInput } from '../../../src/protocol/run_config.ts';
import { TRAINING_MILLISECONDS } from './starter_workspace.ts';

const root = path.resolve(import.meta.dirname, '..', '..', '..');
const TASK = path.join(root, 'media', 'starter-forking');
/** As `npm run package` built it. */
const CLI = path.join(root, 'dist', 'cli.cjs');

/** Updates of both methods, and questions to answer before and after them. */
export interface StrategyRecipe {
  readonly ssftSteps: number;
  readonly latroSteps: number;
  readonly questions: number;
}

export const SHORT_STRATEGIES: StrategyRecipe = { ssftSteps: 4, latroSteps: 2, questions: 6 };
export const STRATEGY_DATASET = 'sums.jsonl';

/** Trains on `sums.jsonl` with three strategies, unless that was done; the model is that of the folder `starter/`. */
export async function trainStrategies(workspace: string, recipe: StrategyRecipe): Promise<void> {
  const file = path.join(workspace, 'strategies.latro.json');
  if (existsSync(file)) return;
  await copyFile(path.join(TASK, 'train.jsonl'), path.join(workspace, STRATEGY_DATASET));
  await copyFile(path.join(TASK, 'test.jsonl'), path.join(workspace, 'held-out.jsonl'));
  const { ssftSteps, latroSteps, questions } = recipe;
  const config: RunConfigInput = {
    model: 'starter',
    dataset: { train: STRATEGY_DATASET, test: 'held-out.jsonl', format: 'starter', holdOutFraction: 0 },
    trainable: { kind: 'full' },
    strategies: { count: 3, carrier: 'embedding', tag: '<think{n}>' },
    ssft: { source: 'sampled', traces: 3, prefixTokens: 5 },
    stages: [
      { method: 'ssft', steps: ssftSteps, learningRate: 1e-3 },
      { method: 'latro', steps: latroSteps, learningRate: 1e-4 },
    ],
    sampling: { rationalesPerQuestion: 6, maxRationaleTokens: 50 },
    optimizer: { beta2: 0.98 },
    questionsPerStep: 8,
    evaluation: { every: null, k: 3, maxTokens: 60, questions },
    checkpoints: { every: ssftSteps, keep: 2 },
    seed: 1,
    outputDirectory: '.latro/runs',
  };
  await writeFile(file, `${JSON.stringify(config, null, 2)}\n`);
  await promisify(execFile)(process.execPath, [CLI, 'train', file, '--quiet'], { timeout: TRAINING_MILLISECONDS });
}
