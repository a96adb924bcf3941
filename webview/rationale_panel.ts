/** Side panel: the rationales of the question under the cursor, what their self-reward is made of, before and after an update. */
import type { PanelAction } from '../src/protocol/panel_messages.ts';
import {
  RationaleHostMessage,
  RationaleIntent,
  type RationaleQuestion,
  type RationaleSnapshot,
} from '../src/protocol/rationale_messages.ts';
import { beforeAfter } from './before_after.ts';
import { type Child, h } from './dom.ts';
import { isAmongShown } from './draft_weights.ts';
import { idOf, settled, strayEdits } from './edit_form.ts';
import { settledNote, strayNote } from './note_form.ts';
import { recall, remember, SavedRationaleState, saved } from './panel_memory.ts';
import { emptyView, failedView, failureBanner, loadingView, startPanel } from './panel_shell.ts';
import { shownOrder } from './rationale_figures.ts';
import { questionHeader, rewardSummary } from './rationale_header.ts';
import {
  initialRationaleState,
  type RationaleContext,
  type RationaleState,
  untouchedQuestion,
} from './rationale_state.ts';
import { rationaleTable } from './rationale_table.ts';
import { samplingButton, samplingForm } from './sampling_form.ts';
import { checkpointLabel, t } from './strings.ts';
import { tokenLegend } from './token_legend.ts';
import { button, checkbox } from './toolkit.ts';
import { explained } from './tooltip.ts';

let snapshot: RationaleSnapshot = { kind: 'loading', what: '' };
let state: RationaleState = initialRationaleState;

let questions: SavedRationaleState['questions'] = [];

/** Row, run and weights that the host was last told are looked into; '' once others are shown. */
let held = '';

const shell = startPanel({
  messages: RationaleHostMessage,
  intents: RationaleIntent,
  receive(message) {
    const before = snapshot;
    snapshot = message.snapshot;
    const now = keyOf(snapshot);
    if (now !== keyOf(before)) state = { ...state, ...(recall(questions, now) ?? untouchedQuestion) };
    if (held !== weightsKey()) held = '';
    state = { ...state, edits: settled(state.edits, snapshot), note: settledNote(state.note, snapshot) };
    if (!someOpen()) state = { ...state, opened: { ...state.opened, ...firstOpen() }, selected: null };
    announceActivity();
    announceNewer(before);
  },
  view,
});
const { questions: before = [], ...looks } = shell.load(SavedRationaleState) ?? {};
questions = before;
state = { ...state, ...looks };

function keyOf(of: RationaleSnapshot): string {
  return of.kind === 'question' ? of.rowKey : '';
}

function someOpen(): boolean {
  return snapshot.kind === 'question' && (snapshot.current?.rationales.some(({ id }) => id in state.opened) ?? false);
}

/** The first rationale is open, and stays open wherever sorting or pinning moves it. */
function firstOpen(): RationaleState['opened'] {
  const rationales = snapshot.kind === 'question' ? (snapshot.current?.rationales ?? []) : [];
  const first = shownOrder(rationales, state.sort)[0];
  return first ? { [first.id]: true } : {};
}

function change(part: Partial<RationaleState>): void {
  const before = state;
  state = { ...state, ...part };
  const key = keyOf(snapshot);
  if (key !== '') questions = remember(questions, key, state);
  if (part.opened !== undefined || part.selected !== undefined || writes(part, before)) hold();
  shell.save(saved(state, questions));
  shell.redraw();
}

/** Over a rationale that is shown, or on it: where it goes, its form goes, and with it what an input method composes. */
function writes({ edits = {}, note }: Partial<RationaleState>, before: RationaleState): boolean {
  if (snapshot.kind !== 'question') return false;
  const of = snapshot;
  const changed = Object.entries(edits).filter(([key, draft]) => draft !== before.edits[key]);
  const written = changed.flatMap(([key, draft]) => (isAmongShown(draft, of) ? [idOf(key, draft)] : []));
  if (note && isAmongShown(note, of)) written.push(note.id);
  return of.current?.rationales.some(({ id }) => written.includes(id)) ?? false;
}

function weightsKey(): string {
  if (snapshot.kind !== 'question' || snapshot.current === null) return '';
  const { rowKey, run, current } = snapshot;
  return JSON.stringify([rowKey, run, current.checkpoint]);
}

/** Who opens, selects or writes on a rationale works on it: a run that trains is not to take it away. */
function hold(): void {
  const now = weightsKey();
  if (snapshot.kind !== 'question' || snapshot.current === null || now === held) return;
  held = now;
  const { rowKey, run, current } = snapshot;
  shell.send({ type: 'hold', rowKey, run, checkpoint: current.checkpoint });
}

function showNewer(): void {
  held = '';
  shell.send({ type: 'let-go', rowKey: keyOf(snapshot) });
}

function act(action: PanelAction): void {
  shell.send({ type: 'action', action });
}

