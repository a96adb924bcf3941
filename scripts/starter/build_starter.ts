/**
 * Builds the starter from nothing: `npm run starter:build [-- folder]` trains its tokenizer and, from random weights, its model on
 * worked examples, and saves both beside its questions in `media/starter`. Fixed seeds; about a quarter of an hour on two cores.
 * With `--tiny` it builds the fixture of the tests instead: the same in small, too weak to be right, in less than a minute.
 */
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildModel, type ModelRecipe } from './build_model.ts';
import { corpus } from './corpus.ts';
import { jsonLines, starterProblems } from './generate.ts';
import type { PretrainSettings } from './pretrain.ts';

const SEED = 20241108;

type Recipe = ModelRecipe & {
  readonly folder: string;
  /** Rows of each split to write beside the model; null: `generate.ts` writes them. */
  readonly rows: Readonly<Record<'train' | 'validation' | 'test', number>> | null;
};

const validation = starterProblems('validation');
const COMMON = {
  seed: SEED,
  corpus,
  check: {
    questions: validation.map(({ question }) => question),
    answers: {
      right: validation.map(({ answer }) => answer),
      hasty: validation.map(({ hastyAnswer }) => hastyAnswer),
    },
  },
};

const PRETRAIN: PretrainSettings = {
  steps: 3000,
  problems: 16,
  examplesPerProblem: 2,
  learningRate: 2.5e-3,
  warmupSteps: 60,
  weightDecay: 0.01,
  tokenBudget: 4096,
};

const STARTER: Recipe = {
  ...COMMON,
  folder: '../../media/starter',
  vocabulary: 1024,
  hidden: 128,
  feedForward: 384,
  layers: 4,
  heads: 4,
  dtype: 'F32',
  pretrain: PRETRAIN,
  rows: null,
};

const TINY: Recipe = {
  ...COMMON,
  folder: '../../test/fixtures/starter-tiny',
  vocabulary: 640,
  hidden: 32,
  feedForward: 64,
  layers: 2,
  heads: 2,
  dtype: 'BF16',
  pretrain: { ...PRETRAIN, steps: 400, learningRate: 5e-3 },
  rows: { train: 48, validation: 8, test: 16 },
};

const recipe = process.argv.includes('--tiny') ? TINY : STARTER;
const target = process.argv.slice(2).find((argument) => !argument.startsWith('--'));
const folder = resolve(target ?? fileURLToPath(new URL(recipe.folder, import.meta.url)));
await buildModel(recipe, folder);
if (recipe.rows !== null) {
  for (const split of ['train', 'validation', 'test'] as const) {
    const rows = starterProblems(split).slice(0, recipe.rows[split]);
    writeFileSync(join(folder, `${split}.jsonl`), jsonLines(rows));
  }
}
