/** The K rationales as one table: figures in columns that sort, the text of each under its figures, the rest when it is opened. */
import { samplesOf } from '../src/protocol/rationale_draw.ts';
import type { RationaleSet, RationaleView } from '../src/protocol/rationale_messages.ts';
import { advantageTip, baselineTip } from './advantage_tips.ts';
import { difference, differenceShown } from './difference.ts';
import { type Child, h, type VNode } from './dom.ts';
import { fixed } from './format.ts';
import { icon } from './icons.ts';
import { provenance, rationaleDetail } from './rationale_detail.ts';
import {
  bestGroup,
  counterpart,
  groupByStrategy,
  keptOf,
  meanSelfReward,
  ownOf,
  rightCount,
  type SortColumn,
  sortRationales,
} from './rationale_figures.ts';
import type { RationaleContext } from './rationale_state.ts';
import { rationaleText } from './rationale_text.ts';
import { klTip, lengthTip } from './rationale_tips.ts';
import { selfRewardTip } from './reward_tips.ts';
import { strategyMark } from './strategy_mark.ts';
import { strategyName } from './strategy_style.ts';
import { checkpointLabel, type StringKey, t } from './strings.ts';
import type { Tip } from './tip.ts';
import { explained } from './tooltip.ts';

interface Column {
  readonly by: SortColumn;
  readonly short: StringKey;
  readonly long: StringKey;
}

/** They share the first column: sample number, verdict and answer stand in one cell. */
const firstColumn: readonly Column[] = [
  { by: 'sample', short: 'rationale.column.sample', long: 'rationale.column.sample.long' },
  { by: 'right', short: 'rationale.column.right', long: 'rationale.column.right.long' },
  { by: 'answer', short: 'rationale.column.answer', long: 'rationale.column.answer.long' },
];
const columns: readonly Column[] = [
  { by: 'selfReward', short: 'rationale.column.selfReward', long: 'rationale.selfReward' },
  { by: 'klPenalty', short: 'rationale.column.kl', long: 'rationale.kl' },
  { by: 'baseline', short: 'rationale.column.baseline', long: 'rationale.baseline' },
  { by: 'advantage', short: 'rationale.column.advantage', long: 'rationale.advantage' },
  { by: 'length', short: 'rationale.column.length', long: 'rationale.length' },
];

const COLUMNS = 1 + columns.length;

export function rationaleTable(context: RationaleContext, set: RationaleSet): VNode {
  const { sort } = context.state;
  const groups = groupByStrategy(sortRationales(ownOf(set.rationales), sort));
  const kept = sortRationales(keptOf(set.rationales), sort);
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
        header(context, firstColumn),
        columns.map((column) => header(context, [column])),
      ),
    ),
    groups.map(({ strategy, rationales }) => [
      grouped ? groupHeading(context, strategy, rationales, best !== null && strategy === best) : null,
      rationales.map((rationale) => rationaleRows(context, set, rationale)),
    ]),
    kept.length === 0 ? null : [keptHeading(kept), kept.map((rationale) => rationaleRows(context, set, rationale))],
  );
}

function keptHeading(kept: readonly RationaleView[]): VNode {
  return h(
    'tbody',
    { key: 'group-kept', class: 'group kept' },
    h(
      'tr',
      null,
      h(
        'th',
        { scope: 'rowgroup', colspan: COLUMNS },
        icon(kept.some(({ pinned }) => pinned) ? 'pin' : 'edit'),
        h('span', { class: 'name' }, t('rationale.kept')),
        h('span', { class: 'dim' }, t('rationale.kept.text')),
      ),
    ),
  );
}

function header(context: RationaleContext, own: readonly Column[]): VNode {
  const { sort } = context.state;
  const sorted = own.some(({ by }) => by === sort.by);
  return h(
    'th',
    { scope: 'col', 'aria-sort': sorted ? (sort.descending ? 'descending' : 'ascending') : undefined },
    own.map((column) => sortButton(context, column)),
  );
}

