// `npm run demo`: installs what is missing, builds, and runs the main job on the embedded starter.
import path from 'node:path';
import { installDependencies, root, run } from './tools.mjs';

const steps = [
  () => installDependencies(),
  () => run(process.execPath, [path.join(root, 'scripts', 'build.mjs')]),
  () => run(process.execPath, [path.join(root, 'dist', 'cli.cjs'), 'demo', ...process.argv.slice(2)]),
];
for (const step of steps) {
  process.exitCode = await step();
  if (process.exitCode !== 0) break;
}
