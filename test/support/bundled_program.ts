/** Programs of the product as one file each, as the build makes them: compiling their sources at every start takes seven times as long. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { nodeBundle } from '../../scripts/node_bundle.mjs';

const ROOT = join(import.meta.dirname, '..', '..');
const files = new Map<string, string>();

/**
 * @param entry from the root, such as "src/cli/main.ts"
 * @returns the file, for as long as this process lives
 */
export function bundledProgram(entry: string): string {
  const known = files.get(entry);
  if (known !== undefined) return known;
  // Inside the repository, where onnxruntime-node is found.
  mkdirSync(join(ROOT, '.tmp'), { recursive: true });
  const folder = mkdtempSync(join(ROOT, '.tmp', 'program-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'main.cjs');
  const external = ['onnxruntime-node'];
  buildSync({ ...nodeBundle, absWorkingDir: ROOT, entryPoints: [entry], outfile: file, external, logLevel: 'error' });
  files.set(entry, file);
  return file;
}
