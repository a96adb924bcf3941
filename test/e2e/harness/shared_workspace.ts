/**
 * One workspace with the tuned starter for all tests of a process that look at one: tuning takes minutes. The walkthrough leaves it as a
 * newcomer has it; where that does not run first, whoever wants it trains a part of the recipe.
 */
import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { forDocs } from './pictures.ts';
import { SHORT_RECIPE, type StarterRecipe, tuneStarter } from './starter_workspace.ts';

const DOCS_RECIPE: StarterRecipe = { steps: null, testQuestions: 200, validationQuestions: null };

let folder: Promise<string> | undefined;

/** The folder, empty until somebody fills it. One named in the environment keeps its runs, which makes the next pictures quicker. */
export function sharedWorkspace(): Promise<string> {
  folder ??= create();
  return folder;
}

async function create(): Promise<string> {
  const kept = process.env.LATRO_SCREENSHOTS_WORKSPACE;
  if (kept !== undefined) {
    await mkdir(kept, { recursive: true });
    return kept;
  }
  const made = await mkdtemp(path.join(tmpdir(), 'latro-tuned-'));
  process.once('exit', () => rmSync(made, { recursive: true, force: true }));
  // Its name stands in pictures.
  const folder = path.join(made, 'word-problems');
  await mkdir(folder);
  return folder;
}

/** The folder with a run of the starter in it; trains unless that was done. */
export async function tunedWorkspace(): Promise<string> {
  const workspace = await sharedWorkspace();
  await tuneStarter(workspace, forDocs ? DOCS_RECIPE : SHORT_RECIPE);
  return workspace;
}

/** Takes out what people said of its rows and sampled on request, which an earlier try may have left in a workspace that is kept. */
export async function forgetPeople(workspace: string): Promise<void> {
  await rm(path.join(workspace, '.latro', 'rationales'), { recursive: true, force: true });
  for (const name of await readdir(workspace, { recursive: true })) {
    if (/\.(notes|ratings)\.json$/.test(name)) await rm(path.join(workspace, name));
  }
}
