import { existsSync } from 'node:fs';
import { cp, mkdtemp, readdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import * as v from 'valibot';
import * as vscode from 'vscode';
import { LatroError } from '../../engine/common/errors.ts';
import type { CommandServices } from './services.ts';

const FOLDER = 'starter';
const Recipe = v.looseObject({ outputDirectory: v.string() });

/**
 * Copies the starter (a model, its questions, and the recipe that tunes it) into the workspace, unless it is there, and opens its
 * training questions. It appears whole or not at all.
 */
export async function openStarter({ workspace, settings }: CommandServices): Promise<void> {
  const { starterFolder } = settings;
  const { l10n } = vscode;
  if (starterFolder === undefined) {
    const next = l10n.t('Install the extension again, or choose a model folder of your own.');
    throw new LatroError('model-not-found', l10n.t('The starter is not there.'), next);
  }
  const target = path.join(workspace, FOLDER);
  const questions = vscode.Uri.file(path.join(target, 'train.jsonl'));
  const isThere = await vscode.workspace.fs.stat(questions).then(
    () => true,
    () => false,
  );
  if (!isThere) {
    await refuseOther(target);
    await copyStarter(starterFolder, target);
  }
  // Kept: as a preview its tab would be taken by what is opened next, the walkthrough's own next step for one.
  await vscode.window.showTextDocument(questions, { preview: false });
}

/** Something else of this name, or a starter that is no longer whole: nothing of a person's is written over. */
async function refuseOther(target: string): Promise<void> {
  if (!existsSync(target)) return;
  const names = await readdir(target).catch(() => null); // a file
  if (names?.length === 0) return await rmdir(target);
  const { l10n } = vscode;
  const reason = l10n.t('There is "{0}" in the workspace already, without the questions of the starter.', FOLDER);
  throw new LatroError('bad-request', reason, l10n.t('Rename it or delete it, then open the starter again.'));
}

async function copyStarter(from: string, to: string): Promise<void> {
  const staging = await mkdtemp(`${to}-`);
  try {
    await cp(from, staging, { recursive: true });
    const file = path.join(staging, 'latro.json');
    const { $schema: _, ...recipe } = v.parse(Recipe, JSON.parse(await readFile(file, 'utf8')));
    const own = { ...recipe, outputDirectory: '../.latro/runs' };
    await writeFile(file, `${JSON.stringify(own, null, 2)}\n`);
    await rename(staging, to);
  } catch (error) {
    await rm(staging, { recursive: true, force: true });
    throw error;
  }
}
