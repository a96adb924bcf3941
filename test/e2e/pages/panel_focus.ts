/** The keyboard's way through one of the extension's documents: where the focus is, and where a key leads it. */
import type { Workbench } from './workbench.ts';

/** A key that is heard has moved the focus within this; the last one of a group of controls moves nothing. */
const KEY_MILLISECONDS = 2000;
const FOCUS_MILLISECONDS = 20_000;

export class PanelFocus {
  readonly #workbench: Workbench;
  readonly #part: 'sidebar' | 'editor';

  constructor(workbench: Workbench, part: 'sidebar' | 'editor') {
    this.#workbench = workbench;
    this.#part = part;
  }

  /** Waits until the focus is in it; keys that are pressed before would go elsewhere. */
  async arrives(): Promise<void> {
    await this.#document.locator('main').waitFor();
    await this.#until(async () => (await this.#focusedElement()) !== null, FOCUS_MILLISECONDS);
  }

  /** Presses a key until the focus is on an element of this kind, with this name if one is given. */
  async moveBy(key: string, selector: string, name = ''): Promise<void> {
    const { page } = this.#workbench;
    const focused = this.#document.locator(`${selector}:focus, ${selector}:focus-within`).filter({ hasText: name });
    for (let presses = 0; presses < 60; presses++) {
      if ((await focused.count()) > 0) return;
      const before = await this.#focusedElement();
      if (before === null) throw new Error(`the focus left the view on its way to ${selector} ${name}`);
      await page.keyboard.press(key);
      await this.#until(async () => (await this.#focusedElement()) !== before, KEY_MILLISECONDS);
    }
    throw new Error(`${key} leads to no ${selector} ${name}`);
  }

  /** Waits for a form that was opened to take the focus itself, which it does a frame later: a key pressed before would lead past it. */
  async isOn(selector: string): Promise<void> {
    const focused = this.#document.locator(`${selector}:focus, ${selector}:focus-within`);
    await focused.waitFor({ timeout: FOCUS_MILLISECONDS });
  }

  /** Its place in the document; null while the focus is outside the view. */
  async #focusedElement(): Promise<number | null> {
    const frame = await this.#workbench.frame(this.#part);
    return await frame.evaluate<number | null>(
      `document.hasFocus() ? [...document.querySelectorAll('*')].indexOf(document.activeElement) : null`,
    );
  }

  async #until(isSo: () => Promise<boolean>, milliseconds: number): Promise<void> {
    for (const end = Date.now() + milliseconds; Date.now() < end; ) {
      if (await isSo()) return;
      await this.#workbench.page.waitForTimeout(20);
    }
  }

  get #document() {
    return this.#part === 'sidebar' ? this.#workbench.view : this.#workbench.panel;
  }
}
