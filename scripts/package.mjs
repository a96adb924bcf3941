// Packages the extension for this platform: latro-studio.vsix with a production build and one platform's onnxruntime binaries.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { root, testHome, tool } from './tools.mjs';

const { platform, arch } = process;
const ignoreFile = path.join(testHome, 'vscodeignore');
mkdirSync(testHome, { recursive: true });
const common = readFileSync(path.join(root, '.vscodeignore'), 'utf8');
writeFileSync(ignoreFile, `${common}!node_modules/onnxruntime-node/bin/napi-v6/${platform}/${arch}/**\n`);

process.exitCode = await tool('@vscode/vsce/vsce', [
  'package',
  ...['--target', `${platform}-${arch}`],
  ...['--ignoreFile', ignoreFile],
  ...['--out', path.join(root, 'latro-studio.vsix')],
  // README links lead to files of the source tree; without a repository there is no address to turn them into.
  '--allow-missing-repository',
  '--no-rewrite-relative-links',
]);
