/** A person's note on a rationale: typed, sent, and kept here until the host says that it is stored. */
import type { RationaleSnapshot } from '../src/protocol/rationale_messages.ts';
import { type Child, h, type VNode } from './dom.ts';
import { formProps } from './form_focus.ts';
import type { NoteDraft, RationaleContext } from './rationale_state.ts';
import { t } from './strings.ts';
import { button, textField } from './toolkit.ts';

export function noteForm({ snapshot, change, send }: RationaleContext, note: NoteDraft): VNode {
  const close = (): void => change({ note: null });
  const save = (): void => {
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
    button({ look: 'primary', onPress: save }, t('rationale.note.save')),
    button({ onPress: close }, t('cancel')),
  );
}

/** One that was begun on a rationale which these weights do not have. */
export function strayNote(context: RationaleContext): Child {
  const { note } = context.state;
  const isShown = context.snapshot.current?.rationales.some(({ id }) => id === note?.id) ?? false;
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
  const { id, text, sent } = note;
  const stored = snapshot.current?.rationales.find((each) => each.id === id)?.rating?.note ?? '';
  if (snapshot.rated !== sent.token && stored !== sent.text.trim()) return note;
  return text === sent.text ? null : { id, text, original: sent.text };
}
