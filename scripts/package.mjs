// Packages the extension for one platform: a production build and that platform's onnxruntime binaries.
//   npm run package -- [--target linux-x64] [--pre-release] [--out latro-studio.vsix]
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { root, testHome, tool } from './tools.mjs';

const { values } = parseArgs({
  options: {
    target: { type: 'string', default: `${process.platform}-${process.arch}` },
    'pre-release': { type: 'boolean', default: false },
    out: { type: 'string', default: 'latro-studio.vsix' },
  },
});
const { target, out } = values;
const binaries = `node_modules/onnxruntime-node/bin/napi-v6/${target.replace('-', '/')}`;
if (!existsSync(path.join(root, binaries))) {
  console.error(`${target} has no onnxruntime binaries: there is no folder ${binaries}.`);
  process.exit(1);
}
const ignoreFile = path.join(testHome, 'vscodeignore');
mkdirSync(testHome, { recursive: true });
const common = readFileSync(path.join(root, '.vscodeignore'), 'utf8');
writeFileSync(ignoreFile, `${common}!${binaries}/**\n`);

process.exitCode = await tool('@vscode/vsce/vsce', [
  'package',
  ...['--target', target],
  ...(values['pre-release'] ? ['--pre-release'] : []),
  ...['--ignoreFile', ignoreFile],
  ...['--out', path.resolve(root, out)],
  // README links lead to files of the source tree; without a repository there is no address to turn them into.
  '--allow-missing-repository',
  '--no-rewrite-relative-links',
]);