function view(): Child {
  switch (snapshot.kind) {
    case 'loading':
      return loadingView(snapshot.what || t('shell.loading'));
    case 'failed':
      return failedView(snapshot.failure, act);
    case 'empty':
      return emptyWhy(snapshot.why);
    case 'question':
      return questionView({ snapshot, state, change, send: shell.send });
  }
}

function emptyWhy(why: Extract<RationaleSnapshot, { kind: 'empty' }>['why']): Child {
  const actions: Record<typeof why, readonly PanelAction[]> = {
    'no-dataset': ['open-dataset'],
    'no-row': [],
    'bad-row': [],
    'too-large': [],
    'no-model': ['choose-model'],
    untrusted: ['manage-trust'],
  };
  return emptyView(t(`rationale.empty.${why}`), t(`rationale.empty.${why}.text`), actions[why], act);
}

function questionView(context: RationaleContext): Child {
  const { current } = context.snapshot;
  return [
    questionHeader(context),
    failureBanner(context.snapshot.failure, act),
    activityBar(context.snapshot),
    newerBar(context.snapshot.newer),
    current && current.rationales.length > 0
      ? [
          rewardSummary(context, current),
          beforeAfter(context),
          listToolbar(context),
          context.state.samplingDraft ? samplingForm(context, context.state.samplingDraft) : null,
          context.state.wordDiff && context.snapshot.comparison ? diffLegend() : tokenLegend(context),
          rationaleTable(context, current),
        ]
      : [notSampled(context), context.state.samplingDraft ? samplingForm(context, context.state.samplingDraft) : null],
    strayEdits(context),
    strayNote(context),
  ];
}

function newerBar(newer: RationaleQuestion['newer']): Child {
  if (newer === undefined) return null;
  return h(
    'p',
    { key: 'newer', class: 'newer' },
    newerText(newer),
    ' ',
    h('button', { type: 'button', class: 'plain link', on: { click: showNewer } }, t('rationale.newer.show')),
  );
}

const newerText = ({ checkpoint, run }: NonNullable<RationaleQuestion['newer']>): string =>
  run === undefined ? t('rationale.newer', checkpointLabel(checkpoint)) : t('rationale.newer.run', run);

function listToolbar(context: RationaleContext): Child {
  const { snapshot: question, state: own } = context;
  const comparable = question.comparison !== null || question.stages.length > 1;
  return h(
    'div',
    { key: 'toolbar', class: 'toolbar' },
    checkbox({
      label: t('rationale.wordDiff'),
      checked: own.wordDiff && comparable,
      disabled: !comparable,
      onChange: (wordDiff) => change({ wordDiff }),
    }),
    h('span', { class: 'buttons' }, discardButton(context), samplingButton(context)),
  );
}

function discardButton({ snapshot: { current, discardable, rowKey }, send }: RationaleContext): Child {
  if (current === null || !discardable) return null;
  return button(
    {
      props: explained(() => ({ title: t('rationale.discard'), text: t('rationale.discard.text') })),
      onPress: () => send({ type: 'discard', rowKey, checkpoint: current.checkpoint }),
    },
    t('rationale.discard'),
  );
}

function diffLegend(): Child {
  return h('p', { class: 'legend' }, h('del', null, t('diff.removed')), h('ins', null, t('diff.added')));
}

function notSampled(context: RationaleContext): Child {
  return h(
    'div',
    { key: 'none', class: 'none' },
    h('p', null, context.snapshot.canSample ? t('rationale.none') : t('rationale.none.cannot')),
    context.snapshot.canSample
      ? samplingButton(context)
      : h(
          'div',
          { class: 'buttons' },
          button({ look: 'primary', onPress: () => act('choose-model') }, t('action.choose-model')),
        ),
  );
}

function activityBar({ activity }: RationaleQuestion): Child {
  if (!activity) return null;
  const { what, done, total } = activity;
  const text = t(`rationale.activity.${what}`, done, total);
  return h(
    'div',
    { key: 'activity', class: 'activity' },
    h(
      'div',
      {
        class: 'progress-line',
        role: 'progressbar',
        'aria-label': text,
        'aria-valuemin': 0,
        'aria-valuemax': total,
        'aria-valuenow': done,
      },
      h('div', { class: 'progress-fill', vars: { '--share': total === 0 ? 0 : done / total } }),
    ),
    h('span', null, text),
    h('button', { type: 'button', class: 'action', on: { click: () => shell.send({ type: 'cancel' }) } }, t('cancel')),
  );
}

function announceActivity(): void {
  if (snapshot.kind === 'question' && snapshot.activity)
    shell.announce(t(`rationale.activity.${snapshot.activity.what}`, snapshot.activity.done, snapshot.activity.total));
}

/** That there are newer ones, not each of them: with few questions every update of a run brings some. */
function announceNewer(before: RationaleSnapshot): void {
  if (snapshot.kind !== 'question' || snapshot.newer === undefined) return;
  if (before.kind === 'question' && before.rowKey === snapshot.rowKey && before.newer !== undefined) return;
  shell.announce(newerText(snapshot.newer));
}
