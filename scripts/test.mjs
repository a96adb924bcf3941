// `npm test`: everything, from a fresh clone; `npm test -- panel lint`: the stages with one of these words in their names. Installs what
// is missing (packages, a VS Code, a browser), then runs each stage, prints its seconds, and ends with one line of counts over all
// stages. Every stage runs even when an earlier one failed, and none for ever: each has several times the minutes it takes on a quiet
// machine with two cores. Two run at a time, because most take one core or wait for a window. CONTRIBUTING.md says how long each takes.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setupChromium, setupVscode } from './setup_vscode.mjs';
import { stageOutcome } from './stage_outcome.mjs';
import { testWebgpu } from './test_webgpu.mjs';
import { installDependencies, root, run, seconds, testHome, tool } from './tools.mjs';

const words = process.argv.slice(2);
const isWanted = (name) => words.length === 0 || words.some((word) => name.includes(word));

const total = { passing: 0, failing: 0, pending: 0 };

/** Runs one stage, prints its output as one block when it ends, and adds mocha's counts to the total. */
async function stage(name, action) {
  if (!name.startsWith('install') && !isWanted(name)) return true;
  const started = Date.now();
  const lines = [];
  console.log(`… ${name}`);
  let code = 1;
  try {
    code = await action((line) => lines.push(line));
  } catch (error) {
    lines.push(error.message);
  }
  const { counts, mark, notes, isQuiet } = stageOutcome(name, code, lines);
  for (const kind of Object.keys(total)) total[kind] += counts[kind];
  if (!isQuiet) console.log(lines.join('\n'));
  const { passing, failing, pending } = counts;
  const counted = isQuiet ? '' : `; ${passing} passed, ${failing} failed, ${pending} skipped`;
  console.log([`${mark}: ${seconds(started)}${counted}`, ...notes.map((note) => `    ${note}`)].join('\n'));
  return code === 0;
}

const node = (script, minutes) => (onLine) => run(process.execPath, [path.join(root, script)], { onLine, minutes });

/** The test files of a folder and those below it, as paths from the root. */
const testsIn = (folder) =>
  readdirSync(path.join(root, folder), { recursive: true })
    .filter((name) => name.endsWith('.test.ts'))
    .sort()
    .map((name) => `${folder}/${name.replaceAll('\\', '/')}`);

/** Every second of them, from the first or the second on: neighbours by name take about as long as one another. */
const half = (files, first) => files.filter((_, i) => i % 2 === first);

/** Runs test files in one mocha. */
const mocha =
  (files, minutes, options = []) =>
  (onLine) => {
    const always = ['--import=tsx', '--require=./test/support/ends_by_itself.ts'];
    return tool('mocha/bin/mocha.js', [...always, ...options, ...files], { onLine, minutes });
  };

/** Runs the configurations of .vscode-test.mjs with these labels. */
const host =
  (labels, minutes, env = {}) =>
  (onLine) => {
    const chosen = labels.map((label) => `--label=${label}`);
    return tool('@vscode/test-cli/out/bin.mjs', chosen, { onLine, minutes, env: { ...process.env, ...env } });
  };

async function typecheck(onLine) {
  const codes = [];
  for (const project of ['.', 'webview']) codes.push(await tool('typescript/bin/tsc', ['-p', project], { onLine }));
  return Math.max(...codes);
}

async function buildAndPackage(onLine) {
  const code = await node('scripts/package.mjs', 5)(onLine);
  return code || (await run(process.execPath, [path.join(root, 'scripts', 'build.mjs'), '--host-tests'], { onLine }));
}

/** Two at a time, in this order. */
async function twoAtATime(jobs) {
  const waiting = [...jobs];
  const lane = async () => {
    for (let job = waiting.shift(); job !== undefined; job = waiting.shift()) await job();
  };
  await Promise.all([lane(), lane()]);
}

mkdirSync(testHome, { recursive: true });
if (!(await stage('install packages', (onLine) => installDependencies({ onLine })))) process.exit(1);

const browser = stage('install Chromium', async (onLine) => {
  process.env.CHROMIUM = await setupChromium(onLine);
  return 0;
});
const vscode = stage('install VS Code', async (onLine) => {
  await setupVscode(onLine);
  return 0;
});

const unit = testsIn('test/unit');
const dot = '--reporter=dot';
await twoAtATime([
  () => stage('unit tests, first half', mocha(half(unit, 0), 12, ['--timeout=30000', dot])),
  () => stage('type check', typecheck),
  () => stage('lint', (onLine) => tool('@biomejs/biome/bin/biome', ['ci', '--colors=off', '.'], { onLine })),
  async () => {
    await browser;
    await stage('panel tests in a browser', mocha(testsIn('test/webview'), 8, ['--timeout=60000', dot]));
  },
  () => stage('unit tests, second half', mocha(half(unit, 1), 12, ['--timeout=30000', dot])),
  async () => {
    // It brings the driver.
    await browser;
    await stage("WebGPU tests on the browser's software driver", (onLine) =>
      testWebgpu({ onLine, reporter: 'dot', minutes: 12 }),
    );
  },
  () => stage('reference tests', mocha(testsIn('test/reference'), 8, ['--timeout=240000'])),
  () => stage('package', buildAndPackage),
]);
await vscode;

// What is measured there is how long a core computes, and a core that shares its cache with another one's work computes more slowly.
const activations = mkdtempSync(path.join(tmpdir(), 'latro-activations-'));
const measured = { LATRO_ACTIVATIONS: path.join(activations, 'milliseconds') };
await stage("activation in VS Code's extension host", host(['first activation', 'second activation'], 5, measured));

const endToEnd = testsIn('test/e2e');
/** One process: the walkthrough trains the model that the pictures show. */
const walkthrough = endToEnd.filter((file) => readFileSync(path.join(root, file), 'utf8').includes('shared_workspace'));
const others = endToEnd.filter((file) => !walkthrough.includes(file));
/** Of the second half the last two are short: they fill the lane that is free first. */
const [firstHalf, secondHalf] = [half(others, 0), half(others, 1)];
const withRetries = ['--retries=1', '--reporter=test/support/spec_with_retries.cjs', '--timeout=240000'];
await twoAtATime([
  () => stage('end-to-end tests, walkthrough and surfaces', mocha(walkthrough, 20, withRetries)),
  () =>
    stage("tests in VS Code's extension host", host(['tiny engine', 'real engine', 'evaluation sets'], 12, measured)),
  () => stage('end-to-end tests, first half of the others', mocha(firstHalf, 15, withRetries)),
  () => stage('end-to-end tests, second half of the others', mocha(secondHalf.slice(0, -2), 15, withRetries)),
  () => stage('end-to-end tests, the last two', mocha(secondHalf.slice(-2), 15, withRetries)),
]);
rmSync(activations, { recursive: true, force: true });

console.log(`\n${total.passing} passed, ${total.failing} failed, ${total.pending} skipped`);
process.exitCode = total.failing === 0 ? 0 : 1;