function sortButton({ state, change }: RationaleContext, { by, short, long }: Column): VNode {
  const { sort } = state;
  const active = sort.by === by;
  const descending = active ? !sort.descending : by !== 'sample' && by !== 'answer';
  return h(
    'button',
    {
      type: 'button',
      class: active ? 'plain active' : 'plain',
      'data-rove': true,
      // In the first column a sign stands for the words.
      'aria-label': firstColumn.some((column) => column.by === by) ? t(long) : undefined,
      ...explained(() => ({ title: t(long), text: t('sorts') })),
      on: { click: () => change({ sort: { by, descending } }) },
    },
    t(short),
    h('span', { class: 'sort-mark', 'aria-hidden': true }, active ? icon(sort.descending ? 'down' : 'up') : null),
  );
}

function groupHeading(
  context: RationaleContext,
  strategy: number | undefined,
  rationales: readonly RationaleView[],
  best: boolean,
): VNode {
  const samples = samplesOf(rationales);
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
        { scope: 'rowgroup', colspan: COLUMNS },
        strategy === undefined ? null : strategyMark(strategy),
        h('span', { class: 'name' }, h('bdi', null, name)),
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
      figure(fixed(record.klPenalty), () => klTip(rationale, set)),
      figure(orDash(record.baseline, fixed), () => baselineTip(rationale, set)),
      figure(orDash(record.advantage, difference), () => advantageTip(rationale, set)),
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
        { colspan: COLUMNS },
        rationaleText(context, set, rationale, open, toggle),
        marks(rationale, other, checkpointLabel(context.snapshot.comparison?.checkpoint ?? 'base')),
        open ? rationaleDetail(context, set, rationale) : null,
      ),
    ),
  );
}

function toggleButton({ record, origin }: RationaleView, open: boolean, toggle: () => void): VNode {
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
    origin === 'edited' ? icon('edit') : h('span', { class: 'dim number' }, record.sample + 1),
    icon(record.correct ? 'right' : 'wrong', record.correct ? 'good' : 'bad'),
    h('span', { class: 'answer', dir: 'auto' }, record.extractedAnswer ?? '–'),
    h('span', { class: 'visually-hidden' }, record.correct ? t('right') : t('wrong')),
  );
}

function orDash(value: number | null, shown: (value: number) => Child): Child {
  return value === null ? ['–', h('span', { class: 'visually-hidden' }, t('rationale.alone'))] : shown(value);
}

function figure(content: Child, tip: () => Tip): VNode {
  return h(
    'td',
    { class: 'number' },
    h('button', { type: 'button', class: 'plain figure', 'data-rove': true, ...explained(tip) }, content),
  );
}

/** What a person or the comparison says about it, in one quiet line. */
function marks(rationale: RationaleView, other: RationaleView | null, label: string): Child {
  const parts: Child[] = [];
  if (rationale.pinned) parts.push(h('span', { class: 'tag' }, icon('pin'), t('rationale.pinned')));
  const from = rationale.keptFrom === undefined ? '' : provenance(rationale);
  if (rationale.origin === 'edited') {
    const { scoredBy } = rationale;
    const text = scoredBy === undefined ? t('rationale.edited') : t('rationale.edited.by', checkpointLabel(scoredBy));
    parts.push(h('span', { class: 'tag' }, icon('edit'), text));
  }
  if (from !== '') parts.push(h('span', { class: 'tag' }, from));
  if (rationale.origin === 'sampled' && rationale.keptFrom === undefined)
    parts.push(h('span', { class: 'tag' }, icon('again'), t('rationale.sampledAgain')));
  if (rationale.rating?.verdict)
    parts.push(h('span', { class: 'tag' }, t(`rationale.rate.${rationale.rating.verdict}`)));
  if (rationale.rating?.note)
    parts.push(h('span', { class: 'tag note' }, icon('note'), h('bdi', null, rationale.rating.note)));
  if (other) {
    parts.push(
      h(
        'span',
        { class: 'dim number' },
        `${label} ${fixed(other.record.selfReward)}`,
        ' ',
        differenceShown(other.record.selfReward, rationale.record.selfReward),
      ),
    );
  }
  return parts.length === 0 ? null : h('div', { key: 'marks', class: 'marks' }, parts);
}
