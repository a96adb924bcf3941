// Tests inside VS Code's extension host: `npm run test:host`. On Linux and macOS the VS Code under test is the one that
// scripts/setup_vscode.mjs fetched from npm; elsewhere @vscode/test-electron downloads the desktop build.
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { defineConfig } from '@vscode/test-cli';
import { vscodePaths } from './scripts/setup_vscode.mjs';

const shim = path.join(import.meta.dirname, 'test', 'e2e', 'code_shim.mjs');
const useShim = process.platform !== 'win32' && existsSync(vscodePaths().serverMain);
const fixtures = path.join(import.meta.dirname, 'test', 'fixtures');

/** A copy: runs, settings and edits of the tests stay out of the source tree. */
function workspaceOf(prepare) {
  const workspace = mkdtempSync(path.join(tmpdir(), 'latro-host-'));
  process.once('exit', () => rmSync(workspace, { recursive: true, force: true }));
  cpSync(path.join(fixtures, 'workspace'), workspace, { recursive: true });
  prepare?.(workspace);
  return workspace;
}

/** Some questions of the tiny starter, and a recipe of seconds. */
function prepareTinyStarter(workspace) {
  const starter = path.join(fixtures, 'starter-tiny');
  cpSync(starter, path.join(workspace, 'model'), { recursive: true, filter: (file) => !file.endsWith('.jsonl') });
  for (const [name, rows] of Object.entries({ 'train.jsonl': 6, 'test.jsonl': 3 })) {
    const lines = readFileSync(path.join(starter, name), 'utf8').split('\n').slice(0, rows);
    writeFileSync(path.join(workspace, name), `${lines.join('\n')}\n`);
  }
  const config = {
    model: 'model',
    dataset: { train: 'train.jsonl', test: 'test.jsonl', holdOutFraction: 0 },
    trainable: { kind: 'lora', rank: 2, alpha: 4 },
    steps: 2,
    questionsPerStep: 3,
    sampling: { rationalesPerQuestion: 4, maxRationaleTokens: 48 },
    evaluation: { maxTokens: 64, k: 0 },
    seed: 1,
  };
  writeFileSync(path.join(workspace, 'latro.json'), JSON.stringify(config, null, 2));
}

const common = {
  // A busy machine takes its time, and a real window now and then drops a key or a click.
  mocha: { ui: 'bdd', timeout: 120_000, retries: 1 },
  ...(useShim ? { useInstallation: { fromPath: shim } } : {}),
};

const tinyEngine = path.join(import.meta.dirname, 'dist', 'test', 'tiny_engine_main.cjs');
/** Where each fresh host says what activation took there; several runs of this file may say it in one place. */
const activations = process.env.LATRO_ACTIVATIONS ?? placeForActivations();

function placeForActivations() {
  const folder = mkdtempSync(path.join(tmpdir(), 'latro-activations-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return path.join(folder, 'milliseconds');
}

const ofActivation = { LATRO_TEST_ENGINE: tinyEngine, LATRO_ACTIVATIONS: activations };

export default defineConfig([
  ...['first activation', 'second activation'].map((label) => ({
    ...common,
    label,
    files: 'dist/test/activation.test.cjs',
    workspaceFolder: workspaceOf(),
    env: ofActivation,
  })),
  {
    ...common,
    label: 'tiny engine',
    // The activation test wants an extension that is not active yet.
    files: ['dist/test/activation.test.cjs', 'dist/test/!(activation|real_engine|evaluation_sets).test.cjs'],
    workspaceFolder: workspaceOf(),
    // Git is switched off until a test wants it.
    env: { ...ofActivation, LATRO_ACTIVATION_IS_LAST: 'yes', LATRO_BUILT_IN: 'git git-base' },
  },
  // In a workspace of its own each: both count the runs there are.
  ...['real engine', 'evaluation sets'].map((label) => ({
    ...common,
    label,
    files: `dist/test/${label.replace(' ', '_')}.test.cjs`,
    workspaceFolder: workspaceOf(prepareTinyStarter),
  })),
]);
