/**
 * One workspace with the tuned starter for all tests of a process that look at one: tuning takes minutes. The walkthrough leaves it as a
 * newcomer has it; where that does not run first, whoever wants it trains a part of the recipe.
 */
import { rmSync } from 'node:fs';
import { mkdir, mkdtemp } from 'node:fs/promises';
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
  return made;
}

/** The folder with a run of the starter in it; trains unless that was done. */
export async function tunedWorkspace(): Promise<string> {
  const workspace = await sharedWorkspace();
  await tuneStarter(workspace, forDocs ? DOCS_RECIPE : SHORT_RECIPE);
  return workspace;
}
