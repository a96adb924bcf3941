/** A person's note on a rationale: typed, sent, and kept here until the host says that it is stored. */
import type { RationaleQuestion, RationaleSnapshot } from '../src/protocol/rationale_messages.ts';
import { type Child, h, type VNode } from './dom.ts';
import { areSame, isAmongShown } from './draft_weights.ts';
import { formProps } from './form_focus.ts';
import { icon } from './icons.ts';
import type { NoteDraft, RationaleContext } from './rationale_state.ts';
import { t } from './strings.ts';
import { button, textField } from './toolkit.ts';

export function noteForm({ snapshot, change, send }: RationaleContext, note: NoteDraft): VNode {
  const close = (): void => change({ note: null });
  const why = whyNotHere(note, snapshot);
  const save = (): void => {
    if (why !== null) return;
    const sent = { token: crypto.randomUUID(), text: note.text };
    const text = note.text.trim();
    change({ note: { ...note, sent } });
    send({ type: 'rate', rowKey: snapshot.rowKey, rationale: note.id, rating: { note: text }, token: sent.token });
  };
  return h(
    'div',
    { key: 'note', class: 'form note-form', ...formProps(close, note.text !== note.original) },
    textField({
      label: t('rationale.note'),
      value: note.text,
      onInput: (text) => change({ note: { ...note, text } }),
      onEnter: save,
    }),
    why === null ? null : h('p', { key: 'notice', class: 'field-error', role: 'status' }, icon('warning', 'warn'), why),
    button({ look: 'primary', disabled: why !== null, onPress: save }, t('rationale.note.save')),
    button({ onPress: close }, t('cancel')),
  );
}

/** The host looks for its rationale in the run that is shown, where another may have its id. */
function whyNotHere(note: NoteDraft, snapshot: RationaleQuestion): string | null {
  if (note.run === undefined) return t('rationale.note.unknown');
  if (note.run !== snapshot.run)
    return note.run === null ? t('rationale.note.gone') : t('rationale.note.otherRun', note.run);
  return areSame(note, snapshot) ? null : t('rationale.note.gone');
}

/** Whether it is on this one of the rationales that are shown. */
export function isNoteOn(note: NoteDraft | null, id: string, snapshot: RationaleQuestion): note is NoteDraft {
  return note?.id === id && isAmongShown(note, snapshot);
}

/** One that was begun on a rationale which these weights do not have. */
export function strayNote(context: RationaleContext): Child {
  const { note } = context.state;
  const { snapshot } = context;
  const isShown = snapshot.current?.rationales.some(({ id }) => isNoteOn(note, id, snapshot)) ?? false;
  if (note === null || isShown || note.text === note.original) return null;
  return h(
    'section',
    { key: 'stray-note', class: 'stray', 'aria-label': t('rationale.note.stray') },
    h('p', { class: 'dim' }, t('rationale.note.stray')),
    noteForm(context, note),
  );
}

/** What has been stored needs no draft any more; what was typed on in the meantime does. */
export function settledNote(note: NoteDraft | null, snapshot: RationaleSnapshot): NoteDraft | null {
  if (note?.sent === undefined || snapshot.kind !== 'question') return note;
  const { text, sent } = note;
  const stored = snapshot.current?.rationales.find((each) => isNoteOn(note, each.id, snapshot))?.rating?.note ?? '';
  if (snapshot.rated !== sent.token && stored !== sent.text.trim()) return note;
  return text === sent.text ? null : { ...note, original: sent.text, sent: undefined };
}
