/** A headless Chromium that can reach this machine and nothing else. */
import { type Browser, chromium, type Page } from 'playwright-core';
import { findChromium } from '../../../scripts/setup_vscode.mjs';

export interface OpenBrowser {
  readonly browser: Browser;
  readonly page: Page;
  /** Reports of violated content security policies. */
  readonly violations: readonly string[];
  /** Hosts other than this machine that something asked for. */
  readonly hosts: ReadonlySet<string>;
}

export async function openBrowser(): Promise<OpenBrowser> {
  const executablePath = await findChromium();
  if (executablePath === undefined)
    throw new Error('There is no Chromium; node scripts/setup_vscode.mjs installs one.');
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
