/** A person's own words in place of the model's: typed, sent to be scored, and kept here until the scored rationale has arrived. */
import type { RationaleQuestion, RationaleSnapshot } from '../src/protocol/rationale_messages.ts';
import { type Child, h, type VNode } from './dom.ts';
import { formProps } from './form_focus.ts';
import { icon } from './icons.ts';
import type { EditDraft, RationaleContext, RationaleState } from './rationale_state.ts';
import { t } from './strings.ts';
import { button, textArea } from './toolkit.ts';

type Edits = RationaleState['edits'];

export function openEdit(context: RationaleContext, { id, text, checkpoint }: Opened): void {
  const { snapshot, state, change } = context;
  change({ edits: { ...state.edits, [id]: { text, original: text, checkpoint, run: snapshot.run } } });
}

/** What an edit begins as. */
interface Opened {
  readonly id: string;
  readonly text: string;
  readonly checkpoint: string;
}

/** What is being scored stays, and is scored no further: closed, its text would be nowhere if it came to nothing. */
export function closeEdit({ snapshot, state, change, send }: RationaleContext, id: string): void {
  const sent = state.edits[id]?.sent?.edited;
  if (sent !== undefined && sent === snapshot.activity?.edited) send({ type: 'cancel' });
  else change({ edits: without(state.edits, id) });
}

export function editForm(context: RationaleContext, id: string): Child {
  const { snapshot, state, change, send } = context;
  const draft = state.edits[id];
  if (draft === undefined) return null;
  const edit = (next: EditDraft): void => change({ edits: { ...state.edits, [id]: next } });
  const { text, original, sent } = draft;
  const unscored = sent !== undefined && sent.edited === snapshot.unscored?.edited ? snapshot.unscored : undefined;
  const isGone = unscored?.gone === true || hasGone(draft, snapshot);
  const under = isGone ? shownWeights(snapshot) : draft;
  const score = (): void => {
    if (under === undefined) return;
    const { checkpoint, run } = under;
    const edited = `edited-${crypto.randomUUID()}`;
    edit({ ...draft, checkpoint, run, sent: { edited, text } });
    const of = { rowKey: snapshot.rowKey, checkpoint, ...(run === undefined ? {} : { run }) };
    send({ type: 'score-edited', ...of, rationale: id, text, edited });
  };
  const isBeingScored = sent !== undefined && sent.edited === snapshot.activity?.edited;
  const keeps = text !== original && !isBeingScored;
  return h(
    'div',
    { key: `edit-${id}`, class: 'form edit-form', ...formProps(() => closeEdit(context, id), keeps) },
    textArea({
      label: t('rationale.edit.label'),
      value: text,
      rows: 5,
      onInput: (value) => edit({ ...draft, text: value }),
    }),
    isGone
      ? // Without their name, which a run that trains changes: every change is read out.
        notice(t(under === undefined ? 'rationale.edit.gone.none' : 'rationale.edit.gone'))
      : unscored === undefined
        ? null
        : whyUnscored(unscored.failure),
    h(
      'div',
      { class: 'buttons' },
      button(
        {
          look: 'primary',
          disabled: text === original || snapshot.activity !== null || under === undefined,
          onPress: score,
        },
        t('rationale.edit.score'),
      ),
      button({ onPress: () => closeEdit(context, id) }, t('cancel')),
    ),
  );
}

/** Whether there is nothing any more under the weights it was begun under. Of another run than the one shown only the host can tell. */
function hasGone({ checkpoint, run }: EditDraft, { run: shown, checkpoints }: RationaleQuestion): boolean {
  if (run !== undefined && run !== shown) return false;
  return !checkpoints.some(({ name, sampled }) => name === checkpoint && sampled);
}

function shownWeights({ run, current }: RationaleQuestion): Pick<EditDraft, 'checkpoint' | 'run'> | undefined {
  return current === null ? undefined : { checkpoint: current.checkpoint, run };
}

function whyUnscored(failure: { readonly reason: string; readonly nextStep: string } | null): VNode {
  const why = failure === null ? t('rationale.edit.cancelled') : `${failure.reason} ${failure.nextStep}`.trim();
  return notice(t('rationale.edit.unscored', why));
}

function notice(text: string): VNode {
  return h('p', { key: 'notice', class: 'field-error', role: 'status' }, icon('warning', 'warn'), text);
}

/** Texts over rationales that other samples have taken the place of. */
export function strayEdits(context: RationaleContext): Child {
  const there = new Set(context.snapshot.current?.rationales.map(({ id }) => id));
  const stray = Object.entries(context.state.edits).filter(
    ([id, { text, original }]) => !there.has(id) && text !== original,
  );
  if (stray.length === 0) return null;
  return h(
    'section',
    { key: 'stray', class: 'stray', 'aria-label': t('rationale.edit.stray') },
    h('p', { class: 'dim' }, t('rationale.edit.stray')),
    stray.map(([id]) => editForm(context, id)),
  );
}

/** What has been scored needs no draft any more; what was typed on while it was scored does. */
export function settled(edits: Edits, snapshot: RationaleSnapshot): Edits {
  if (snapshot.kind !== 'question') return edits;
  const there = new Set(snapshot.current?.rationales.map(({ id }) => id));
  let left = edits;
  for (const [id, { sent, ...draft }] of Object.entries(edits)) {
    if (sent === undefined || !there.has(sent.edited)) continue;
    left = draft.text === sent.text ? without(left, id) : { ...left, [id]: draft };
  }
  return left;
}

function without(edits: Edits, id: string): Edits {
  const { [id]: _, ...others } = edits;
  return others;
}
