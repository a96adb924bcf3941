/** VS Code's window as a person uses it: palette, files, notifications, panels. */
import path from 'node:path';
import type { FrameLocator, Locator, Page } from 'playwright-core';

const EXTENSION = 'latro-studio.latro-studio';

export class Workbench {
  readonly page: Page;

  constructor(page: Page) {
    this.page = page;
  }

  /** Opens a folder (and one of its files) and waits until the window stands. */
  async open(url: string, folder: string, file?: string): Promise<void> {
    const query = new URLSearchParams({ folder });
    const authority = new URL(url).host;
    if (file !== undefined) {
      query.set('payload', JSON.stringify([['openFile', `vscode-remote://${authority}${path.join(folder, file)}`]]));
    }
    await this.page.goto(`${url}/?${query}`);
    await this.page.locator('.monaco-workbench .part.statusbar').waitFor();
  }

  /** Reloads the window by its own command, which saves what is open first. */
  async reload(): Promise<void> {
    const loaded = this.page.waitForEvent('domcontentloaded', { timeout: 60_000 });
    await this.runCommand('Developer: Reload Window');
    await loaded;
    await this.page.locator('.monaco-workbench .part.statusbar').waitFor();
  }

  /** Runs a command by its title ("LaTRO: Evaluate…") from the palette. `effect` says that it has begun. */
  async runCommand(title: string, effect: () => Promise<unknown> = async () => {}): Promise<void> {
    await this.#retry(async () => {
      await this.#pickFrom('F1', `>${title}`, title);
      await effect();
    });
  }

  async openFile(name: string): Promise<void> {
    await this.#retry(async () => {
      await this.#pickFrom('Control+P', name, name);
      await this.page.locator(`.tab[data-resource-name="${name}"]`).waitFor({ timeout: 4000 });
    });
  }

  /** Chooses an entry of a quick pick that a command has opened. */
  async choose(text: string | RegExp): Promise<void> {
    const row = this.page.locator('.quick-input-widget .monaco-list-row', { hasText: text }).first();
    await row.waitFor();
    await row.click();
  }

  /** Puts the cursor on a line of the editor in front. */
  async goToLine(line: number): Promise<void> {
    await this.#retry(async () => {
      await this.page.keyboard.press('Control+G');
      const input = this.page.locator('.quick-input-widget input.input');
      await input.waitFor({ state: 'visible', timeout: 2500 });
      await input.fill(`:${line}`);
      await input.press('Enter');
      await this.statusBarItem(new RegExp(`Ln ${line},`)).waitFor({ timeout: 2500 });
    });
  }

  notification(text: string | RegExp): Locator {
    return this.page.locator('.notification-toast', { hasText: text });
  }

  /** Presses a button of a notification. */
  async answer(text: string | RegExp, button: string): Promise<void> {
    const toast = this.notification(text);
    await toast.waitFor();
    await toast.locator('.monaco-button', { hasText: button }).click();
  }

  statusBarItem(text: string | RegExp): Locator {
    return this.page.locator('.statusbar-item', { hasText: text });
  }

  /** Opens the extension's own side bar. */
  async openSideBar(): Promise<void> {
    await this.page.locator('.activitybar .action-label[aria-label^="LaTRO Studio"]').click();
  }

  treeItem(text: string | RegExp): Locator {
    return this.page.locator('.pane-body .monaco-list-row', { hasText: text });
  }

  /** What the Output view shows; blanks are no-break spaces there. */
  get output(): Locator {
    return this.page.locator('.part.panel .output-view .view-lines, .part.panel .view-lines').first();
  }

  /** The document inside the extension's view (webviews are two nested frames). */
  get view(): FrameLocator {
    return frameIn(this.page.locator(`${ofExtension}[src*="purpose=webviewView"]`).last());
  }

  /** The document inside the extension's editor panel that is in front. */
  get panel(): FrameLocator {
    const panels = this.page.locator(`${ofExtension}:not([src*="purpose=webviewView"])`);
    return frameIn(panels.filter({ visible: true }).last());
  }

  async screenshot(name: string): Promise<void> {
    const file = `${name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}.png`;
    await this.page.screenshot({ path: path.join('test-results', file) });
  }

  async #pickFrom(key: string, query: string, row: string): Promise<void> {
    const widget = this.page.locator('.quick-input-widget');
    const input = widget.locator('input.input');
    await this.page.keyboard.press(key);
    await input.waitFor({ state: 'visible', timeout: 2500 });
    await input.fill(query);
    // The focused row, not just any: results stream in, and the focus moves with them.
    await widget.locator('.monaco-list-row.focused', { hasText: row }).waitFor({ timeout: 2500 });
    await this.page.waitForTimeout(100);
    await input.press('Enter');
  }

  /** Quick input is asynchronous: on a busy machine an Enter may get lost. */
  async #retry(action: () => Promise<void>, attempts = 4): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await action();
      } catch (error) {
        if (attempt === attempts) throw error;
        await this.page.keyboard.press('Escape');
        await this.page.keyboard.press('Escape');
      }
    }
  }
}

const ofExtension = `iframe.webview.ready[src*="extensionId=${EXTENSION}"]`;

function frameIn(outer: Locator): FrameLocator {
  return outer.contentFrame().locator('iframe#active-frame').contentFrame();
}
