/** One VS Code with the packaged extension installed, a workspace of its own, and a browser in front of it. */
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { engineRecordFile, readEngineRecord, removeDeadSocket } from '../../../src/protocol/engine_record.ts';
import { Workbench } from '../pages/workbench.ts';
import { openBrowser } from './browser.ts';
import { startVscode } from './vscode_server.ts';

const root = path.resolve(import.meta.dirname, '../../..');

/** Kinds of colour theme, each with one of VS Code's own. */
export const THEMES = {
  dark: { name: 'Dark Modern', kind: 'vs-dark' },
  light: { name: 'Light Modern', kind: 'vs' },
  'high-contrast': { name: 'Default High Contrast', kind: 'hc-black' },
  'high-contrast-light': { name: 'Default High Contrast Light', kind: 'hc-light' },
} as const;
export type Theme = keyof typeof THEMES;

export interface StudioOptions {
  /** Folder under test/fixtures that becomes the workspace. */
  readonly fixture?: string;
  /** Folder that becomes the workspace instead, and stays. */
  readonly workspace?: string;
  /** Writes into the workspace before the window opens. */
  readonly prepare?: (workspace: string) => Promise<void>;
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly workspaceTrust?: boolean;
}

export interface Studio {
  readonly workbench: Workbench;
  readonly page: Page;
  readonly workspace: string;
  readonly url: string;
  readonly violations: readonly string[];
  readonly hosts: ReadonlySet<string>;
  /** Changes the colour theme, and waits until the window has it. */
  setTheme(theme: Theme): Promise<void>;
  /** Ends everything, the engine included. */
  close(): Promise<void>;
}

export async function openStudio(options: StudioOptions = {}): Promise<Studio> {
  const vsix = path.join(root, 'latro-studio.vsix');
  if (!existsSync(vsix)) throw new Error('There is no latro-studio.vsix; npm run package makes it.');
  await mkdir(path.join(root, 'test-results'), { recursive: true });
  const directory = await mkdtemp(path.join(tmpdir(), 'latro-e2e-'));
  const workspace = options.workspace ?? path.join(directory, 'workspace');
  if (options.workspace === undefined) {
    await cp(path.join(root, 'test', 'fixtures', options.fixture ?? 'workspace'), workspace, { recursive: true });
  }
  await options.prepare?.(workspace);
  const { settings = {}, workspaceTrust = false } = options;
  const server = await startVscode({ directory, vsix, settings, workspaceTrust });
  const { browser, page, violations, hosts } = await openBrowser();
  const workbench = new Workbench(page);
  await workbench.open(server.url, workspace);
  return {
    workbench,
    page,
    workspace,
    url: server.url,
    violations,
    hosts,
    async setTheme(theme) {
      const { name, kind } = THEMES[theme];
      if (await page.locator(`.monaco-workbench.${kind}`).isVisible()) return;
      await workbench.setTheme(name);
      await page.locator(`.monaco-workbench.${kind}`).waitFor();
      await page.waitForTimeout(300); // panels are told a moment later
    },
    async close() {
      await browser.close();
      server.stop();
      const engine = await readEngineRecord(engineRecordFile(workspace));
      if (engine !== undefined) {
        killed(engine.pid);
        await removeDeadSocket(engine.socket);
      }
      await rm(directory, { recursive: true, force: true, maxRetries: 10 });
    },
  };
}

function killed(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it had ended
  }
}
