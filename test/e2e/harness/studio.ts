/** One VS Code with the packaged extension installed, a workspace of its own, and a browser in front of it. */
import { existsSync, rmSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { engineRecordFile, readEngineRecord, removeDeadSocket } from '../../../src/protocol/engine_record.ts';
import { Workbench } from '../pages/workbench.ts';
import { type OpenBrowser, openBrowser } from './browser.ts';
import { installExtension, type ServerOptions, startVscode } from './vscode_server.ts';

const root = path.resolve(import.meta.dirname, '../../..');

/** Kinds of colour theme, each with one of VS Code's own. */
export const THEMES = {
  dark: { name: 'Dark Modern', kind: 'vs-dark' },
  light: { name: 'Light Modern', kind: 'vs' },
  'high-contrast': { name: 'Default High Contrast', kind: 'hc-black' },
  'high-contrast-light': { name: 'Default High Contrast Light', kind: 'hc-light' },
} as const;
export type Theme = keyof typeof THEMES;
/** Within this a panel knows the theme that its window has. */
const PANEL_MILLISECONDS = 20_000;

export interface StudioOptions {
  /** False: the window has no folder open. */
  readonly openFolder?: boolean;
  /** The extension without the model that it brings, as a build may leave it out. */
  readonly withoutStarter?: boolean;
  /** Folder under test/fixtures that becomes the workspace. */
  readonly fixture?: string;
  /** Folder that becomes the workspace instead, and stays. */
  readonly workspace?: string;
  /** Writes into the workspace before the window opens. */
  readonly prepare?: (workspace: string) => Promise<void>;
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly workspaceTrust?: boolean;
  /** Name that Git knows the person in front of the window by; without it there is no Git, and whose account it is counts. */
  readonly author?: string;
  /** Folders of further extensions, which run beside it in the same extension host. */
  readonly extensions?: readonly string[];
  /** Of the window, such as "ja": VS Code's own texts stay English where no language pack is installed, the extension's do not. */
  readonly language?: string;
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

let installed: Promise<string> | undefined;

/** The package as VS Code installs it, which takes seconds: once for all windows of a process. */
async function installOnce(): Promise<string> {
  const vsix = path.join(root, 'latro-studio.vsix');
  if (!existsSync(vsix)) throw new Error('There is no latro-studio.vsix; npm run package makes it.');
  const directory = await mkdtemp(path.join(tmpdir(), 'latro-installed-'));
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  const extensions = path.join(directory, 'extensions');
  await installExtension(vsix, directory, extensions);
  return extensions;
}

export async function openStudio(options: StudioOptions = {}): Promise<Studio> {
  installed ??= installOnce();
  const extensionsFolder = await installed;
  await mkdir(path.join(root, 'test-results'), { recursive: true });
  const directory = await mkdtemp(path.join(tmpdir(), 'latro-e2e-'));
  const workspace = options.workspace ?? path.join(directory, 'workspace');
  if (options.workspace === undefined) {
    await cp(path.join(root, 'test', 'fixtures', options.fixture ?? 'workspace'), workspace, { recursive: true });
  }
  await options.prepare?.(workspace);
  const { settings = {}, workspaceTrust = false, extensions = [], openFolder = true, author } = options;
  const server = await startVscode({
    directory,
    installed: extensionsFolder,
    workspaceTrust,
    extensions,
    ...withGit(settings, author),
  });
  if (options.withoutStarter) await removeStarter(path.join(directory, 'extensions'));
  let opened: OpenBrowser | undefined;
  const close = async () => {
    server.stop();
    await opened?.browser.close();
    const engine = await readEngineRecord(engineRecordFile(workspace));
    if (engine !== undefined) {
      killed(engine.pid);
      await removeDeadSocket(engine.socket);
    }
    await rm(directory, { recursive: true, force: true, maxRetries: 10 });
  };
  try {
    opened = await openBrowser(options.language);
    const { page, violations, hosts } = opened;
    const workbench = new Workbench(page);
    await workbench.open(server.url, openFolder ? workspace : null);
    const setTheme = (theme: Theme) => chooseTheme(page, workspace, theme);
    return { workbench, page, workspace, url: server.url, violations, hosts, setTheme, close };
  } catch (error) {
    // What was started would keep the tests from ending.
    await close();
    throw error;
  }
}

function withGit(settings: Readonly<Record<string, unknown>>, author: string | undefined): Partial<ServerOptions> {
  if (author === undefined) return { settings };
  return {
    settings: { ...settings, 'git.enabled': true, 'git.autoRepositoryDetection': false },
    builtIn: ['git', 'git-base'],
    env: { GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'user.name', GIT_CONFIG_VALUE_0: author },
  };
}

async function removeStarter(extensions: string): Promise<void> {
  const [own, ...more] = (await readdir(extensions)).filter((name) => name.startsWith('latro-studio.'));
  if (own === undefined || more.length > 0) throw new Error(`the extension is not in ${extensions}`);
  await rm(path.join(extensions, own, 'media', 'starter'), { recursive: true });
}

/** For `afterEach`: what a failed test left on the screen, one that is tried again too, if the window still gives a picture. */
export async function pictureOfFailure(studio: Studio | undefined, test: Mocha.Test | undefined): Promise<void> {
  if (test?.isPassed() === false) await studio?.workbench.screenshot(`failed-${test.title}`).catch(() => {});
}

/** By the workspace's settings file: no picker, which would take the focus from what is shown, and close what a loss of focus closes. */
async function chooseTheme(page: Page, workspace: string, theme: Theme): Promise<void> {
  const { name, kind } = THEMES[theme];
  const window = page.locator(`.monaco-workbench.${kind}`);
  if (await window.isVisible()) return;
  const file = path.join(workspace, '.vscode', 'settings.json');
  const settings: unknown = JSON.parse(await readFile(file, 'utf8').catch(() => '{}'));
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, JSON.stringify({ ...(settings as object), 'workbench.colorTheme': name }, null, 2));
  await window.waitFor();
  // Panels are told a moment later; the bodies of their documents name the theme they have.
  for (const frame of page.frames()) {
    try {
      if ((await frame.locator('body[data-vscode-theme-id]').count()) === 0) continue;
      const themed = frame.locator(`body[data-vscode-theme-id="${name}"]`);
      await themed.waitFor({ state: 'attached', timeout: PANEL_MILLISECONDS });
    } catch (error) {
      if (!frame.isDetached()) throw error; // its panel was closed meanwhile
    }
  }
}

function killed(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it had ended
  }
}
