/** The K rationales as one table: figures in columns that sort, the text of each under its figures, the rest when it is opened. */
import type { RationaleSet, RationaleView } from '../src/protocol/panel_messages.ts';
import { diffView } from './diff_view.ts';
import { difference } from './difference.ts';
import { type Child, h, type VNode } from './dom.ts';
import { fixed } from './format.ts';
import { icon } from './icons.ts';
import { prefixAfter } from './prefix_line.ts';
import { rationaleDetail } from './rationale_detail.ts';
import {
  bestGroup,
  clearFrom,
  counterpart,
  groupByStrategy,
  meanSelfReward,
  rightCount,
  type SortColumn,
  sampled,
  sortRationales,
  type TokenKind,
  tokenKind,
} from './rationale_figures.ts';
import type { RationaleContext } from './rationale_state.ts';
import { advantageTip, baselineTip, klTip, lengthTip, selfRewardTip, tokenTip } from './rationale_tips.ts';
import { strategyMark } from './strategy_mark.ts';
import { strategyName } from './strategy_style.ts';
import { checkpointLabel, type StringKey, t } from './strings.ts';
import { explained, type Tip } from './tooltip.ts';

const columns: readonly { readonly by: SortColumn; readonly short: StringKey; readonly long: StringKey }[] = [
  { by: 'sample', short: 'rationale.column.sample', long: 'rationale.column.sample.long' },
  { by: 'selfReward', short: 'rationale.column.selfReward', long: 'rationale.selfReward' },
  { by: 'klPenalty', short: 'rationale.column.kl', long: 'rationale.kl' },
  { by: 'baseline', short: 'rationale.column.baseline', long: 'rationale.baseline' },
  { by: 'advantage', short: 'rationale.column.advantage', long: 'rationale.advantage' },
  { by: 'length', short: 'rationale.column.length', long: 'rationale.length' },
];

export function rationaleTable(context: RationaleContext, set: RationaleSet): VNode {
  const sorted = sortRationales(set.rationales, context.state.sort);
  const groups = groupByStrategy(sorted);
  const grouped = groups.length > 1 || groups[0]?.strategy !== undefined;
  const best = bestGroup(groups);
  return h(
    'table',
    { class: 'rationales', 'data-roving': 'grid', 'aria-label': t('rationale.table') },
    h(
      'thead',
      null,
      h(
        'tr',
        { 'data-rove-row': true },
        columns.map((column) => header(context, column)),
      ),
    ),
    groups.map(({ strategy, rationales }) => [
      grouped ? groupHeading(context, strategy, rationales, best !== null && strategy === best) : null,
      rationales.map((rationale) => rationaleRows(context, set, rationale)),
    ]),
  );
}

function header(context: RationaleContext, column: (typeof columns)[number]): VNode {
  const { sort } = context.state;
  const active = sort.by === column.by;
  const descending = active ? !sort.descending : column.by !== 'sample';
  return h(
    'th',
    { scope: 'col', 'aria-sort': active ? (sort.descending ? 'descending' : 'ascending') : undefined },
    h(
      'button',
      {
        type: 'button',
        class: 'plain',
        'data-rove': true,
        ...explained(() => ({ title: t(column.long), text: t('sorts') })),
        on: { click: () => context.change({ sort: { by: column.by, descending } }) },
      },
      t(column.short),
      h('span', { class: 'sort-mark', 'aria-hidden': true }, active ? icon(sort.descending ? 'down' : 'up') : null),
    ),
  );
}

function groupHeading(
  context: RationaleContext,
  strategy: number | undefined,
  rationales: readonly RationaleView[],
  best: boolean,
): VNode {
  const samples = sampled(rationales);
  const name =
    strategy === undefined ? t('rationale.noStrategy') : strategyName(context.snapshot.strategyNames, strategy);
  return h(
    'tbody',
    { key: `group-${strategy ?? 'none'}`, class: 'group' },
    h(
      'tr',
      null,
      h(
        'th',
        { scope: 'rowgroup', colspan: columns.length },
        strategy === undefined ? null : strategyMark(strategy),
        h('span', { class: 'name' }, name),
        h(
          'span',
          { class: 'dim' },
          t('rationale.group', rightCount(samples), samples.length, fixed(meanSelfReward(samples) ?? 0)),
        ),
        best ? h('span', { class: 'best' }, icon('up'), t('rationale.strategy.best')) : null,
      ),
    ),
  );
}

