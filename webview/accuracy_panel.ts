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
import { comparedList } from './compared_list.ts';
import { type Child, h } from './dom.ts';
import { icon } from './icons.ts';
import { failedView, failureBanner, loadingView, startPanel } from './panel_shell.ts';
import { checkpointLabel, t } from './strings.ts';
import { button } from './toolkit.ts';

const SavedState = v.object({
  outcome: v.picklist(['all', 'fixed', 'broken', 'both-right', 'both-wrong']),
  rewardChange: v.picklist(['any', 'rose', 'fell']),
  text: v.string(),
  by: v.picklist(['line', 'before', 'after', 'change']),
  descending: v.boolean(),
});

/** Rows drawn at once; a button shows more. */
const BATCH = 200;

let snapshot: AccuracySnapshot = { kind: 'loading', what: '' };
let list: ListView = { outcome: 'all', rewardChange: 'any', text: '', by: 'change', descending: false };
let shown = BATCH;
let opened: ReadonlySet<string> = new Set();
let details = new Map<string, { before: EvaluationRow; after: EvaluationRow }>();

const shell = startPanel({
  messages: AccuracyHostMessage,
  intents: AccuracyIntent,
  receive(message) {
    if (message.type === 'question') {
      details.set(message.before.rowKey, { before: message.before, after: message.after });
      return;
    }
    if (pairOf(message.snapshot) !== pairOf(snapshot)) {
      details = new Map();
      opened = new Set();
    }
    snapshot = message.snapshot;
  },
  view,
});
list = shell.load(SavedState) ?? list;

function pairOf(of: AccuracySnapshot): string {
  return of.kind === 'comparison' ? `${of.run ?? ''} ${of.before.name} ${of.after.name}` : '';
}

function act(action: PanelAction): void {
  shell.send({ type: 'action', action });
}

function setList(change: Partial<ListView>): void {
  list = { ...list, ...change };
  shown = BATCH;
  shell.save(list);
  shell.redraw();
}

function toggle(rowKey: string): void {
  const next = new Set(opened);
  if (!next.delete(rowKey)) {
    next.add(rowKey);
    if (!details.has(rowKey)) shell.send({ type: 'show-question', rowKey });
  }
  opened = next;
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
        shell.redraw();
      },
      toggle,
      send: shell.send,
    }),
  ];
}

function header(comparison: AccuracyComparison): Child {
  const { dataset, run, before, after, paired } = comparison;
  const pair = `${checkpointLabel(before.checkpoint)} → ${checkpointLabel(after.checkpoint)}`;
  const where = [dataset, ...(run === null ? [] : [run]), t('accuracy.paired', paired.questions)];
  const exportAs = (format: 'markdown' | 'csv'): void =>
    shell.send({
      type: 'export',
      format,
      rowKeys: listed(comparison.questions, list).map((question) => question.rowKey),
    });
  return h(
    'header',
    { key: 'header' },
    h(
      'div',
      null,
      h('h1', null, t('accuracy.title'), ' ', h('span', { class: 'pair' }, pair)),
      h('p', { class: 'dim' }, where.join(' · ')),
    ),
    h(
      'div',
      { class: 'buttons' },
      button({ onPress: () => shell.send({ type: 'swap' }) }, icon('swap'), t('accuracy.swap')),
      button({ onPress: () => exportAs('markdown') }, icon('export'), t('accuracy.markdown')),
      button({ onPress: () => exportAs('csv') }, icon('export'), t('accuracy.csv')),
    ),
  );
}
