/**
 * Serves a panel as VS Code would: its own page, the Content Security Policy of the extension, the theme's variables, `acquireVsCodeApi`, and
 * snapshots sent after `ready`. The real thing runs in headless Chromium; nothing of the panel is replaced.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { build } from 'esbuild';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { contentSecurityPolicy } from '../../src/extension/panels/content_security_policy.ts';

export type PanelName = 'rationale_panel' | 'dashboard_panel' | 'accuracy_panel';
export type ThemeName = 'dark' | 'light' | 'hc-dark' | 'hc-light';
export const themeNames: readonly ThemeName[] = ['dark', 'light', 'hc-dark', 'hc-light'];

const root = path.resolve(import.meta.dirname, '../..');
const themes: Record<ThemeName, { kind: string; bodyClass: string; variables: Record<string, string> }> = JSON.parse(
  readFileSync(path.join(root, 'test/webview/fixtures/themes.json'), 'utf8'),
);
const axeSource = readFileSync(path.join(root, 'node_modules/axe-core/axe.min.js'), 'utf8');
/** axe-core's rules that look at colours; the others say the same in every theme. */
const COLOUR_RULES = ['color-contrast', 'link-in-text-block'];
/** Which of axe-core's rules look at a panel in this theme: all of them in one of each kind, high contrast or not. */
export const rulesFor = (theme: ThemeName): 'all' | 'colours' => (theme.endsWith('dark') ? 'all' : 'colours');
const NONCE = 'testnonce';

export interface PanelOptions {
  readonly theme?: ThemeName;
  readonly width?: number;
  readonly height?: number;
  readonly snapshot?: unknown;
  readonly state?: unknown;
}

export interface OpenPanel {
  readonly page: Page;
  /** Intents the panel posted, oldest first. */
  posted(): Promise<Record<string, unknown>[]>;
  /** A message from the host. */
  send(message: unknown): Promise<void>;
  /** What axe-core calls serious or critical, one line each; of `colours`, what a theme decides. */
  seriousViolations(rules?: 'all' | 'colours'): Promise<string[]>;
  /** The whole page into test-results/webview, where `LATRO_SCREENSHOTS` asks for pictures: they take as long as the tests. */
  picture(name: string): Promise<void>;
  /** Errors, console errors and blocked styles or scripts since the page opened. */
  complaints(): string[];
  close(): Promise<void>;
}

export class PanelHarness {
  readonly bundles: ReadonlyMap<PanelName, string>;
  readonly #server: Server;
  readonly #browser: Browser;
  readonly #window: BrowserContext;

  private constructor(bundles: ReadonlyMap<PanelName, string>, server: Server, window: BrowserContext) {
    this.bundles = bundles;
    this.#server = server;
    this.#browser = window.browser()!;
    this.#window = window;
  }

  /** To be called in a `before` hook, whose tests are skipped where there is no Chromium. */
  static skipWithoutChromium(context: Mocha.Context): void {
    if (browserPath() !== undefined) return;
    console.log('    no Chromium on this machine: panel tests skipped (set CHROMIUM to its path)');
    context.skip();
  }

