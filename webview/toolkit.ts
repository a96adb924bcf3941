/**
 * The only module that imports `@vscode/webview-ui-toolkit`: it registers the few standard controls the panels use and gives each a
 * typed description. The toolkit is no longer maintained; replacing it means replacing this file.
 */
import {
  provideVSCodeDesignSystem,
  vsCodeButton,
  vsCodeCheckbox,
  vsCodeDropdown,
  vsCodeOption,
  vsCodeTextArea,
  vsCodeTextField,
} from '@vscode/webview-ui-toolkit';
import { type Child, h, type Props, type VNode } from './dom.ts';

export function registerControls(): void {
  provideVSCodeDesignSystem().register(
    vsCodeButton(),
    vsCodeCheckbox(),
    vsCodeDropdown(),
    vsCodeOption(),
    vsCodeTextArea(),
    vsCodeTextField(),
  );
}

export interface ButtonOptions {
  readonly key?: string;
  readonly look?: 'primary' | 'secondary';
  /** It says so and does nothing, but it keeps the focus, which the `disabled` of HTML would throw to the top of the page. */
  readonly disabled?: boolean;
  readonly label?: string;
  readonly props?: Props;
  readonly onPress: () => void;
}

export function button(options: ButtonOptions, ...children: Child[]): VNode {
  return h(
    'vscode-button',
    {
      ...(options.key === undefined ? {} : { key: options.key }),
      appearance: options.look ?? 'secondary',
      'aria-disabled': options.disabled === true ? true : undefined,
      'aria-label': options.label,
      ...options.props,
      on: {
        click: () => {
          if (options.disabled !== true) options.onPress();
        },
      },
    },
    ...children,
  );
}

export interface Choice {
  readonly value: string;
  readonly text: string;
}

export function dropdown(options: {
  readonly label: string;
  readonly value: string;
  readonly choices: readonly Choice[];
  readonly disabled?: boolean;
  readonly onChoose: (value: string) => void;
}): VNode {
  return h(
    'vscode-dropdown',
    {
      'aria-label': options.label,
      disabled: options.disabled === true,
      prop: { value: options.value },
      // A choice whose text has changed is not shown anew by itself.
      updated: (element) => (element as { readonly updateDisplayValue?: () => void }).updateDisplayValue?.(),
      on: { change: (event) => options.onChoose((event.currentTarget as HTMLSelectElement).value) },
    },
    options.choices.map(({ value, text }) =>
      h('vscode-option', { key: value, value, selected: value === options.value }, text),
    ),
  );
}

export function textField(options: {
  readonly label: string;
  readonly value: string;
  readonly hiddenLabel?: boolean;
  readonly placeholder?: string;
  readonly invalid?: boolean;
  readonly describedBy?: string;
  readonly class?: string;
  readonly onInput: (value: string) => void;
  readonly onEnter?: () => void;
}): VNode {
  return h(
    'vscode-text-field',
    {
      class: options.class,
      placeholder: options.placeholder,
      'aria-label': options.label,
      'aria-invalid': options.invalid === true ? 'true' : undefined,
      'aria-describedby': options.describedBy,
      prop: { value: options.value },
      updated(element) {
        // Once it is in the page the toolkit names it after its content, and "Text field" where there is none.
        element.setAttribute('aria-label', options.label);
        writeEitherWay(element);
      },
      on: {
        input: (event) => options.onInput((event.currentTarget as HTMLInputElement).value),
        keydown: (event) => {
          // An input method takes Enter for itself.
          if (event.key !== 'Enter' || event.isComposing || options.onEnter === undefined) return;
          // Where the form closes, the focus goes back to its button, and the same key press would open it again.
          event.preventDefault();
          options.onEnter();
        },
      },
    },
    options.hiddenLabel === true ? null : options.label,
  );
}

/** As the words that are typed in it run. */
function writeEitherWay(field: HTMLElement): void {
  field.shadowRoot?.querySelector('input, textarea')?.setAttribute('dir', 'auto');
}

export function textArea(options: {
  readonly label: string;
  readonly value: string;
  readonly rows: number;
  readonly onInput: (value: string) => void;
}): VNode {
  return h(
    'vscode-text-area',
    {
      rows: options.rows,
      resize: 'vertical',
      'aria-label': options.label,
      prop: { value: options.value },
      updated: writeEitherWay,
      on: { input: (event) => options.onInput((event.currentTarget as HTMLTextAreaElement).value) },
    },
    options.label,
  );
}

export function checkbox(options: {
  readonly label: string;
  readonly checked: boolean;
  /** As of a button. */
  readonly disabled?: boolean;
  readonly onChange: (checked: boolean) => void;
}): VNode {
  return h(
    'vscode-checkbox',
    {
      readonly: options.disabled === true,
      prop: { checked: options.checked },
      // Once it is in the page the toolkit says of it what it knows itself.
      updated: (element) => element.setAttribute('aria-disabled', String(options.disabled === true)),
      on: {
        change: (event) => {
          const { checked } = event.currentTarget as HTMLInputElement;
          if (checked !== options.checked) options.onChange(checked);
        },
      },
    },
    options.label,
  );
}
