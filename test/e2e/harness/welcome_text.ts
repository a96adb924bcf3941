/** What the manifest has an empty list say, as a window shows it. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Workbench } from '../pages/workbench.ts';

const MANIFEST_TEXTS = path.resolve(import.meta.dirname, '../../../package.nls.json');

/** The list `view` says the whole of `welcome.name`, and nothing besides. */
export async function assertWelcome(workbench: Workbench, view: string, name: string): Promise<void> {
  const texts: Readonly<Record<string, string>> = JSON.parse(await readFile(MANIFEST_TEXTS, 'utf8'));
  const text = texts[`welcome.${name}`];
  assert.ok(text !== undefined, `the manifest has no text welcome.${name}`);
  const lines = text.replaceAll(/\[([^\]]+)\]\([^)]+\)/g, '$1').split('\n');
  // A link is an element of its own within the first line.
  const beginning = text.split(/[[\n]/)[0]!.trim();
  assert.deepEqual(await workbench.welcome(view, beginning), lines);
}
