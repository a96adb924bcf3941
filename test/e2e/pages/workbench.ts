/** VS Code's window as a person uses it: palette, files, notifications, panels. */
import path from 'node:path';
import type { Frame, FrameLocator, Locator, Page } from 'playwright-core';

/** A machine that does other things as well takes its time to load a workbench. */
const START_MILLISECONDS = 120_000;
/** After this long a key counts as lost. */
const KEY_MILLISECONDS = 4000;
/** After this long a file or a command counts as not there. */
const PICK_MILLISECONDS = 60_000;

export class Workbench {
  readonly page: Page;

  constructor(page: Page) {
    this.page = page;
  }

  /** Opens a folder (and one of its files), or an empty window, and waits until the window stands. */
  async open(url: string, folder: string | null, file?: string): Promise<void> {
    const query = new URLSearchParams(folder === null ? { ew: 'true' } : { folder });
    const authority = new URL(url).host;
    if (file !== undefined && folder !== null) {
      query.set('payload', JSON.stringify([['openFile', `vscode-remote://${authority}${path.join(folder, file)}`]]));
    }
    await this.page.goto(`${url}/?${query}`, { waitUntil: 'domcontentloaded', timeout: START_MILLISECONDS });
    await this.page.locator('.monaco-workbench .part.statusbar').waitFor({ timeout: START_MILLISECONDS });
  }

  /** Closes the window, for `open` to open another; its server stays. */
  async close(): Promise<void> {
    await this.page.goto('about:blank');
  }

  /** Reloads the window by its own command, which saves what is open first. */
  async reload(): Promise<void> {
    const loaded = this.page.waitForEvent('domcontentloaded', { timeout: 60_000 });
    await this.runCommand('Developer: Reload Window');
    await loaded;
    await this.page.locator('.monaco-workbench .part.statusbar').waitFor();
  }

  /**
   * Runs a command by its title ("LaTRO: Evaluate…") from the palette, once: on a slow machine too, where its effect takes long to show.
   * `effect` says that it has begun.
   */
  async runCommand(title: string, effect: () => Promise<unknown> = async () => {}): Promise<void> {
    await this.#pickFrom('F1', `>${title}`, title);
    await effect();
  }

  async openFile(name: string): Promise<void> {
    await this.#pickFrom('Control+P', name, name);
    await this.page.locator(`.tab.active[data-resource-name="${name}"]`).waitFor();
  }

  /** Chooses an entry of a quick pick that a command has opened. */
  async choose(text: string | RegExp): Promise<void> {
    const row = this.#quickInput.locator('.monaco-list-row', { hasText: text }).first();
    await row.waitFor();
    await row.click();
  }

