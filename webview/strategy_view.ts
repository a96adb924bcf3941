/** The dashboard's view of reasoning strategies: how each does, how they change, which learned what, and who is right where others are not. */
import type { DashboardStrategies, StrategyWins } from '../src/protocol/panel_messages.ts';
import { type Child, h, type VNode } from './dom.ts';
import { fixed, percent } from './format.ts';
import { formatMeasure, type StrategyChart, strategyChart } from './strategy_chart.ts';
import { leader, matchingMatrix, type StrategyHistory, strategyLines } from './strategy_history.ts';
import { strategyMark } from './strategy_mark.ts';
import { type StrategyNames, strategyName } from './strategy_style.ts';
import { checkpointLabel, type StringKey, t } from './strings.ts';
import { explained } from './tooltip.ts';

export interface StrategyView extends Omit<StrategyChart, 'names'> {
  readonly known: DashboardStrategies;
}

export function strategyView(view: StrategyView): VNode {
  const { history, known, cursor } = view;
  const { names, wins } = known;
  return h(
    'section',
    { key: 'strategies', class: 'strategies', 'aria-label': t('dashboard.strategies') },
    h('h2', null, t('dashboard.strategies'), summaryLine(history)),
    h(
      'div',
      { class: 'strategy-parts' },
      standings(history, names, wins),
      strategyChart({ ...view, names }),
      matching(history, names, cursor),
      wins === null ? null : winnersMatrix(names, wins),
    ),
  );
}

/** What the newest evaluation says of all of them together. */
function summaryLine({ evaluations }: StrategyHistory): Child {
  const newest = evaluations.at(-1);
  if (newest === undefined) return null;
  const { tagInformation, consensusAccuracy, count, entropy } = newest.strategies;
  const parts = [
    consensusAccuracy === null ? null : t('dashboard.strategies.consensus', percent(consensusAccuracy)),
    tagInformation === null
      ? null
      : t('dashboard.strategies.information', fixed(tagInformation), fixed(Math.log(count))),
    t('dashboard.strategies.entropy', fixed(entropy), fixed(Math.log(count))),
  ].filter((part) => part !== null);
  return h('span', { class: 'dim' }, ` · ${checkpointLabel(newest.summary.checkpoint)}: ${parts.join(' · ')}`);
}

interface Column {
  readonly key: 'probability' | 'reward' | 'correctShare' | 'tokens' | 'accuracy' | 'chosen' | 'onlyRight' | 'best';
  readonly values: readonly (number | null)[];
  readonly format: (value: number) => string;
  /** The greatest value is marked as such. */
  readonly ranked: boolean;
}

/** The newest value of every measure, one row per strategy. */
function standings(history: StrategyHistory, names: StrategyNames, wins: StrategyWins | null): VNode {
  const newest = (measure: 'probability' | 'reward' | 'correctShare' | 'tokens'): Column => ({
    key: measure,
    values: strategyLines(history, measure).lines.map((line) => line.at(-1) ?? null),
    format: (value) => formatMeasure(measure, value),
    ranked: measure !== 'tokens',
  });
  const evaluated = history.evaluations.findLast(({ strategies }) => strategies.tagged)?.strategies.perStrategy ?? [];
  const whole = (value: number): string => String(value);
  const columns: Column[] = [
    newest('probability'),
    newest('reward'),
    newest('correctShare'),
    newest('tokens'),
    { key: 'accuracy', values: evaluated.map((one) => one.greedyAccuracy), format: percent, ranked: true },
    { key: 'chosen', values: evaluated.map((one) => one.chosenShare), format: percent, ranked: true },
    { key: 'onlyRight', values: wins?.onlyRight ?? [], format: whole, ranked: true },
    { key: 'best', values: wins?.best ?? [], format: whole, ranked: true },
  ];
  const filled = columns.filter(({ values }) => values.some((value) => value !== null));
  return h(
    'div',
    { class: 'table-scroll', role: 'region', tabindex: 0, 'aria-label': t('dashboard.strategies.standings') },
    h(
      'table',
      { class: 'standings' },
      h('caption', { class: 'visually-hidden' }, t('dashboard.strategies.standings')),
      h(
        'thead',
        null,
        h(
          'tr',
          null,
          h('th', { scope: 'col' }, t('dashboard.strategies.strategy')),
          filled.map(({ key }) =>
            h(
              'th',
              { scope: 'col' },
              h(
                'button',
                {
                  type: 'button',
                  class: 'plain figure',
                  ...explained(() => ({
                    title: t(`dashboard.strategies.${key}`),
                    text: t(`dashboard.strategies.${key}.text` as StringKey),
                  })),
                },
                t(`dashboard.strategies.${key}`),
              ),
            ),
          ),
        ),
      ),
      h(
        'tbody',
        null,
        Array.from({ length: history.count }, (_, i) =>
          h(
            'tr',
            { key: String(i) },
            h('th', { scope: 'row' }, strategyMark(i + 1), ' ', strategyName(names, i + 1)),
            filled.map(({ values, format, ranked }) => {
              const value = values[i] ?? null;
              const first = ranked && leader(values) === i + 1;
              return h(
                'td',
                { class: 'number' },
                value === null ? '–' : first ? h('strong', null, format(value)) : format(value),
                first ? h('span', { class: 'visually-hidden' }, t('dashboard.strategies.highest')) : null,
                first ? h('span', { class: 'first', 'aria-hidden': true }, '▲') : null,
              );
            }),
          ),
        ),
      ),
    ),
  );
}

