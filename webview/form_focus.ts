/** Where the focus goes when a small form opens and closes: into its first field, and back to what opened it. */
import type { Props } from './dom.ts';

const FIELDS = 'vscode-text-field, vscode-text-area, vscode-dropdown, vscode-button:not([aria-disabled])';
const openers = new WeakMap<EventTarget, HTMLElement>();

/**
 * Props of a form's root element; Escape closes the form.
 * @param keeps the form holds text that is nowhere else: Escape only takes the focus out of it
 */
export function formProps(close: () => void, keeps = false): Pick<Props, 'created' | 'on'> {
  return {
    created(form) {
      const opener = document.activeElement;
      if (opener instanceof HTMLElement) openers.set(form, opener);
      // The toolkit's controls can take the focus once they have drawn themselves.
      const waiting = requestAnimationFrame(() => form.querySelector<HTMLElement>(FIELDS)?.focus());
      return () => {
        cancelAnimationFrame(waiting);
        const held = form.contains(document.activeElement);
        if (held && opener instanceof HTMLElement) queueMicrotask(() => opener.focus());
      };
    },
    on: {
      keydown(event) {
        // With Escape an input method drops what it proposes.
        if (event.key !== 'Escape' || event.isComposing) return;
        if (keeps) leave(event.currentTarget);
        else close();
      },
      submit: (event) => event.preventDefault(),
    },
  };
}

function leave(form: EventTarget | null): void {
  const opener = form === null ? undefined : openers.get(form);
  if (opener?.isConnected === true && opener !== document.body) opener.focus();
  else if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
}
