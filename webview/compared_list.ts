/** The compared questions: chips, text and reward filters, sortable columns, and each question's two rationales when opened. */
import {
  type AccuracyComparison,
  type AccuracyIntent,
  type ComparedQuestion,
  type ComparedSide,
  outcomeOf,
} from '../src/protocol/panel_messages.ts';
import type { EvaluationRow } from '../src/protocol/records.ts';
import {
  type ComparedColumn,
  type ListView,
  listed,
  type Outcome,
  outcomeCount,
  type RewardChange,
  tally,
} from './compared.ts';
import { diffView } from './diff_view.ts';
import { differenceShown } from './difference.ts';
import { type Child, h, type VNode } from './dom.ts';
import { fixed } from './format.ts';
import { icon } from './icons.ts';
import { type StringKey, t } from './strings.ts';
import { button, dropdown, textField } from './toolkit.ts';

export interface ListContext {
  readonly comparison: AccuracyComparison;
  readonly list: ListView;
  readonly shown: number;
  readonly opened: ReadonlySet<string>;
  readonly details: ReadonlyMap<string, { readonly before: EvaluationRow; readonly after: EvaluationRow }>;
  readonly setList: (change: Partial<ListView>) => void;
  readonly showMore: () => void;
  readonly toggle: (id: string) => void;
  /** After every drawing of an open row. */
  readonly arrive: (id: string, row: HTMLElement) => void;
  readonly send: (intent: AccuracyIntent) => void;
}

const outcomes: readonly Outcome[] = ['all', 'fixed', 'broken', 'both-wrong', 'both-right'];
const changes: readonly RewardChange[] = ['any', 'rose', 'fell'];
const columns: readonly { readonly by: ComparedColumn | null; readonly text: StringKey; readonly class?: string }[] = [
  { by: 'line', text: 'accuracy.column.line' },
  { by: null, text: 'accuracy.column.question' },
  { by: null, text: 'accuracy.column.gold' },
  { by: null, text: 'accuracy.column.before' },
  { by: null, text: 'accuracy.column.after' },
  { by: 'before', text: 'accuracy.column.logBefore', class: 'number wide' },
  { by: 'after', text: 'accuracy.column.logAfter', class: 'number wide' },
  { by: 'change', text: 'accuracy.column.change', class: 'number' },
];

export function comparedList(context: ListContext): Child {
  const { comparison, list, shown } = context;
  const questions = listed(comparison.questions, list);
  return [
    filters(context),
    h(
      'p',
      { key: 'count', class: 'dim count-line', 'aria-live': 'polite' },
      t('accuracy.listed', questions.length, comparison.questions.length),
    ),
    questions.length === 0
      ? h('p', { key: 'nothing' }, t('accuracy.nothing'))
      : h(
          'table',
          { key: 'list', class: 'questions', 'data-roving': 'grid', 'aria-label': t('accuracy.questions') },
          h(
            'thead',
            null,
            h(
              'tr',
              { 'data-rove-row': true },
              columns.map((column) => header(context, column)),
            ),
          ),
          questions.slice(0, shown).map((question) => questionRows(context, question)),
        ),
    questions.length > shown
      ? h(
          'div',
          { key: 'more', class: 'buttons' },
          button({ onPress: context.showMore }, t('accuracy.more', questions.length - shown)),
        )
      : null,
  ];
}

/** What the list leaves out, in the words of the filters; empty when nothing. */
export function filterTexts({ outcome, rewardChange: change, text }: ListView): string[] {
  return [
    ...(outcome === 'all' ? [] : [t(`accuracy.outcome.${outcome}`)]),
    ...(change === 'any' ? [] : [t(`accuracy.filter.change.${change}`)]),
    ...(text.trim() === '' ? [] : [`“${text.trim()}”`]),
  ];
}

function filters({ comparison, list, setList }: ListContext): VNode {
  return h(
    'div',
    { key: 'filters', class: 'filters' },
    h(
      'div',
      { class: 'chips', role: 'toolbar', 'aria-label': t('accuracy.filter.outcome'), 'data-roving': 'list' },
      outcomes.map((outcome) =>
        h(
          'button',
          {
            key: outcome,
            type: 'button',
            class: 'action',
            'data-rove': true,
            'aria-pressed': list.outcome === outcome,
            on: { click: () => setList({ outcome }) },
          },
          outcome === 'fixed' ? icon('right', 'good') : outcome === 'broken' ? icon('wrong', 'bad') : null,
          t(`accuracy.outcome.${outcome}`),
          h('span', { class: 'number' }, outcomeCount(comparison, outcome)),
        ),
      ),
    ),
    textField({
      label: t('accuracy.filter.text'),
      hiddenLabel: true,
      placeholder: t('accuracy.filter.text'),
      value: list.text,
      onInput: (text) => setList({ text }),
    }),
    dropdown({
      label: t('accuracy.filter.change'),
      value: list.rewardChange,
      choices: changes.map((change) => ({ value: change, text: t(`accuracy.filter.change.${change}`) })),
      onChoose: (value) => setList({ rewardChange: changes.find((change) => change === value) ?? 'any' }),
    }),
  );
}

