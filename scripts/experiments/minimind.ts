/**
 * `npm run experiment:minimind`: MiniMind2-Small on MultiArith. The base can hardly write a sound rationale, so plain LaTRO has nothing to
 * select from (algorithms §8.1: length collapse, template learning); the recipe warms up on gold rationales first.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readConfig, runExperiment } from './experiment.ts';

const example = fileURLToPath(new URL('../../examples/minimind-multiarith.json', import.meta.url));
const config = readConfig(example);
if (!existsSync(join(String(config.model), 'config.json'))) {
  console.error(
    `There is no model in ${String(config.model)}: put MiniMind2-Small there, or change examples/minimind-multiarith.json.`,
  );
  process.exit(1);
}

const latro = {
  method: 'latro',
  sampling: { rationalesPerQuestion: 8, maxRationaleTokens: 64 },
  questionsPerStep: 8,
  steps: 30,
  optimizer: { learningRate: 2e-5 },
};

await runExperiment({
  name: 'minimind',
  title: 'MiniMind2-Small on MultiArith',
  config: {
    ...config,
    trainable: { kind: 'full' },
    checkpoints: { every: 30, keep: 2 },
    evaluation: { k: 8, maxTokens: 96, every: null },
  },
  seeds: [1],
  methods: [
    {
      name: 'sft',
      overrides: {
        method: 'sft',
        sft: { target: 'rationale-and-answer' },
        questionsPerStep: 16,
        steps: 90,
        optimizer: { learningRate: 1e-4 },
      },
    },
    { name: 'latro after sft', overrides: latro, after: 'sft' },
    { name: 'latro alone', overrides: { ...latro, optimizer: { learningRate: 1e-4 } } },
  ],
  comparisons: [
    ['sft', 'base'],
    ['latro after sft', 'base'],
    ['latro after sft', 'sft'],
    ['latro alone', 'base'],
  ],
  notes: [
    'Train on rows 0 to 479, test on rows 480 to 599. Gold rationales come from the dataset’s equations.',
    'One seed and 120 questions: an interval of about ±8 points says how little that can decide.',
  ],
});
