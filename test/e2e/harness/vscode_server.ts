/** A real VS Code: the server inside npm's code-server, with the desktop's own command line and nothing outside its folder. */
import { spawn } from 'node:child_process';
import { existsSync, openSync } from 'node:fs';
import { cp, mkdir, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { vscodePaths } from '../../../scripts/setup_vscode.mjs';

export interface ServerOptions {
  /** Everything is written below it. Short: socket names end at some 100 characters. */
  readonly directory: string;
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Folder of installed extensions, as `installExtension` leaves it; the server gets a copy. */
  readonly installed?: string;
  /** Folders of further extensions, which run beside it in the same extension host. */
  readonly extensions?: readonly string[];
  /** Further built-in extensions of VS Code, by their folders' names. */
  readonly builtIn?: readonly string[];
  /** Lets the page load extensions from their source folder and run tests in the extension host. */
  readonly testDriver?: boolean;
  /** Leaves workspace trust on: the folder then opens untrusted. */
  readonly workspaceTrust?: boolean;
  readonly env?: Readonly<Record<string, string>>;
}

export interface VscodeServer {
  readonly url: string;
  readonly port: number;
  stop(): void;
}

/** A busy machine takes its time. */
const START_MILLISECONDS = 120_000;

/** A quiet workbench: no welcome page, no chat, no updates, nothing animated. */
const SETTINGS: Readonly<Record<string, unknown>> = {
  'workbench.startupEditor': 'none',
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'workbench.tips.enabled': false,
  'workbench.enableExperiments': false,
  'workbench.colorTheme': 'Dark Modern',
  'workbench.reduceMotion': 'on',
  'telemetry.telemetryLevel': 'off',
  'chat.disableAIFeatures': true,
  'extensions.autoUpdate': false,
  'extensions.autoCheckUpdates': false,
  'extensions.ignoreRecommendations': true,
  'extensions.webWorker': false,
  'git.enabled': false,
  'files.hotExit': 'off',
  'files.autoSave': 'off',
  'window.confirmBeforeClose': 'never',
};

/** Built-in extensions that tests meet; the other ninety are only scanned. */
const BUILT_IN = [
  'theme-defaults',
  'theme-seti',
  'json',
  'json-language-features',
  'markdown-basics',
  'markdown-language-features',
  'configuration-editing',
];

/** Has VS Code install an extension, a .vsix file, into the folder `extensions`; `directory` is for what else it writes. */
export async function installExtension(vsix: string, directory: string, extensions: string): Promise<void> {
  const { node, serverMain } = vscodePaths();
  const folders = [
    ...['--user-data-dir', path.join(directory, 'user')],
    ...['--extensions-dir', extensions],
    ...['--server-data-dir', path.join(directory, 'data')],
    '--accept-server-license-terms',
  ];
  await mkdir(directory, { recursive: true });
  const log = openSync(path.join(directory, 'install.log'), 'a');
  const code = await new Promise((resolve) =>
    spawn(node, [serverMain, ...folders, '--install-extension', vsix], {
      env: environment(directory),
      stdio: ['ignore', log, log],
    }).once('exit', resolve),
  );
  if (code !== 0) throw new Error(`${vsix} could not be installed, see ${path.join(directory, 'install.log')}`);
}

/** Nothing outside `directory` is read or written, and nothing asked of the network. */
function environment(directory: string, more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const xdg = path.join(directory, 'xdg');
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    XDG_CONFIG_HOME: xdg,
    XDG_DATA_HOME: xdg,
    XDG_RUNTIME_DIR: xdg,
    EXTENSIONS_GALLERY: '{}',
    ...more,
  };
  // Left by an outer VS Code, or by mocha and tsx for their own processes.
  for (const name of ['VSCODE_IPC_HOOK_CLI', 'NODE_OPTIONS', 'ELECTRON_RUN_AS_NODE']) delete env[name];
  return env;
}

/** A server is a process group of its own and would outlive us. */
const running = new Set<() => void>();
process.once('exit', () => {
  for (const stop of running) stop();
});

export async function startVscode(options: ServerOptions): Promise<VscodeServer> {
  const { directory, settings = {}, installed, extensions = [], builtIn = [] } = options;
  const { testDriver = false, workspaceTrust = false } = options;
  const { node, server, serverMain } = vscodePaths();
  const below = (...names: string[]) => path.join(directory, ...names);
  for (const name of ['user/User', 'extensions', 'builtin', 'xdg']) await mkdir(below(name), { recursive: true });
  if (installed !== undefined) await cp(installed, below('extensions'), { recursive: true });
  const trust = workspaceTrust ? {} : { 'security.workspace.trust.enabled': false };
  await writeFile(below('user/User/settings.json'), JSON.stringify({ ...SETTINGS, ...trust, ...settings }, null, 2));
  for (const name of [...BUILT_IN, ...builtIn]) {
    const extension = path.join(server, 'extensions', name);
    if (existsSync(extension)) await symlink(extension, below('builtin', name), 'junction');
  }

  for (const folder of extensions) await symlink(folder, below('builtin', path.basename(folder)), 'junction');

  const port = await freePort();
  const folders = [
    ...['--user-data-dir', below('user')],
    ...['--extensions-dir', below('extensions')],
    ...['--server-data-dir', below('data')],
    ...['--builtin-extensions-dir', below('builtin')],
    '--accept-server-license-terms',
  ];
  const log = openSync(below('server.log'), 'a');
  const args = [
    ...folders,
    ...['--host', '127.0.0.1', '--port', String(port)],
    ...['--without-connection-token', '--telemetry-level', 'off'],
    ...(workspaceTrust ? [] : ['--disable-workspace-trust']),
    ...(testDriver ? ['--enable-smoke-test-driver'] : []),
  ];
  const env = environment(directory, options.env);
  const child = spawn(node, [serverMain, ...args], { env, stdio: ['ignore', log, log], detached: true });
  const stop = () => {
    // A second time its number may be that of another process.
    if (!running.delete(stop)) return;
    try {
      process.kill(process.platform === 'win32' ? child.pid! : -child.pid!, 'SIGKILL');
    } catch {
      // gone already
    }
  };
  running.add(stop);
  const url = `http://127.0.0.1:${port}`;
  for (const deadline = Date.now() + START_MILLISECONDS; ; await setTimeout(50)) {
    if (
      await fetch(`${url}/version`).then(
        ({ ok }) => ok,
        () => false,
      )
    )
      return { url, port, stop };
    if (child.exitCode !== null || Date.now() > deadline) {
      stop();
      throw new Error(`VS Code did not start, see ${below('server.log')}`);
    }
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() =>
        typeof address === 'object' && address ? resolve(address.port) : reject(new Error('no port')),
      );
    });
  });
}
