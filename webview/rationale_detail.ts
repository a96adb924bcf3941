/** An opened rationale: where the answer becomes clear, what the reward is made of, and what a person can do with it. */
import type {
  RatingVerdict,
  RationaleRating,
  RationaleSet,
  RationaleView,
} from '../src/protocol/rationale_messages.ts';
import { answerHeat } from './answer_heat.ts';
import { type Child, h, type VNode } from './dom.ts';
import { writtenUnder } from './draft_weights.ts';
import { closeEdit, editForm, editOver, openEdit } from './edit_form.ts';
import { type IconName, icon } from './icons.ts';
import { isNoteOn, noteForm } from './note_form.ts';
import { prefixLine } from './prefix_line.ts';
import type { RationaleContext } from './rationale_state.ts';
import { checkpointLabel, t } from './strings.ts';

const verdicts: readonly RatingVerdict[] = ['useful', 'wrong', 'leaks'];

export function rationaleDetail(context: RationaleContext, set: RationaleSet, rationale: RationaleView): VNode {
  const { snapshot, state } = context;
  const draft = editOver(context, rationale.id);
  return h(
    'div',
    { key: 'detail', class: 'detail' },
    prefixLine(rationale) ?? traceButton(context, set, rationale),
    answerHeat(rationale.record),
    h('p', { class: 'dim origin' }, origin(set, rationale)),
    ratingRow(context, set, rationale),
    isNoteOn(state.note, rationale.id, snapshot) ? noteForm(context, state.note) : null,
    actionRow(context, set, rationale),
    draft === undefined ? null : editForm(context, draft),
  );
}

function origin(set: RationaleSet, rationale: RationaleView): string {
  if (rationale.origin === 'edited') {
    const from = provenance(rationale);
    return from === '' ? t('rationale.origin.edited') : [t('rationale.origin.edited'), from].join(' · ');
  }
  const { record, keptFrom } = rationale;
  const drawn = drawnWith(rationale.seed, keptFrom ?? set, rationale.origin === 'run');
  const weights =
    rationale.origin === 'sampled' ? [t('rationale.origin.weights', checkpointLabel(set.checkpoint))] : [];
  const ended = t(`rationale.stop.${record.stopReason}`, record.tokens.length);
  return [...weights, ...drawn, ...(keptFrom === undefined ? [] : [t('rationale.origin.k', keptFrom.k)]), ended].join(
    ' · ',
  );
}

function drawnWith(seed: number | null, from: Pick<RationaleSet, 'step' | 'temperature'>, inRun: boolean): string[] {
  const parts = [];
  if (from.step !== null && inRun) parts.push(t('rationale.origin.step', from.step));
  if (seed !== null) parts.push(t('rationale.origin.seed', seed));
  if (from.temperature !== null) parts.push(t('rationale.origin.temperature', from.temperature));
  return parts;
}

/** Of one that was pinned in an earlier sample: how that sample was drawn. Of an edited one: which sample it began as. */
export function provenance({ keptFrom, editedFrom, seed, origin: from }: RationaleView): string {
  if (from === 'edited') {
    if (editedFrom === undefined) return '';
    const drawn = drawnWith(editedFrom.seed, editedFrom, true);
    return [t('rationale.origin.from', editedFrom.sample + 1), ...drawn, t('rationale.origin.k', editedFrom.k)].join(
      ' · ',
    );
  }
  if (keptFrom === undefined) return '';
  return [...drawnWith(seed, keptFrom, from === 'run'), t('rationale.origin.k', keptFrom.k)].join(' · ');
}

function traceButton({ snapshot, send }: RationaleContext, set: RationaleSet, { id, record }: RationaleView): Child {
  if (!snapshot.canSample || record.tokens.length === 0) return null;
  return h(
    'button',
    {
      type: 'button',
      class: 'plain link',
      // With the `disabled` of HTML it would lose the focus.
      'aria-disabled': snapshot.activity === null ? undefined : true,
      on: {
        click: () => {
          if (snapshot.activity !== null) return;
          send({ type: 'trace-prefixes', rowKey: snapshot.rowKey, checkpoint: set.checkpoint, rationale: id });
        },
      },
    },
    t('rationale.trace'),
  );
}

function ratingRow(context: RationaleContext, set: RationaleSet, rationale: RationaleView): VNode {
  const { snapshot, state, change, send } = context;
  const rating: RationaleRating = rationale.rating ?? { verdict: null, note: '' };
  const rate = (verdict: RationaleRating['verdict']): void =>
    send({ type: 'rate', rowKey: snapshot.rowKey, rationale: rationale.id, rating: { verdict } });
  const noting = isNoteOn(state.note, rationale.id, snapshot);
  const isWritten = state.note !== null && state.note.text !== state.note.original;
  return h(
    'div',
    { key: 'rate', class: 'actions', role: 'toolbar', 'aria-label': t('rationale.rate'), 'data-roving': 'list' },
    verdicts.map((verdict) =>
      action({
        label: t(`rationale.rate.${verdict}`),
        pressed: rating.verdict === verdict,
        onPress: () => rate(rating.verdict === verdict ? null : verdict),
      }),
    ),
    action({
      icon: 'note',
      label: t('rationale.note'),
      expanded: noting,
      // A half-written note goes by Store or Cancel, never by the press that opens another one.
      disabled: isWritten && !noting,
      onPress: () => {
        if (isWritten) return;
        const on = { id: rationale.id, ...writtenUnder(snapshot, set.checkpoint) };
        change({ note: noting ? null : { ...on, text: rating.note, original: rating.note } });
      },
    }),
  );
}

function actionRow(context: RationaleContext, set: RationaleSet, rationale: RationaleView): VNode {
  const { snapshot, send } = context;
  const { id, record, pinned } = rationale;
  const { step } = rationale.keptFrom ?? set;
  const draft = editOver(context, id);
  return h(
    'div',
    { key: 'actions', class: 'actions', role: 'toolbar', 'aria-label': t('rationale.actions'), 'data-roving': 'list' },
    action({
      icon: 'edit',
      label: t('rationale.edit'),
      disabled: !snapshot.canSample,
      expanded: draft !== undefined,
      onPress: () =>
        draft === undefined
          ? openEdit(context, { id, text: record.text, checkpoint: set.checkpoint })
          : closeEdit(context, draft),
    }),
    action({
      icon: 'pin',
      label: t('rationale.pin'),
      pressed: pinned,
      onPress: () => send({ type: 'pin', rowKey: snapshot.rowKey, rationale: id, pinned: !pinned }),
    }),
    action({ icon: 'copy', label: t('rationale.copy'), onPress: () => send({ type: 'copy', text: record.text }) }),
    step === null || rationale.origin !== 'run'
      ? null
      : action({
          icon: 'open_row',
          label: t('rationale.openRollout'),
          onPress: () => send({ type: 'open-rollout', rowKey: snapshot.rowKey, step, sample: record.sample }),
        }),
  );
}

function action(options: {
  readonly icon?: IconName;
  readonly label: string;
  readonly pressed?: boolean;
  readonly expanded?: boolean;
  readonly disabled?: boolean;
  readonly onPress: () => void;
}): VNode {
  return h(
    'button',
    {
      type: 'button',
      class: 'action',
      'data-rove': true,
      'aria-pressed': options.pressed,
      'aria-expanded': options.expanded,
      'aria-disabled': options.disabled === true ? true : undefined,
      on: { click: () => options.disabled !== true && options.onPress() },
    },
    options.icon ? icon(options.icon) : options.pressed ? icon('right') : null,
    options.label,
  );
}
