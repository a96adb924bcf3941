/** What all panels share: start-up handshake, one redraw per batch of changes, a polite live region, loading and failure views. */
import type * as v from 'valibot';
import type { PanelAction, PanelFailure } from '../src/protocol/panel_messages.ts';
import { type Child, h, render } from './dom.ts';
import { connectHost, type Host } from './host.ts';
import { icon } from './icons.ts';
import { installRoving, refreshRoving } from './roving.ts';
import { setStrings, t } from './strings.ts';
import { button, registerControls } from './toolkit.ts';
import { installTooltip } from './tooltip.ts';

// biome-ignore lint/suspicious/noExplicitAny: valibot's own spelling of "any schema"
type Schema = v.GenericSchema<any, any>;
type StringsMessage = { readonly type: 'strings'; readonly locale: string; readonly strings: Record<string, string> };

export interface Shell<Intent> extends Host<Intent> {
  /** Draws once after the current task, however often it is called. */
  redraw(): void;
  /** Says it to screen readers when they are idle; repeats nothing. */
  announce(text: string): void;
}

export function startPanel<Messages extends Schema, Intents extends Schema>(options: {
  readonly messages: Messages;
  readonly intents: Intents;
  readonly receive: (message: Exclude<v.InferOutput<Messages>, StringsMessage>) => void;
  readonly view: () => Child;
}): Shell<v.InferOutput<Intents>> {
  registerControls();
  const main = document.createElement('main');
  const live = document.createElement('div');
  live.className = 'visually-hidden';
  live.setAttribute('role', 'status');
  document.body.append(main, live);
  installTooltip();
  installRoving(main);

  let misfit: string | undefined;
  let drawing = false;
  const redraw = (): void => {
    if (drawing) return;
    drawing = true;
    queueMicrotask(() => {
      drawing = false;
      render(main, misfit === undefined ? options.view() : h('p', { role: 'alert' }, t('shell.misfit', misfit)));
      refreshRoving(main);
    });
  };
  const host = connectHost({
    messages: options.messages,
    intents: options.intents,
    onMessage(message) {
      misfit = undefined;
      if (message.type === 'strings') {
        document.documentElement.lang = message.locale;
        setStrings(message.strings);
      } else {
        options.receive(message);
      }
      redraw();
    },
    onMisfit(what) {
      misfit = what;
      redraw();
    },
  });
  const announce = (text: string): void => {
    if (live.textContent !== text) live.textContent = text;
  };
  redraw();
  queueMicrotask(() => host.send({ type: 'ready' }));
  return { ...host, redraw, announce };
}

export function loadingView(what: string): Child {
  return h(
    'div',
    { class: 'centred', 'aria-busy': true },
    h('div', { class: 'progress-line indeterminate' }),
    h('p', null, what),
  );
}

export function failedView(failure: PanelFailure, act: (action: PanelAction) => void): Child {
  return h(
    'div',
    { class: 'centred', role: 'alert' },
    h('p', { class: 'lead' }, icon('wrong', 'bad'), failure.reason),
    failure.nextStep === '' ? null : h('p', null, failure.nextStep),
    actionButtons(failure.actions, act),
  );
}

/** The last thing asked for failed; what is shown below is still valid. */
export function failureBanner(failure: PanelFailure | null, act: (action: PanelAction) => void): Child {
  if (!failure) return null;
  return h(
    'div',
    { key: 'failure', class: 'banner', role: 'alert' },
    icon('wrong', 'bad'),
    h('div', null, failure.reason, ' ', failure.nextStep, actionButtons(failure.actions, act)),
  );
}

export function emptyView(
  lead: string,
  text: string,
  actions: readonly PanelAction[],
  act: (action: PanelAction) => void,
): Child {
  return h(
    'div',
    { class: 'centred' },
    h('p', { class: 'lead' }, lead),
    h('p', null, text),
    actionButtons(actions, act),
  );
}

function actionButtons(actions: readonly PanelAction[], act: (action: PanelAction) => void): Child {
  if (actions.length === 0) return null;
  return h(
    'div',
    { class: 'buttons' },
    actions.map((action, i) =>
      button(
        { key: action, look: i === 0 ? 'primary' : 'secondary', onPress: () => act(action) },
        t(`action.${action}`),
      ),
    ),
  );
}
