/** A child process for tests, bundled into one file so that it starts fast: of those that are killed, hundreds are started. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const ROOT = join(import.meta.dirname, '..', '..');

export interface ChildProgram {
  readonly file: string;
  remove(): Promise<void>;
}

/** @param entry of the child; by default the one that is killed */
export async function bundleChild(entry: URL = new URL('./child.ts', import.meta.url)): Promise<ChildProgram> {
  // Inside the repository, where onnxruntime-node is found.
  await mkdir(join(ROOT, '.tmp'), { recursive: true });
  const folder = await mkdtemp(join(ROOT, '.tmp', 'child-'));
  const file = join(folder, 'child.cjs');
  await build({
    entryPoints: [fileURLToPath(entry)],
    outfile: file,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    external: ['onnxruntime-node'],
    logLevel: 'error',
  });
  return { file, remove: () => rm(folder, { recursive: true, force: true }) };
}

export interface Child {
  readonly kill: () => boolean;
  /** Everything it said, once it has ended. */
  readonly ended: () => Promise<string>;
}

/** Returns with the child's first word: its code is loaded, its run not begun. */
export async function startChild(program: ChildProgram, ...args: string[]): Promise<Child> {
  const child = spawn(process.execPath, [program.file, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const closed = once(child, 'close');
  await Promise.race([once(child.stdout, 'data'), closed]);
  return {
    kill: () => child.kill('SIGKILL'),
    ended: async () => {
      await closed;
      return output;
    },
  };
}