  /** Types a path into VS Code's own dialog for files and folders, and accepts it. */
  async answerDialog(file: string): Promise<void> {
    const input = this.#quickInput.locator('input.input');
    await this.#quickInput
      .locator('.monaco-button', { hasText: /Export|OK|Save|Open/ })
      .first()
      .waitFor();
    // It writes its own proposal into the input a moment after it has opened, over whatever stands there.
    await this.#until(
      async () => {
        if ((await input.inputValue()) !== '') await input.fill(file);
      },
      async () => {
        await this.page.waitForTimeout(500);
        return (await input.inputValue()) === file;
      },
    );
    await this.#enter(input, file);
  }

  /** Puts the cursor on a line of the editor in front. */
  async goToLine(line: number): Promise<void> {
    const input = await this.#type('Control+G', `:${line}`);
    await this.#enter(input, `:${line}`);
    await this.statusBarItem(new RegExp(`Ln ${line},`)).waitFor();
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
    // A click on the icon of what is open would close it.
    if (await this.page.locator('.part.sidebar .title-label', { hasText: 'LaTRO Studio' }).isVisible()) return;
    await this.page.locator('.activitybar .action-label[aria-label^="LaTRO Studio"]').click();
  }

  treeItem(text: string | RegExp): Locator {
    return this.page.locator('.pane-body .monaco-list-row', { hasText: text });
  }

  /** Opens the dashboard of a run. */
  async openRun(text: string | RegExp): Promise<void> {
    await this.treeItem(text).click();
    await this.panel.locator('h1 .status').waitFor();
  }

  /** What the Output view shows; blanks are no-break spaces there. */
  get output(): Locator {
    return this.page.locator('.part.panel .output-view .view-lines, .part.panel .view-lines').first();
  }

  /** The document inside the extension's view in the side bar (webviews are two nested frames). */
  get view(): FrameLocator {
    return frameIn(this.page.locator('webview-over=sidebar'));
  }

  /** The document inside the extension's editor panel that is in front. */
  get panel(): FrameLocator {
    return frameIn(this.page.locator('webview-over=editor'));
  }

  /** The same as a frame, for scripts to run in. */
  async frame(part: 'sidebar' | 'editor'): Promise<Frame> {
    const outer = await this.page.locator(`webview-over=${part}`).elementHandle();
    const inner = await (await outer?.contentFrame())?.$('iframe#active-frame');
    const frame = await inner?.contentFrame();
    if (frame == null) throw new Error(`there is no webview over ${part}`);
    return frame;
  }

  /** Drags the edge between side bar and editor. */
  async setSideBarWidth(pixels: number): Promise<void> {
    const box = (await this.page.locator('.part.sidebar').boundingBox())!;
    const y = box.y + box.height / 2;
    await this.page.mouse.move(box.x + box.width, y);
    await this.page.mouse.down();
    await this.page.mouse.move(box.x + pixels, y, { steps: 4 });
    await this.page.mouse.up();
  }

  /** Folds views of the side bar in or out, by their titles. */
  async setViews(open: Readonly<Record<string, boolean>>): Promise<void> {
    for (const [title, expanded] of Object.entries(open)) {
      const header = this.page.locator('.part.sidebar .pane-header', { hasText: title }).first();
      if ((await header.getAttribute('aria-expanded')) !== String(expanded)) await header.click();
    }
  }

  /** What a list says while it is empty, line by line, once it says `first`: a window that has just opened does not know yet what it is. */
  async welcome(view: string, first: string): Promise<string[]> {
    const header = this.page.locator('.pane-header', { hasText: view });
    const content = this.page.locator('.part.sidebar .pane').filter({ has: header }).locator('.welcome-view-content');
    await content.getByText(first).first().waitFor();
    return (await content.innerText()).split('\n').filter((line) => line.trim() !== '');
  }

  /** Shows or hides the side bar, or the panel below the editors. */
  async showPart(part: 'sidebar' | 'panel', isShown: boolean): Promise<void> {
    const element = this.page.locator(`.part.${part}`);
    if ((await element.isVisible()) === isShown) return;
    const title = part === 'panel' ? 'View: Toggle Panel Visibility' : 'View: Toggle Primary Side Bar Visibility';
    await this.runCommand(title, () => element.waitFor({ state: isShown ? 'visible' : 'hidden' }));
  }

  async closeEditors(): Promise<void> {
    const tab = this.page.locator('.part.editor .tab').first();
    await this.runCommand('View: Close All Editors', () => tab.waitFor({ state: 'detached' }));
  }

  async screenshot(name: string): Promise<void> {
    const file = `${name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}.png`;
    await this.page.screenshot({ path: path.join('test-results', file), timeout: 20_000 });
  }

  /** A search that began before a file was there, or before all commands were, does not look again: it is begun anew. */
  async #pickFrom(key: string, query: string, row: string): Promise<void> {
    // The focused row, not just any: results stream in, and the focus moves with them.
    const focused = this.#quickInput.locator('.monaco-list-row.focused', { hasText: row });
    for (const end = Date.now() + PICK_MILLISECONDS; Date.now() < end; ) {
      const input = await this.#type(key, query);
      const isFound = await focused.waitFor({ timeout: KEY_MILLISECONDS }).then(
        () => true,
        () => false,
      );
      if (isFound) {
        await this.page.waitForTimeout(100);
        return await this.#enter(input, query);
      }
      await this.page.keyboard.press('Escape');
    }
    throw new Error(`nothing is called ${row}`);
  }

  /**
   * Opens the quick input with a key and types into it. A key that comes while the window is busy may be lost, and an input may close
   * again when something else takes the focus: both are tried until the text stands there.
   */
  async #type(key: string, text: string): Promise<Locator> {
    const input = this.#quickInput.locator('input.input');
    const fill = () => input.fill(text, { timeout: KEY_MILLISECONDS }).catch(() => {});
    await this.#until(
      () => this.page.keyboard.press(key),
      async () => {
        if (await input.isVisible()) await fill();
        return (await input.isVisible()) && (await input.inputValue()) === text;
      },
    );
    return input;
  }

  /** So may an Enter be; it is taken when the input has closed, or asks for something else. What has the focus then must not get one. */
  async #enter(input: Locator, value: string): Promise<void> {
    await this.#until(
      async () => {
        if ((await input.isVisible()) && (await this.#focused(input))) await this.page.keyboard.press('Enter');
      },
      async () => !(await input.isVisible()) || (await input.inputValue().catch(() => '')) !== value,
    );
  }

  async #focused(element: Locator): Promise<boolean> {
    return await element.evaluate((node) => node.ownerDocument.activeElement === node).catch(() => false);
  }

  async #until(act: () => Promise<unknown>, isDone: () => Promise<boolean>, attempts = 8): Promise<void> {
    for (let attempt = 1; attempt <= attempts; attempt++) {
      await act();
      for (const end = Date.now() + KEY_MILLISECONDS; Date.now() < end; await this.page.waitForTimeout(50)) {
        if (await isDone()) return;
      }
    }
    throw new Error('the window does not answer to its keys');
  }

  get #quickInput(): Locator {
    return this.page.locator('.quick-input-widget');
  }
}

function frameIn(outer: Locator): FrameLocator {
  return outer.contentFrame().locator('iframe#active-frame').contentFrame();
}
