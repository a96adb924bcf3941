/** Where the focus goes when a small form opens and closes: into its first field, and back to what opened it. */
import type { Props } from './dom.ts';

const FIELDS = 'vscode-text-field, vscode-text-area, vscode-dropdown, vscode-button:not([disabled])';

/** Props of a form's root element; Escape closes the form. */
export function formProps(close: () => void): Pick<Props, 'created' | 'on'> {
  return {
    created(form) {
      const opener = document.activeElement;
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
        if (event.key === 'Escape') close();
      },
      submit: (event) => event.preventDefault(),
    },
  };
}
