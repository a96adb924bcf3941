/**
 * `npm run experiment:minimind`: MiniMind2-Small on two real datasets. The base can hardly add, so plain LaTRO finds no sound rationale to
 * reward and collapses (algorithms §8.1: length collapse, template learning). The recipe warms up first: arithmetic practice, then the
 * training questions' gold rationales, and only then lets the model's own rationales compete.
 */
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeDrills } from './drills.ts';
import { type Experiment, finalModel, type Json, readConfig, runExperiment } from './experiment.ts';
import { writeResults } from './report.ts';

const example = readConfig(fileURLToPath(new URL('../../examples/minimind-multiarith.json', import.meta.url)));
if (!existsSync(join(String(example.model), 'config.json'))) {
  console.error(
    `There is no model in ${String(example.model)}: put MiniMind2-Small there, or change examples/minimind-multiarith.json.`,
  );
  process.exit(1);
}

const FULL: Json = {
  trainable: { kind: 'full' },
  checkpoints: { every: 100, keep: 2 },
  evaluation: { k: 8, maxTokens: 64, every: null },
  tokenBudget: 3072,
  threads: 1,
};
const SFT: Json = { method: 'sft', sft: { target: 'rationale-and-answer' } };
const REWARDED: Json = {
  questionsPerStep: 8,
  steps: 40,
  sampling: { rationalesPerQuestion: 8, maxRationaleTokens: 48 },
  optimizer: { learningRate: 3e-5, schedule: 'constant' },
};

const drills = resolve(join('.latro', 'experiments', 'drills'));
writeDrills(join(drills, 'train.json'), 9_600, 7);
writeDrills(join(drills, 'test.json'), 200, 8);
const practice = await runExperiment({
  name: 'minimind-practice',
  title: 'Arithmetic practice',
  config: {
    ...example,
    ...FULL,
    ...SFT,
    dataset: {
      train: join(drills, 'train.json'),
      test: join(drills, 'test.json'),
      format: 'multiarith',
      holdOutFraction: 0,
    },
  },
  seeds: [1],
  methods: [{ name: 'practice', overrides: { questionsPerStep: 32, steps: 300, optimizer: { learningRate: 5e-4 } } }],
  comparisons: [['practice', 'base']],
  notes: [],
});
const practised = finalModel(practice.of('practice', 1).directory);

/** The same plan for a dataset: `sft twice` spends LaTRO's updates on more of the warm start, so that time alone explains nothing. */
function experiment(name: string, title: string, dataset: Json, notes: readonly string[]): Experiment {
  return {
    name,
    title,
    config: { ...example, ...FULL, dataset },
    seeds: [1],
    methods: [
      {
        name: 'sft',
        from: { name: 'practice', model: practised },
        overrides: { ...SFT, questionsPerStep: 16, steps: 60, optimizer: { learningRate: 1e-4 } },
      },
      { name: 'latro after sft', after: 'sft', overrides: { ...REWARDED, method: 'latro' } },
      { name: 'sft twice', after: 'sft', overrides: { ...REWARDED, ...SFT } },
      { name: 'rejection sampling after sft', after: 'sft', overrides: { ...REWARDED, method: 'rejection-sampling' } },
      { name: 'latro alone', overrides: { ...REWARDED, method: 'latro' } },
    ],
    comparisons: [
      ['sft', 'base'],
      ['latro alone', 'base'],
      ['latro after sft', 'base'],
      ['latro after sft', 'sft'],
      ['latro after sft', 'sft twice'],
      ['latro after sft', 'rejection sampling after sft'],
    ],
    notes,
  };
}

const datasets = dirname(dirname(String((example.dataset as Json).train)));
const results = [
  await runExperiment(
    experiment('minimind-multiarith', 'MultiArith', example.dataset as Json, [
      'Train on rows 0 to 479, test on rows 480 to 599.',
    ]),
  ),
  await runExperiment(
    experiment(
      'minimind-svamp',
      'SVAMP',
      {
        train: join(datasets, 'svamp', 'SVAMP.json'),
        test: join(datasets, 'svamp', 'SVAMP.json'),
        format: 'svamp',
        rows: { train: '0:700', test: '700:900' },
        holdOutFraction: 0,
      },
      ['Train on rows 0 to 699, test on rows 700 to 899.'],
    ),
  ),
];
writeResults('minimind', 'MiniMind2-Small: LaTRO after a warm start', [practice, ...results]);
