// `npm run screenshots`: tunes the whole starter and a small run with strategies, then takes the pictures of docs/screenshots/ by the
// end-to-end tests of every surface and of its states: empty, at work, untrusted. Minutes, most of them training.
import { setupChromium, setupVscode } from './setup_vscode.mjs';
import { run, tool } from './tools.mjs';

await setupVscode();
process.env.CHROMIUM = await setupChromium();
process.env.LATRO_SCREENSHOTS = 'docs';
process.exitCode =
  (await run(process.execPath, ['scripts/package.mjs'])) ||
  (await tool('mocha/bin/mocha.js', ['--import=tsx', 'test/e2e/surfaces_states.test.ts', 'test/e2e/surfaces.test.ts']));
