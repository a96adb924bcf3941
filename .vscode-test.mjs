// Tests inside VS Code's extension host: `npm run test:host`. On Linux and macOS the VS Code under test is the one that
// scripts/setup_vscode.mjs fetched from npm; elsewhere @vscode/test-electron downloads the desktop build.
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { defineConfig } from '@vscode/test-cli';
import { vscodePaths } from './scripts/setup_vscode.mjs';

const shim = path.join(import.meta.dirname, 'test', 'e2e', 'code_shim.mjs');
const useShim = process.platform !== 'win32' && existsSync(vscodePaths().serverMain);
// A copy: runs, settings and edits of the tests stay out of the source tree.
const workspace = mkdtempSync(path.join(tmpdir(), 'latro-host-'));
cpSync(path.join(import.meta.dirname, 'test', 'fixtures', 'workspace'), workspace, { recursive: true });
process.once('exit', () => rmSync(workspace, { recursive: true, force: true }));

export default defineConfig({
  // The activation test wants an extension that is not active yet.
  files: ['dist/test/activation.test.cjs', 'dist/test/!(activation).test.cjs'],
  workspaceFolder: workspace,
  env: { LATRO_TEST_ENGINE: path.join(import.meta.dirname, 'dist', 'test', 'tiny_engine_main.cjs') },
  // A busy machine takes its time, and a real window now and then drops a key or a click.
  mocha: { ui: 'bdd', timeout: 120_000, retries: 1 },
  ...(useShim ? { useInstallation: { fromPath: shim } } : {}),
});
