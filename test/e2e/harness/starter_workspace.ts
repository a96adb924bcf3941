/** A workspace in which the starter that comes with the extension was tuned already: the real model, its questions, a real run. */
import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const root = path.resolve(import.meta.dirname, '..', '..', '..');
const STARTER = path.join(root, 'media', 'starter');
/** As `npm run package` built it. */
const CLI = path.join(root, 'dist', 'cli.cjs');

/** The whole recipe on a busy machine; it is killed then. */
export const TRAINING_MILLISECONDS = 1_500_000;

/** How much of the recipe is run; null: all of it. */
export interface StarterRecipe {
  readonly steps: number | null;
  readonly testQuestions: number | null;
  readonly validationQuestions: number | null;
}

export const SHORT_RECIPE: StarterRecipe = { steps: 12, testQuestions: 40, validationQuestions: 24 };

/** The starter as the command "Open the Starter's Questions" leaves it, less what the recipe leaves out. */
export async function copyStarter(workspace: string, recipe: StarterRecipe): Promise<string> {
  const folder = path.join(workspace, 'starter');
  await cp(STARTER, folder, { recursive: true });
  const sets = { test: recipe.testQuestions, validation: recipe.validationQuestions };
  for (const [set, questions] of Object.entries(sets)) {
    if (questions !== null) await keepLines(path.join(folder, `${set}.jsonl`), questions);
  }
  const file = path.join(folder, 'latro.json');
  const { $schema: _, ...config } = JSON.parse(await readFile(file, 'utf8'));
  const own = { ...shorten(config, recipe), outputDirectory: '../.latro/runs' };
  await writeFile(file, `${JSON.stringify(own, null, 2)}\n`);
  return folder;
}

/** The recipe with fewer updates, and fewer questions to answer before, between and after them. */
function shorten<C extends { readonly evaluation: object }>(config: C, { steps, testQuestions }: StarterRecipe) {
  if (steps === null) return config;
  const every = Math.ceil(steps / 3);
  const evaluation = { ...config.evaluation, every, questions: testQuestions };
  return { ...config, steps, evaluation, checkpoints: { every, keep: 3 } };
}

/** Trains on it, unless that was done. */
export async function tuneStarter(workspace: string, recipe: StarterRecipe): Promise<void> {
  if ((await readdir(path.join(workspace, '.latro', 'runs')).catch(() => [])).length > 0) return;
  await mkdir(workspace, { recursive: true });
  const folder = await copyStarter(workspace, recipe);
  await promisify(execFile)(process.execPath, [CLI, 'train', path.join(folder, 'latro.json'), '--quiet'], {
    timeout: TRAINING_MILLISECONDS,
  });
}

async function keepLines(file: string, count: number): Promise<void> {
  const lines = (await readFile(file, 'utf8')).split('\n').slice(0, count);
  await writeFile(file, `${lines.join('\n')}\n`);
}
