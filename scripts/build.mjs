// Bundles everything that runs outside the source tree into dist/. An entry whose source does not exist is left out, with a line.
//   node scripts/build.mjs [--prod | --host-tests]
//   --prod        minified, no source maps, and the size budgets count
//   --host-tests  only the tests that run inside VS Code's extension host, to dist/test/, leaving the rest of dist/ as it is
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { nodeBundle } from './node_bundle.mjs';
import { root, seconds } from './tools.mjs';

const started = Date.now();
const production = process.argv.includes('--prod');
const hostTests = process.argv.includes('--host-tests');
const kB = 1000;

const common = {
  absWorkingDir: root,
  bundle: true,
  minify: production,
  sourcemap: production ? false : 'linked',
  legalComments: 'linked',
  logLevel: 'warning',
};
const node = { ...common, ...nodeBundle };
const browser = { ...common, platform: 'browser', target: 'es2022', format: 'esm' };

/** Sources of `folder` whose names end in `suffix`, as paths from the root. */
const sources = (folder, suffix) =>
  existsSync(path.join(root, folder))
    ? readdirSync(path.join(root, folder))
        .filter((name) => name.endsWith(suffix))
        .map((name) => `${folder}/${name}`)
    : [];

/** `budget`: bytes of the minified file, because a window loads it before its user sees anything. */
const product = [
  {
    entry: 'src/extension/extension.ts',
    out: 'dist/extension.cjs',
    options: { ...node, external: ['vscode'] },
    budget: 500 * kB,
  },
  { entry: 'src/extension/panels/comparison_worker.ts', out: 'dist/comparison_worker.cjs', options: node },
  { entry: 'src/extension/dataset/json_lines_worker.ts', out: 'dist/json_lines_worker.cjs', options: node },
  { entry: 'src/engine/server/main.ts', out: 'dist/engine.cjs', options: { ...node, external: ['onnxruntime-node'] } },
  {
    entry: 'src/cli/main.ts',
    out: 'dist/cli.cjs',
    options: { ...node, external: ['onnxruntime-node'] },
    executable: true,
  },
  ...sources('webview', '_panel.ts').map((entry) => ({
    entry,
    out: `dist/webview/${path.basename(entry, '.ts')}.js`,
    options: browser,
    budget: 300 * kB,
  })),
];

const hostTestBundles = [...sources('test/host', '.test.ts'), 'test/support/tiny_engine_main.ts'].map((entry) => ({
  entry,
  out: `dist/test/${path.basename(entry, '.ts')}.cjs`,
  options: { ...node, external: ['vscode', 'onnxruntime-node'] },
}));

/** Each with what it imports. */
const styles = ['webview/panel.css', ...sources('webview', '_panel.css')].map((entry) => ({
  entry,
  out: `dist/${entry}`,
  options: { ...common, sourcemap: false },
}));

async function bundle({ entry, out, options, budget, executable }) {
  if (!existsSync(path.join(root, entry))) return { line: `  ${out}: left out, ${entry} does not exist` };
  const outfile = path.join(root, out);
  await build({ ...options, entryPoints: [entry], outfile });
  if (executable) {
    if (!readFileSync(outfile, 'utf8').startsWith('#!'))
      throw new Error(`${entry} must start with #!/usr/bin/env node`);
    chmodSync(outfile, 0o755);
  }
  const bytes = statSync(outfile).size;
  const limit = budget && production ? ` of ${budget / kB}` : '';
  return {
    line: `  ${out}: ${(bytes / kB).toFixed(1)}${limit} kB`,
    over: production && budget !== undefined && bytes > budget,
  };
}

if (!hostTests) {
  rmSync(path.join(root, 'dist'), { recursive: true, force: true });
  mkdirSync(path.join(root, 'dist', 'webview'), { recursive: true });
}
const bundles = hostTests ? hostTestBundles : [...product, ...styles];
const results = await Promise.all(bundles.map(bundle));
for (const { line, over } of results) console.log(over ? `${line}  OVER BUDGET` : line);
console.log(`Built in ${seconds(started)}`);
if (results.some((result) => result.over)) process.exitCode = 1;
