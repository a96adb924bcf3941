// `npm test`: everything, from a fresh clone. Installs what is missing (packages, a VS Code, a browser), then runs each stage, prints
// its seconds, and ends with one line of counts over all stages. Every stage runs even when an earlier one failed, and none for ever:
// each has several times the minutes it takes on a quiet machine with two cores.
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { setupChromium, setupVscode } from './setup_vscode.mjs';
import { testWebgpu } from './test_webgpu.mjs';
import { installDependencies, root, run, seconds, testHome, tool } from './tools.mjs';

const total = { passing: 0, failing: 0, pending: 0 };

/** Runs one stage, prints its output as one block when it ends, and adds mocha's counts to the total. */
async function stage(name, action) {
  const started = Date.now();
  const lines = [];
  console.log(`… ${name}`);
  let code = 1;
  try {
    code = await action((line) => lines.push(line));
  } catch (error) {
    lines.push(error.message);
  }
  const counts = Object.fromEntries(Object.keys(total).map((kind) => [kind, countOf(lines, kind)]));
  // A stage that is no test run, or that broke off before it could count, still shows in the last line.
  if (code !== 0 && counts.failing === 0) counts.failing = 1;
  for (const kind of Object.keys(total)) total[kind] += counts[kind];
  const plain = counts.passing + counts.failing + counts.pending === 0;
  if (!plain) console.log(lines.join('\n'));
  console.log(`${code === 0 ? '✓' : '✗'} ${name}: ${seconds(started)}`);
  return code === 0;
}

/** The sum of mocha's "N passing" lines of one kind; `@vscode/test-cli` prints one per configuration. */
function countOf(lines, kind) {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colour codes begin with an escape character
  const plain = lines.map((line) => line.replace(/\u001b\[[0-9;]*m/g, ''));
  const counts = plain.map((line) => new RegExp(`^\\s*(\\d+) ${kind}\\b`).exec(line)?.[1] ?? 0);
  return counts.reduce((sum, count) => sum + Number(count), 0);
}

const node = (script, minutes) => (onLine) => run(process.execPath, [path.join(root, script)], { onLine, minutes });

/** Runs the mocha tests of a folder; a folder without any is said to be empty. */
const mocha =
  (folder, minutes, options = []) =>
  (onLine) => {
    const files = existsSync(path.join(root, folder)) ? readdirSync(path.join(root, folder), { recursive: true }) : [];
    if (!files.some((file) => file.endsWith('.test.ts'))) {
      console.log(`  no tests in ${folder}`);
      return 0;
    }
    const always = ['--import=tsx', '--require=./test/support/ends_by_itself.ts'];
    return tool('mocha/bin/mocha.js', [...always, ...options, `${folder}/**/*.test.ts`], { onLine, minutes });
  };

async function typecheck(onLine) {
  const codes = [];
  for (const project of ['.', 'webview']) codes.push(await tool('typescript/bin/tsc', ['-p', project], { onLine }));
  return Math.max(...codes);
}

mkdirSync(testHome, { recursive: true });
if (!(await stage('install packages', (onLine) => installDependencies({ onLine })))) process.exit(1);

let chromium;
const browserAndVscode = stage('install VS Code and Chromium', async (onLine) => {
  await setupVscode(onLine);
  chromium = await setupChromium(onLine);
  return 0;
});
// Most of them take one core: what follows up to the package takes the other.
const unitTests = stage('unit tests', mocha('test/unit', 12, ['--timeout=30000', '--reporter=dot']));
await stage('type check', typecheck);
await stage('lint', (onLine) => tool('@biomejs/biome/bin/biome', ['ci', '--colors=off', '.'], { onLine }));
await browserAndVscode;

if (chromium) process.env.CHROMIUM = chromium;
await stage('panel tests in a browser', mocha('test/webview', 8, ['--timeout=60000', '--reporter=dot']));
await stage("WebGPU tests on the browser's software driver", (onLine) =>
  testWebgpu({ onLine, reporter: 'dot', minutes: 12 }),
);
await unitTests;
// These take both cores.
await stage('reference tests', mocha('test/reference', 8, ['--timeout=240000']));
await stage('package', node('scripts/package.mjs', 5));
await stage("tests in VS Code's extension host", async (onLine) => {
  const built = await run(process.execPath, [path.join(root, 'scripts', 'build.mjs'), '--host-tests'], { onLine });
  return built || (await tool('@vscode/test-cli/out/bin.mjs', [], { onLine, minutes: 10 }));
});
const withRetries = ['--retries=1', '--reporter=test/support/spec_with_retries.cjs'];
await stage('end-to-end tests', mocha('test/e2e', 30, ['--timeout=240000', ...withRetries]));

console.log(`\n${total.passing} passed, ${total.failing} failed, ${total.pending} skipped`);
process.exitCode = total.failing === 0 ? 0 : 1;
