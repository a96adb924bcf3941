/** Hears every press of a mouse button, in the window and in all its frames, whatever is loaded into them later. */
import type { Page } from 'playwright-core';

export interface MousePresses {
  /** Oldest first. */
  readonly presses: readonly ('window' | 'panel')[];
}

/** A document that is there already is heard after the next reload of the window. */
export async function watchMouse(page: Page): Promise<MousePresses> {
  const presses: ('window' | 'panel')[] = [];
  await page.exposeFunction('mouseWasPressed', (inFrame: boolean) => {
    presses.push(inFrame ? 'panel' : 'window');
  });
  // VS Code opens the document of a panel anew and writes into it, before its scripts run: that takes all listeners away.
  await page.addInitScript(`{
    const heard = (event) => event.isTrusted && window.mouseWasPressed(window !== window.top);
    const listen = () => window.addEventListener('mousedown', heard, true);
    const { write } = Document.prototype;
    Document.prototype.write = function (...parts) {
      listen();
      return write.apply(this, parts);
    };
    listen();
  }`);
  return { presses };
}