  static async start(): Promise<PanelHarness> {
    const names: readonly PanelName[] = ['rationale_panel', 'dashboard_panel', 'accuracy_panel'];
    const bundles = new Map<PanelName, string>();
    for (const name of names) {
      const entry = path.join(root, 'webview', `${name}.ts`);
      if (!existsSync(entry)) continue;
      const built = await build({
        entryPoints: [entry],
        bundle: true,
        minify: true,
        format: 'esm',
        target: 'es2022',
        write: false,
        logLevel: 'error',
      });
      bundles.set(name, built.outputFiles[0]!.text);
    }
    const styles = new Map<string, string>();
    for (const file of ['panel.css', ...names.map((name) => `${name}.css`)]) {
      const entryPoints = [path.join(root, 'webview', file)];
      const built = await build({ entryPoints, bundle: true, write: false, logLevel: 'error' });
      styles.set(file, built.outputFiles[0]!.text);
    }
    const server = createServer((request, response) => {
      const url = new URL(request.url ?? '/', 'http://127.0.0.1');
      const file = path.basename(url.pathname);
      const script = bundles.get(path.basename(file, '.js') as PanelName);
      if (file.endsWith('.css')) {
        response.setHeader('content-type', 'text/css; charset=utf-8');
        response.end(styles.get(file) ?? '');
      } else if (file.endsWith('.js') && script !== undefined) {
        response.setHeader('content-type', 'text/javascript; charset=utf-8');
        response.end(script);
      } else {
        response.setHeader('content-type', 'text/html; charset=utf-8');
        response.setHeader('content-security-policy', contentSecurityPolicy("'self'", NONCE));
        response.end(html(file as PanelName, (url.searchParams.get('theme') ?? 'dark') as ThemeName));
      }
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const browser = await chromium.launch({
      executablePath: browserPath() ?? 'chromium',
      args: ['--no-sandbox', '--disable-gpu'],
    });
    const window = await browser.newContext({ reducedMotion: 'reduce' });
    // Keeps the browser's window when the tab of a panel closes: a new one takes longer than most tests.
    await window.newPage();
    return new PanelHarness(bundles, server, window);
  }

  async open(panel: PanelName, options: PanelOptions): Promise<OpenPanel> {
    const page = await this.#window.newPage();
    await page.setViewportSize({ width: options.width ?? 360, height: options.height ?? 900 });
    const complaints: string[] = [];
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    await page.addInitScript(hostScript(options.snapshot, options.state));
    const { port } = this.#server.address() as AddressInfo;
    await page.goto(`http://127.0.0.1:${port}/${panel}?theme=${options.theme ?? 'dark'}`);
    await page.locator('main > *').first().waitFor({ state: 'attached' });
    await page.evaluate('window.greeted');
    await drawn(page);
    return {
      page,
      posted: () => page.evaluate<Record<string, unknown>[]>('window.posted'),
      async send(message) {
        await page.evaluate(`new Promise((done) => {
          window.addEventListener('message', done, { once: true });
          window.postMessage(${JSON.stringify(message)}, '*');
        })`);
        await drawn(page);
      },
      async seriousViolations(rules = 'all') {
        if (await page.evaluate('window.axe === undefined')) await page.evaluate(axeSource);
        const options = { resultTypes: ['violations'], ...(rules === 'all' ? {} : { runOnly: COLOUR_RULES }) };
        return page.evaluate<string[]>(
          `axe.run(document, ${JSON.stringify(options)}).then((result) => result.violations
            .filter((violation) => violation.impact === 'serious' || violation.impact === 'critical')
            .flatMap((violation) => violation.nodes.map((node) => violation.id + ': ' + node.html.slice(0, 160) + ' ' + node.failureSummary)))`,
        );
      },
      async picture(name) {
        if (process.env.LATRO_SCREENSHOTS === undefined) return;
        await page.screenshot({ path: path.join(root, 'test-results/webview', `${name}.png`), fullPage: true });
      },
      complaints: () => complaints,
      close: () => page.close(),
    };
  }

  async stop(): Promise<void> {
    await this.#browser.close();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** Where this machine keeps its Chromium; undefined where there is none (the tests then say so). */
function browserPath(): string | undefined {
  const candidates = [
    process.env.CHROMIUM,
    '/usr/bin/chromium',
    '/usr/bin/chromium-browser',
    '/usr/bin/google-chrome',
    chromium.executablePath(),
  ];
  return candidates.find((candidate) => candidate !== undefined && candidate !== '' && existsSync(candidate));
}

/** The panel draws in a microtask after a message; the toolkit renders in the next frame, and what that changes is there in the second. */
async function drawn(page: Page): Promise<void> {
  await page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))');
}

function html(panel: PanelName, theme: ThemeName): string {
  const { kind, bodyClass } = themes[theme];
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${panel}</title>
<meta property="csp-nonce" content="${NONCE}">
<style nonce="${NONCE}">html { ${variables(panel, theme)} }</style>
<link rel="stylesheet" href="/panel.css"><link rel="stylesheet" href="/${panel}.css">
</head><body class="${bodyClass}" data-vscode-theme-kind="${kind}"><script nonce="${NONCE}" type="module" src="/${panel}.js"></script></body></html>`;
}

function variables(panel: PanelName, theme: ThemeName): string {
  const table = themes[theme].variables;
  const background = table[panel === 'rationale_panel' ? '--vscode-sideBar-background' : '--vscode-editor-background'];
  const all = Object.entries(table).map(([name, value]) => `${name}: ${value};`);
  return `${all.join(' ')} background: ${background}; color-scheme: ${theme.endsWith('light') ? 'light' : 'dark'};`;
}

/** VS Code's side of the wire, before the panel's script runs. */
function hostScript(snapshot: unknown, state: unknown): string {
  return `
    window.posted = [];
    let greet;
    window.greeted = new Promise((done) => (greet = done));
    let state = ${JSON.stringify(state ?? null)} ?? undefined;
    window.acquireVsCodeApi = () => ({
      postMessage(intent) {
        window.posted.push(structuredClone(intent));
        const snapshot = ${JSON.stringify(snapshot ?? null)};
        if (intent.type !== 'ready') return;
        if (!snapshot) return greet();
        // After the panel's own listener, which was there first.
        window.addEventListener('message', greet, { once: true });
        window.postMessage({ type: 'snapshot', snapshot }, '*');
      },
      getState: () => state,
      setState: (next) => (state = window.saved = next),
    });`;
}
