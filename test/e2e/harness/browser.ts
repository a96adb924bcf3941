/** A headless Chromium that can reach this machine and nothing else. */
import { type Browser, chromium, type Page, selectors } from 'playwright-core';
import { findChromium } from '../../../scripts/setup_vscode.mjs';

/** How long anything may take to appear: what a quick machine shows at once, a busy one shows in its own time. */
const PATIENCE_MILLISECONDS = 60_000;

/**
 * `webview-over=sidebar`: the extension's webview that is drawn over this part of the workbench. VS Code keeps the frames of all webviews
 * apart from what they belong to, and nothing in them says whether they are a view or a panel.
 */
const WEBVIEW_OVER = `{
  queryAll(root, part) {
    const area = document.querySelector('.part.' + part)?.getBoundingClientRect();
    if (area === undefined) return [];
    const own = 'iframe.webview.ready[src*="extensionId=latro-studio.latro-studio"]';
    return [...document.querySelectorAll(own)].filter((frame) => {
      const { left, top, width, height } = frame.getBoundingClientRect();
      const [x, y] = [left + width / 2, top + height / 2];
      const isInside = x > area.left && x < area.right && y > area.top && y < area.bottom;
      return isInside && width > 0 && height > 0 && frame.checkVisibility({ visibilityProperty: true });
    });
  },
  query(root, part) {
    return this.queryAll(root, part)[0];
  },
}`;
let registered: Promise<void> | undefined;

export interface OpenBrowser {
  readonly browser: Browser;
  readonly page: Page;
  /** Reports of violated content security policies. */
  readonly violations: readonly string[];
  /** Hosts other than this machine that something asked for. */
  readonly hosts: ReadonlySet<string>;
}

/** @param language of VS Code's window in it, such as "ja"; English when absent */
export async function openBrowser(language?: string): Promise<OpenBrowser> {
  const executablePath = await findChromium();
  if (executablePath === undefined)
    throw new Error('There is no Chromium; node scripts/setup_vscode.mjs installs one.');
  registered ??= selectors.register('webview-over', { content: WEBVIEW_OVER });
  await registered;
  const browser = await chromium.launch({
    executablePath,
    chromiumSandbox: false,
    args: [
      '--no-sandbox', // containers run as root
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--disable-background-networking',
      '--disable-component-update',
      '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
    ],
  });
  const context = await browser.newContext({ viewport: { width: 1400, height: 900 }, locale: 'en-US' });
  if (language !== undefined) {
    // The workbench takes its language from the script with its own texts, which is English without a language pack.
    const fixed = `{ get: () => ${JSON.stringify(language)}, set: () => {} }`;
    await context.addInitScript(`Object.defineProperty(globalThis, '_VSCODE_NLS_LANGUAGE', ${fixed})`);
  }
  context.setDefaultTimeout(PATIENCE_MILLISECONDS);
  const page = await context.newPage();
  const violations: string[] = [];
  const hosts = new Set<string>();
  page.on('console', (message) => {
    if (/content security policy/i.test(message.text())) violations.push(message.text());
  });
  page.on('request', (request) => {
    const { protocol, hostname } = new URL(request.url());
    if (/^http/.test(protocol) && hostname !== '127.0.0.1') hosts.add(hostname);
  });
  return { browser, page, violations, hosts };
}
