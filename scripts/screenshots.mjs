// `npm run screenshots`: tunes the whole starter and a small run with strategies, then takes the pictures of docs/screenshots/ by the
// end-to-end tests of every surface and of its states: empty, at work, untrusted. Minutes, most of them training. What is said behind `--`
// goes to mocha: `npm run screenshots -- --grep dashboard` takes some of them, and the runs that LATRO_SCREENSHOTS_WORKSPACE names are kept.
import { setupChromium, setupVscode } from './setup_vscode.mjs';
import { run, tool } from './tools.mjs';

await setupVscode();
process.env.CHROMIUM = await setupChromium();
process.env.LATRO_SCREENSHOTS = 'docs';
const tests = ['surfaces_states', 'surfaces', 'surfaces_details'].map((name) => `test/e2e/${name}.test.ts`);
process.exitCode =
  (await run(process.execPath, ['scripts/package.mjs'])) ||
  (await tool('mocha/bin/mocha.js', ['--import=tsx', ...tests, ...process.argv.slice(2)]));
