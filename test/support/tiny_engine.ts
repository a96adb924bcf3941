/** The tiny engine bundled into one file, as dist/engine.cjs is: something a supervisor can start. */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { build } from 'esbuild';

export async function bundleTinyEngine(): Promise<string> {
  const outfile = path.join(await mkdtemp(path.join(tmpdir(), 'tiny-engine-')), 'engine.cjs');
  const entry = path.join(import.meta.dirname, 'tiny_engine_main.ts');
  await build({ entryPoints: [entry], outfile, bundle: true, platform: 'node', format: 'cjs', logLevel: 'error' });
  return outfile;
}