function rationaleRows(context: RationaleContext, set: RationaleSet, rationale: RationaleView): VNode {
  const { state, change } = context;
  const { record, id } = rationale;
  const open = state.opened[id] === true;
  const toggle = (): void => change({ opened: { ...state.opened, [id]: !open }, selected: id });
  const other = counterpart(rationale, context.snapshot.comparison);
  return h(
    'tbody',
    { key: id, class: `rationale${open ? ' open' : ''}${rationale.pinned ? ' pinned' : ''}`, 'data-rationale': id },
    h(
      'tr',
      {
        class: 'figures',
        'data-rove-row': true,
        on: { focusin: () => state.selected !== id && change({ selected: id }) },
      },
      h('th', { scope: 'row' }, toggleButton(rationale, open, toggle)),
      figure(fixed(record.selfReward), () => selfRewardTip(record)),
      figure(fixed(record.klPenalty), () => klTip(record, set)),
      figure(fixed(record.baseline), () => baselineTip(record, set)),
      figure(difference(record.advantage), () => advantageTip(record)),
      figure(
        [
          String(record.tokens.length),
          record.stopReason === 'length' ? h('span', { class: 'cut', title: t('rationale.cut') }, '…') : null,
        ],
        () => lengthTip(record),
      ),
    ),
    h(
      'tr',
      { class: 'body' },
      h(
        'td',
        { colspan: columns.length },
        rationaleText(context, rationale, open, toggle),
        marks(rationale, other, checkpointLabel(context.snapshot.comparison?.checkpoint ?? 'base')),
        open ? rationaleDetail(context, set, rationale) : null,
      ),
    ),
  );
}

function toggleButton({ record }: RationaleView, open: boolean, toggle: () => void): VNode {
  return h(
    'button',
    {
      type: 'button',
      class: 'plain toggle',
      'data-rove': true,
      'aria-expanded': open,
      on: { click: toggle },
    },
    icon(open ? 'open' : 'closed'),
    h('span', { class: 'visually-hidden' }, t('rationale.sampleWord')),
    h('span', { class: 'dim number' }, record.sample + 1),
    icon(record.correct ? 'right' : 'wrong', record.correct ? 'good' : 'bad'),
    h('span', { class: 'answer' }, record.extractedAnswer ?? '–'),
    h('span', { class: 'visually-hidden' }, record.correct ? t('right') : t('wrong')),
  );
}

function figure(content: Child, tip: () => Tip): VNode {
  return h(
    'td',
    { class: 'number' },
    h('button', { type: 'button', class: 'plain figure', 'data-rove': true, ...explained(tip) }, content),
  );
}

function rationaleText(context: RationaleContext, rationale: RationaleView, open: boolean, toggle: () => void): VNode {
  const { record } = rationale;
  const other = context.state.wordDiff ? counterpart(rationale, context.snapshot.comparison) : null;
  const clamp = open ? '' : ' clamped';
  if (other) return h('p', { key: 'diff', class: `text${clamp}` }, diffView(other.record.text, record.text, 'both'));
  if (record.tokens.length === 0) return h('p', { key: 'none', class: 'text dim' }, t('rationale.emptyText'));
  const clear = open && rationale.prefixScores ? clearFrom(rationale.prefixScores)?.tokens : undefined;
  return h(
    'p',
    {
      key: open ? 'open' : 'closed',
      class: `text${clamp}`,
      ...(open ? { 'data-roving': 'list' } : { on: { click: toggle } }),
    },
    record.tokens.map((token, i) => {
      const kind = token.logProb === null ? 'expected' : tokenKind(token.logProb);
      if (!open && kind === 'expected') return i === 0 ? token.text.trimStart() : token.text;
      // The underline starts at the word, not at the space before it.
      const space = /^\s*/.exec(token.text)?.[0] ?? '';
      return [
        i === 0 ? null : space,
        h(
          'span',
          {
            class: `token ${kind}${clear === i + 1 ? ' clear' : ''}`,
            ...(open
              ? {
                  tabindex: -1,
                  'data-rove': true,
                  ...explained(() => tokenTip(token, record, prefixAfter(rationale, i))),
                }
              : {}),
          },
          token.text.slice(space.length),
        ),
      ];
    }),
  );
}

/** What a person or the comparison says about it, in one quiet line. */
function marks(rationale: RationaleView, other: RationaleView | null, label: string): Child {
  const parts: Child[] = [];
  if (rationale.pinned) parts.push(h('span', { class: 'tag' }, icon('pin'), t('rationale.pinned')));
  if (rationale.origin === 'edited') {
    const { scoredBy } = rationale;
    const text = scoredBy === undefined ? t('rationale.edited') : t('rationale.edited.by', checkpointLabel(scoredBy));
    parts.push(h('span', { class: 'tag' }, icon('edit'), text));
  }
  if (rationale.origin === 'sampled')
    parts.push(h('span', { class: 'tag' }, icon('again'), t('rationale.sampledAgain')));
  if (rationale.rating?.verdict)
    parts.push(h('span', { class: 'tag' }, t(`rationale.rate.${rationale.rating.verdict}`)));
  if (rationale.rating?.note) parts.push(h('span', { class: 'tag note' }, icon('note'), rationale.rating.note));
  if (other) {
    parts.push(
      h(
        'span',
        { class: 'dim number' },
        `${label} ${fixed(other.record.selfReward)}`,
        ' ',
        difference(rationale.record.selfReward - other.record.selfReward),
      ),
    );
  }
  return parts.length === 0 ? null : h('div', { key: 'marks', class: 'marks' }, parts);
}

export function tokenLegend(): VNode {
  const kinds: readonly TokenKind[] = ['expected', 'likely', 'unsure', 'surprising'];
  return h(
    'p',
    { class: 'legend' },
    t('rationale.legend'),
    kinds.map((kind) =>
      h('span', { class: 'legend-item' }, h('span', { class: `token ${kind}` }, t(`rationale.legend.${kind}`))),
    ),
  );
}
