// What runs on the machine that is measured, each as one file: the bench, the command line and the tests that compare devices.
import path from 'node:path';
import { build } from 'esbuild';
import { root } from '../tools.mjs';

/** Mocha has to be there before the tests are: modules are evaluated in the order of their imports. */
const PARITY = `
import { start } from './scripts/bench_bundle/mocha_runner.mjs';
import './test/webgpu/programs.test.ts';
import './test/webgpu/training.test.ts';
import './test/webgpu/float16.test.ts';
import './test/unit/graph_gradients.test.ts';
start();
`;

/** Into a folder below which, or above which, onnxruntime-node is found. */
export async function compilePrograms(folder, names = ['bench', 'latro', 'parity']) {
  const options = {
    absWorkingDir: root,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    logLevel: 'error',
    external: ['onnxruntime-node'],
    // What CommonJS packages inside expect.
    banner: {
      js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url); const __dirname = import.meta.dirname; const __filename = import.meta.filename;",
    },
  };
  const programs = {
    bench: { entryPoints: ['scripts/bench/main.ts'] },
    latro: { entryPoints: ['src/cli/main.ts'] },
    parity: {
      stdin: { contents: PARITY, resolveDir: root, loader: 'js' },
      // Mocha resolves its parallel runner's files, which a bundle has not and which nothing here starts.
      logOverride: { 'require-resolve-not-external': 'silent' },
    },
  };
  for (const name of names) await build({ ...options, ...programs[name], outfile: path.join(folder, `${name}.mjs`) });
}
