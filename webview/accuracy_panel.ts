/** Accuracy diff: two evaluations of the same questions, paired: what was fixed, what broke, and whether it can be chance. */
import * as v from 'valibot';
import {
  type AccuracyComparison,
  AccuracyHostMessage,
  AccuracyIntent,
  type AccuracySnapshot,
  type PanelAction,
} from '../src/protocol/panel_messages.ts';
import type { EvaluationRow } from '../src/protocol/records.ts';
import { accuracySummary } from './accuracy_summary.ts';
import { type ListView, listed } from './compared.ts';
import { comparedList, filterTexts } from './compared_list.ts';
import { type Child, h } from './dom.ts';
import { icon } from './icons.ts';
import { failedView, failureBanner, loadingView, startPanel } from './panel_shell.ts';
import { t } from './strings.ts';
import { button } from './toolkit.ts';

/** Survives hiding the panel and reloading the window, as its pair does, which the host keeps. */
const SavedState = v.object({
  list: v.object({
    outcome: v.picklist(['all', 'fixed', 'broken', 'both-right', 'both-wrong']),
    rewardChange: v.picklist(['any', 'rose', 'fell']),
    text: v.string(),
    by: v.picklist(['line', 'before', 'after', 'change']),
    descending: v.boolean(),
  }),
  shown: v.number(),
  /** Ids of questions, the one opened last at the end; of this pair, whichever way round. */
  opened: v.array(v.string()),
  pair: v.string(),
});

/** Rows drawn at once; a button shows more. */
const BATCH = 200;

let snapshot: AccuracySnapshot = { kind: 'loading', what: '' };
let list: ListView = { outcome: 'all', rewardChange: 'any', text: '', by: 'change', descending: false };
let shown = BATCH;
let opened: ReadonlySet<string> = new Set();
/** The pair that `opened` is about. */
let pair = '';
let details = new Map<string, { before: EvaluationRow; after: EvaluationRow }>();
/**
 * A row to bring back into view once it is drawn: the panel has come back, or the pair was swapped. Whoever works with the list is
 * past that: a row that was not among those shown must not jump into view later.
 */
let returnTo: string | undefined;

const shell = startPanel({
  messages: AccuracyHostMessage,
  intents: AccuracyIntent,
  receive(message) {
    if (message.type === 'question') {
      details.set(message.id, { before: message.before, after: message.after });
      return;
    }
    if (message.snapshot.kind === 'comparison') receiveComparison(message.snapshot, snapshot);
    snapshot = message.snapshot;
  },
  view,
});
const saved = shell.load(SavedState);
if (saved !== undefined) {
  ({ list, shown, pair } = saved);
  opened = new Set(saved.opened);
}

const sidesOf = ({ run, labels, before, after }: AccuracyComparison): string[] =>
  [`${labels.before} ${before.name}`, `${labels.after} ${after.name}`].map((side) => `${run ?? ''}\n${side}`);

function receiveComparison(comparison: AccuracyComparison, previous: AccuracySnapshot): void {
  const sides = sidesOf(comparison);
  // Its files have changed while it was shown: nothing moves under who reads.
  const inPlace = previous.kind === 'comparison' && sidesOf(previous).join('\n') === sides.join('\n');
  const now = sides.sort().join('\n');
  if (now !== pair) {
    opened = new Set();
    shown = BATCH;
  }
  details = new Map(inPlace ? [...details].filter(([id]) => opened.has(id)) : []);
  // Swapped, the list stands in another order.
  if (!inPlace) returnTo = [...opened].at(-1);
  pair = now;
  save();
  for (const id of opened) shell.send({ type: 'show-question', id });
}

function save(): void {
  shell.save({ list, shown, opened: [...opened], pair });
}

function act(action: PanelAction): void {
  shell.send({ type: 'action', action });
}

function setList(change: Partial<ListView>): void {
  list = { ...list, ...change };
  shown = BATCH;
  returnTo = undefined;
  save();
  shell.redraw();
}

function toggle(id: string): void {
  const next = new Set(opened);
  if (!next.delete(id)) {
    next.add(id);
    if (!details.has(id)) shell.send({ type: 'show-question', id });
  }
  opened = next;
  returnTo = undefined;
  save();
  shell.redraw();
}

function view(): Child {
  switch (snapshot.kind) {
    case 'loading':
      return loadingView(snapshot.what || t('shell.loading'));
    case 'failed':
      return failedView(snapshot.failure, act);
    case 'comparison':
      return comparisonView(snapshot);
  }
}

function comparisonView(comparison: AccuracyComparison): Child {
  return [
    header(comparison),
    failureBanner(comparison.failure, act),
    accuracySummary(comparison),
    comparedList({
      comparison,
      list,
      shown,
      opened,
      details,
      setList,
      showMore() {
        shown += BATCH;
        returnTo = undefined;
        save();
        shell.redraw();
      },
      toggle,
      arrive(id, row) {
        if (id !== returnTo || !details.has(id)) return;
        returnTo = undefined;
        row.scrollIntoView({ block: 'nearest' });
      },
      send: shell.send,
    }),
  ];
}

function header(comparison: AccuracyComparison): Child {
  const { dataset, run, labels, paired } = comparison;
  const where = [dataset, ...(run === null ? [] : [run]), t('accuracy.paired', paired.questions)];
  const exportAs = (format: 'markdown' | 'csv'): void =>
    shell.send({
      type: 'export',
      format,
      ids: listed(comparison.questions, list).map(({ id }) => id),
      filters: filterTexts(list),
    });
  return h(
    'header',
    { key: 'header' },
    h(
      'div',
      null,
      h('h1', null, t('accuracy.title'), ' ', h('span', { class: 'pair' }, `${labels.before} → ${labels.after}`)),
      h('p', { class: 'dim' }, where.join(' · ')),
    ),
    h(
      'div',
      { class: 'buttons' },
      button({ onPress: () => shell.send({ type: 'choose' }) }, t('accuracy.choose')),
      button({ onPress: () => shell.send({ type: 'swap' }) }, icon('swap'), t('accuracy.swap')),
      button({ onPress: () => exportAs('markdown') }, icon('export'), t('accuracy.markdown')),
      button({ onPress: () => exportAs('csv') }, icon('export'), t('accuracy.csv')),
    ),
  );
}