/** Cells as shares of their column: which strategy learns a source's traces. */
function matching(history: StrategyHistory, names: StrategyNames, cursor: number | null): Child {
  const matrix = matchingMatrix(history, cursor);
  if (matrix === null) return null;
  const { from, to, sources, counts, totals, entropy } = matrix;
  const steps = from === to ? t('checkpoint.step', to) : t('dashboard.strategies.steps', from, to);
  return heatTable({
    key: 'matching',
    title: t('dashboard.strategies.matching'),
    text: t('dashboard.strategies.matching.text'),
    note: `${steps} · ${t('dashboard.strategies.matchingEntropy', fixed(entropy), fixed(Math.log(history.count)))}`,
    corner: t('dashboard.strategies.source'),
    columns: sources,
    rows: counts.map((row, i) => ({
      strategy: i + 1,
      cells: row.map((count, source) => {
        const share = totals[source]! === 0 ? null : count / totals[source]!;
        const first = leader(counts.map((other) => other[source]!)) === i + 1;
        return { share, text: share === null ? '–' : percent(share, 0), first: share !== null && first };
      }),
    })),
    names,
  });
}

/** Row: right there; column: wrong there. On the diagonal, all questions the strategy gets right. */
function winnersMatrix(names: StrategyNames, { rightWhereWrong, questions, none, checkpoint }: StrategyWins): VNode {
  return heatTable({
    key: 'winners',
    title: t('dashboard.strategies.winners'),
    text: t('dashboard.strategies.winners.text'),
    note: t('dashboard.strategies.winners.note', checkpointLabel(checkpoint), questions, none),
    corner: t('dashboard.strategies.wrongUnder'),
    columns: rightWhereWrong.map((_, i) => strategyName(names, i + 1)),
    rows: rightWhereWrong.map((row, i) => ({
      strategy: i + 1,
      cells: row.map((count, j) => ({
        share: questions === 0 ? null : count / questions,
        text: String(count),
        first: i === j,
      })),
    })),
    names,
  });
}

interface HeatTable {
  readonly key: string;
  readonly title: string;
  readonly text: string;
  readonly note: string;
  readonly corner: string;
  readonly columns: readonly string[];
  readonly rows: readonly {
    readonly strategy: number;
    readonly cells: readonly { readonly share: number | null; readonly text: string; readonly first: boolean }[];
  }[];
  readonly names: StrategyNames;
}

/** Every cell says its figure; the shade repeats it. */
function heatTable({ key, title, text, note, corner, columns, rows, names }: HeatTable): VNode {
  return h(
    'section',
    { key, class: 'card heat-card', 'aria-label': title },
    h(
      'div',
      { class: 'card-head' },
      h(
        'h3',
        null,
        h('button', { type: 'button', class: 'plain figure', ...explained(() => ({ title, text })) }, title),
      ),
      h('span', { class: 'dim' }, note),
    ),
    h(
      'div',
      { class: 'table-scroll', role: 'region', tabindex: 0, 'aria-label': title },
      h(
        'table',
        { class: 'heat-table' },
        h(
          'thead',
          null,
          h(
            'tr',
            null,
            h('th', { scope: 'col', class: 'dim' }, corner),
            columns.map((column) => h('th', { scope: 'col', class: 'number' }, column)),
          ),
        ),
        h(
          'tbody',
          null,
          rows.map(({ strategy, cells }) =>
            h(
              'tr',
              { key: String(strategy) },
              h('th', { scope: 'row' }, strategyMark(strategy), ' ', strategyName(names, strategy)),
              cells.map((cell) =>
                h(
                  'td',
                  { class: `number${cell.first ? ' first' : ''}`, vars: { '--share': (cell.share ?? 0).toFixed(3) } },
                  cell.text,
                ),
              ),
            ),
          ),
        ),
      ),
    ),
  );
}
