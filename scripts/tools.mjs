// What the scripts share. Plain Node, no dependency: `npm test` and `npm run demo` start in a clone without node_modules.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';

export const root = path.resolve(import.meta.dirname, '..');

/** Folder of everything the tests download or write while they run; in .gitignore. */
export const testHome = path.join(root, '.vscode-test');

/** What a program may still say after its end; a process that it left behind may hold its output open for ever. */
const LAST_WORDS_MILLISECONDS = 2000;

/**
 * Runs a program to its end. `onLine` sees every line of stdout and stderr; without it they go to the terminal. With `minutes`, it and
 * all it started is killed after that time. Resolves with the exit code (a signal counts as 1) and never rejects on a failing program,
 * only on one that cannot start.
 */
export function run(program, args, { cwd = root, env = process.env, onLine, minutes } = {}) {
  return new Promise((resolve, reject) => {
    // npm and npx are .cmd files on Windows, which only a shell can start.
    const shell = process.platform === 'win32' && !program.endsWith('.exe');
    // A group of its own can be killed whole.
    const detached = minutes !== undefined && process.platform !== 'win32';
    const stdio = onLine ? ['ignore', 'pipe', 'pipe'] : 'inherit';
    const child = spawn(program, args, { cwd, env, shell, stdio, detached });
    const kill = () => {
      try {
        process.kill(detached ? -child.pid : child.pid, 'SIGKILL');
      } catch {
        // gone already
      }
    };
    const interrupt = () => {
      kill();
      process.exit(130);
    };
    if (detached) for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, interrupt);
    const deadline =
      minutes !== undefined &&
      setTimeout(() => {
        (onLine ?? console.error)(`✗ did not end within ${minutes} minutes and was killed`);
        kill();
      }, minutes * 60_000);
    const end = (code) => {
      clearTimeout(deadline);
      if (detached) {
        for (const signal of ['SIGINT', 'SIGTERM']) process.off(signal, interrupt);
        kill(); // what it left behind
      }
      for (const stream of [child.stdout, child.stderr]) stream?.destroy();
      resolve(code ?? 1);
    };
    for (const stream of onLine ? [child.stdout, child.stderr] : []) {
      let rest = '';
      stream.setEncoding('utf8').on('data', (chunk) => {
        const lines = (rest + chunk).split('\n');
        rest = lines.pop();
        for (const line of lines) onLine(line);
      });
      stream.on('end', () => rest !== '' && onLine(rest));
    }
    child.once('error', reject);
    child.once('close', end);
    child.once('exit', (code) => setTimeout(() => end(code), LAST_WORDS_MILLISECONDS).unref());
  });
}

/** Runs npm itself: the one that runs this script, or the one on the PATH. */
export function npm(args, options = {}) {
  const entry = process.env.npm_execpath;
  const quiet = { npm_config_audit: 'false', npm_config_fund: 'false', npm_config_update_notifier: 'false' };
  const withQuiet = { ...options, env: { ...(options.env ?? process.env), ...quiet } };
  return entry?.endsWith('npm-cli.js')
    ? run(process.execPath, [entry, ...args], withQuiet)
    : run('npm', args, withQuiet);
}

/** `npm ci`, when node_modules is missing or was left half installed (npm writes its own lock file last). */
export async function installDependencies(options = {}) {
  if (existsSync(path.join(root, 'node_modules', '.package-lock.json'))) return 0;
  return await npm(['ci', '--loglevel=error'], options);
}

/** Runs a tool of node_modules by its script, which works without a shell and on every platform. */
export const tool = (script, args, options) =>
  run(process.execPath, [path.join(root, 'node_modules', script), ...args], options);

export const seconds = (since) => `${((Date.now() - since) / 1000).toFixed(1)} s`;
