/** A person's own words in place of the model's: typed, sent to be scored, and kept here until the scored rationale has arrived. */
import type { RationaleQuestion, RationaleSnapshot } from '../src/protocol/rationale_messages.ts';
import { type Child, h, type VNode } from './dom.ts';
import { areSame, isAmongShown, type WrittenUnder, writtenUnder } from './draft_weights.ts';
import { formProps } from './form_focus.ts';
import { icon } from './icons.ts';
import type { EditDraft, RationaleContext, RationaleState } from './rationale_state.ts';
import { t } from './strings.ts';
import { button, textArea } from './toolkit.ts';

type Edits = RationaleState['edits'];

export function openEdit(context: RationaleContext, { id, text, checkpoint }: Opened): void {
  const { snapshot, state, change } = context;
  const key = id in state.edits ? `${id} ${crypto.randomUUID()}` : id;
  const draft = { id, text, original: text, ...writtenUnder(snapshot, checkpoint) };
  change({ edits: { ...state.edits, [key]: draft } });
}

/** What an edit begins as. */
interface Opened {
  readonly id: string;
  readonly text: string;
  readonly checkpoint: string;
}

/** Key of the draft over a rationale that is shown. */
export function editOver({ snapshot, state: { edits } }: RationaleContext, id: string): string | undefined {
  return Object.keys(edits).find((key) => idOf(key, edits[key]!) === id && isAmongShown(edits[key]!, snapshot));
}

export const idOf = (key: string, { id }: EditDraft): string => id ?? key;

/** What is being scored stays, and is scored no further: closed, its text would be nowhere if it came to nothing. */
export function closeEdit({ snapshot, state, change, send }: RationaleContext, key: string): void {
  const sent = state.edits[key]?.sent?.edited;
  if (sent !== undefined && sent === snapshot.activity?.edited) send({ type: 'cancel' });
  else change({ edits: without(state.edits, key) });
}

export function editForm(context: RationaleContext, key: string): Child {
  const { snapshot, state, change, send } = context;
  const draft = state.edits[key];
  if (draft === undefined) return null;
  const edit = (next: EditDraft): void => change({ edits: { ...state.edits, [key]: next } });
  const { text, original, sent } = draft;
  const unscored = sent !== undefined && sent.edited === snapshot.unscored?.edited ? snapshot.unscored : undefined;
  const isUnknown = isOfUnknown(draft, snapshot);
  const isGone = isUnknown || unscored?.gone === true || hasGone(draft, snapshot);
  const under = isGone ? shownWeights(snapshot) : draft;
  const isThere = snapshot.current?.rationales.some(({ id }) => id === idOf(key, draft)) ?? false;
  // A rationale of these weights may have the id of the one that it began as.
  const rationale = isGone && isThere ? '' : idOf(key, draft);
  const score = (): void => {
    if (under === undefined) return;
    const { checkpoint = 'base', run, weights } = under;
    const edited = `edited-${crypto.randomUUID()}`;
    edit({ ...draft, id: rationale, checkpoint, run, weights, sent: { edited, text } });
    const whose = { ...(run === undefined ? {} : { run }), ...(weights === undefined ? {} : { weights }) };
    send({ type: 'score-edited', rowKey: snapshot.rowKey, checkpoint, ...whose, rationale, text, edited });
  };
  const isBeingScored = sent !== undefined && sent.edited === snapshot.activity?.edited;
  const keeps = text !== original && !isBeingScored;
  return h(
    'div',
    { key: `edit-${key}`, class: 'form edit-form', ...formProps(() => closeEdit(context, key), keeps) },
    textArea({
      label: t('rationale.edit.label'),
      value: text,
      rows: 5,
      onInput: (value) => edit({ ...draft, text: value }),
    }),
    isGone
      ? // Without their name, which a run that trains changes: every change is read out.
        notice(
          t(
            under === undefined
              ? 'rationale.edit.gone.none'
              : isUnknown
                ? 'rationale.edit.unknown'
                : 'rationale.edit.gone',
          ),
        )
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
      button({ onPress: () => closeEdit(context, key) }, t('cancel')),
    ),
  );
}

/** Whether there is nothing any more under the weights it was begun under. Of another run than the one shown only the host can tell. */
function hasGone(draft: EditDraft, snapshot: RationaleQuestion): boolean {
  if (draft.run !== undefined && draft.run !== snapshot.run) return false;
  const isSampled = snapshot.checkpoints.some(({ name, sampled }) => name === draft.checkpoint && sampled);
  return !isSampled || !areSame(draft, snapshot);
}

/** Begun when it was not kept under which weights: those that have their name by now may be others. */
function isOfUnknown(draft: EditDraft, snapshot: RationaleQuestion): boolean {
  const { run, weights } = draft;
  return run === undefined || (weights === undefined && run === snapshot.run && !areSame(draft, snapshot));
}

function shownWeights(snapshot: RationaleQuestion): WrittenUnder | undefined {
  return snapshot.current === null ? undefined : writtenUnder(snapshot, snapshot.current.checkpoint);
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
  const there = new Set(context.snapshot.current?.rationales.map(({ id }) => editOver(context, id)));
  const stray = Object.entries(context.state.edits).filter(
    ([key, { text, original }]) => !there.has(key) && text !== original,
  );
  if (stray.length === 0) return null;
  return h(
    'section',
    { key: 'stray', class: 'stray', 'aria-label': t('rationale.edit.stray') },
    h('p', { class: 'dim' }, t('rationale.edit.stray')),
    stray.map(([key]) => editForm(context, key)),
  );
}

/** What has been scored needs no draft any more; what was typed on while it was scored does. */
export function settled(edits: Edits, snapshot: RationaleSnapshot): Edits {
  if (snapshot.kind !== 'question') return edits;
  const there = new Set(snapshot.current?.rationales.map(({ id }) => id));
  let left = edits;
  for (const [key, { sent, ...draft }] of Object.entries(edits)) {
    if (sent === undefined || !there.has(sent.edited)) continue;
    left = draft.text === sent.text ? without(left, key) : { ...left, [key]: draft };
  }
  return left;
}

function without(edits: Edits, key: string): Edits {
  const { [key]: _, ...others } = edits;
  return others;
}
