/**
 * The part of `code`'s command line that @vscode/test-electron uses: `--extensionDevelopmentPath`, `--extensionTestsPath` and a folder.
 * The tests run in the Node extension host of VS Code's server; the exit code is theirs.
 */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { format } from 'node:util';
import { openBrowser } from './harness/browser.ts';
import { startVscode } from './harness/vscode_server.ts';

const LIMIT_MILLISECONDS = 600_000;
/** What the workbench says about itself. */
const NOISE =
  /^(Resolv|Creat|unknown document|Timed out waiting for authentication|Updating additional|Ignoring fetching|No search provider|\[(reconnection|Service Worker|AgentHost|AccountPolicy|DefaultAccount|chat-stt))/;

const args = process.argv.slice(2);
const option = (name: string) =>
  args.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3) ?? valueAfter(`--${name}`);
const extension = option('extensionDevelopmentPath');
const tests = option('extensionTestsPath');
const folder = args.find(
  (arg, i) => !arg.startsWith('-') && !/^--(user-data-dir|extensions-dir)$/.test(args[i - 1] ?? ''),
);
if (extension === undefined || tests === undefined) {
  console.error('code_shim: needs --extensionDevelopmentPath and --extensionTestsPath');
  process.exit(2);
}

function valueAfter(name: string): string | undefined {
  const at = args.indexOf(name);
  return at === -1 ? undefined : args[at + 1];
}

const directory = await mkdtemp(path.join(tmpdir(), 'vscode-host-'));
const builtIn = process.env.LATRO_BUILT_IN?.split(' ') ?? [];
const server = await startVscode({ directory, builtIn, testDriver: true });
const { browser, page } = await openBrowser();
const finished = new Promise<number>((resolve) => {
  void page.exposeFunction('codeAutomationExit', resolve);
});
await page.exposeFunction('codeAutomationLog', (type: string, values: unknown[]) => {
  const line = format(...values);
  if (!NOISE.test(line)) (type === 'error' ? process.stderr : process.stdout).write(`${line}\n`);
});
const remote = (file: string) =>
  `vscode-remote://127.0.0.1:${server.port}${encodeURI(path.resolve(file).replaceAll('\\', '/'))}`;
const payload = [
  ['extensionDevelopmentPath', remote(extension)],
  ['extensionTestsPath', remote(tests)],
];
const query = new URLSearchParams({
  ...(folder && { folder: path.resolve(folder) }),
  payload: JSON.stringify(payload),
});
await page.goto(`${server.url}/?${query}`);

const code = await Promise.race([finished, setTimeout(LIMIT_MILLISECONDS, undefined)]);
if (code === undefined) {
  await page.screenshot({ path: 'test-results/host-timeout.png' });
  console.error(
    `The tests did not end within ${LIMIT_MILLISECONDS / 1000} s; test-results/host-timeout.png shows the window.`,
  );
  console.error(readFileSync(path.join(directory, 'server.log'), 'utf8').split('\n').slice(-20).join('\n'));
}
await browser.close();
server.stop();
await rm(directory, { recursive: true, force: true, maxRetries: 5 });
process.exit(code ?? 124);