function header({ list, setList }: ListContext, { by, text, class: className }: (typeof columns)[number]): VNode {
  if (by === null) return h('th', { scope: 'col', class: className }, t(text));
  const active = list.by === by;
  return h(
    'th',
    {
      scope: 'col',
      class: className,
      'aria-sort': active ? (list.descending ? 'descending' : 'ascending') : undefined,
    },
    h(
      'button',
      {
        type: 'button',
        class: 'plain',
        'data-rove': true,
        title: t('sorts'),
        on: { click: () => setList({ by, descending: active ? !list.descending : false }) },
      },
      t(text),
      active ? h('span', { class: 'sort-mark', 'aria-hidden': true }, icon(list.descending ? 'down' : 'up')) : null,
    ),
  );
}

function questionRows(context: ListContext, question: ComparedQuestion): VNode {
  const { id, line, goldAnswer, before, after } = question;
  const open = context.opened.has(id);
  return h(
    'tbody',
    {
      key: id,
      class: open ? 'question open' : 'question',
      'data-row': id,
      updated: (row) => {
        if (open) context.arrive(id, row);
      },
    },
    h(
      'tr',
      { 'data-rove-row': true },
      h('td', { class: 'dim number' }, line),
      h(
        'th',
        { scope: 'row' },
        h(
          'button',
          {
            type: 'button',
            class: 'plain toggle',
            'data-rove': true,
            'aria-expanded': open,
            on: { click: () => context.toggle(id) },
          },
          icon(open ? 'open' : 'closed'),
          h('span', { class: 'question-text', dir: 'auto' }, question.question),
        ),
      ),
      h('td', null, h('span', { class: 'answer', dir: 'auto' }, goldAnswer)),
      h('td', null, answer(before)),
      h('td', null, answer(after)),
      h('td', { class: 'number wide' }, fixed(before.answerLogProb)),
      h('td', { class: 'number wide' }, fixed(after.answerLogProb)),
      h('td', { class: 'number' }, differenceShown(before.answerLogProb, after.answerLogProb)),
    ),
    open
      ? h('tr', { key: 'detail', class: 'detail' }, h('td', { colspan: columns.length }, detail(context, question)))
      : null,
  );
}

function answer({ extractedAnswer, correct }: Pick<ComparedSide, 'extractedAnswer' | 'correct'>): Child {
  return [
    icon(correct ? 'right' : 'wrong', correct ? 'good' : 'bad'),
    h('span', { class: 'answer', dir: 'auto' }, extractedAnswer ?? '–'),
    h('span', { class: 'visually-hidden' }, correct ? t('right') : t('wrong')),
  ];
}

function detail({ comparison, details, send }: ListContext, question: ComparedQuestion): Child {
  const { id, rowKey, line, goldAnswer } = question;
  const rows = details.get(id);
  return [
    h('p', { class: 'dim' }, `${t(`accuracy.outcome.${outcomeOf(question)}`)} · ${t('accuracy.gold', goldAnswer)}`),
    rows
      ? h(
          'div',
          { class: 'sides' },
          side(
            comparison.labels.before,
            question.before,
            rows.before,
            diffView(rows.before.greedy.text, rows.after.greedy.text, 'before'),
          ),
          side(
            comparison.labels.after,
            question.after,
            rows.after,
            diffView(rows.before.greedy.text, rows.after.greedy.text, 'after'),
          ),
        )
      : h('p', { class: 'dim', 'aria-busy': true }, t('shell.loading')),
    h(
      'div',
      { class: 'buttons' },
      h(
        'button',
        { type: 'button', class: 'action', on: { click: () => send({ type: 'open-row', rowKey, line }) } },
        icon('open_row'),
        t('openRow'),
      ),
    ),
  ];
}

function side(label: string, figures: ComparedSide, row: EvaluationRow, text: Child): VNode {
  const answers = tally(row.samples);
  return h(
    'section',
    { class: 'side', 'aria-label': label },
    h(
      'h3',
      null,
      h('strong', null, label),
      h('span', null, answer(row.greedy)),
      h('span', { class: 'dim number' }, t('accuracy.side', fixed(figures.answerLogProb), figures.tokens)),
      row.greedy.finished ? null : h('span', { class: 'dim' }, t('accuracy.cut')),
    ),
    h('p', { class: 'text', dir: 'auto' }, text),
    answers.length === 0
      ? null
      : h(
          'p',
          { class: 'dim tally' },
          t('accuracy.tally', row.samples.length),
          answers.map(({ answer: given, count, correct }) =>
            h(
              'span',
              { class: 'vote' },
              icon(correct ? 'right' : 'wrong', correct ? 'good' : 'bad'),
              h('span', { class: 'answer', dir: 'auto' }, given ?? '–'),
              ` ×${count}`,
            ),
          ),
        ),
  );
}
