/**
 * Self-rewards on one axis, a lane per checkpoint, or per strategy: ● right, ✕ wrong. For one rationale it shows what the advantage is: an arrow from
 * the leave-one-out baseline b_k to the reward r_k.
 */
import { samplesOf } from '../src/protocol/rationale_draw.ts';
import type { RationaleSet, RationaleView } from '../src/protocol/rationale_messages.ts';
import { axis, dodge } from './axis.ts';
import { type Child, h, type VNode } from './dom.ts';
import { fixed, signed } from './format.ts';
import { meanSelfReward, rightCount } from './rationale_figures.ts';
import { strategyColour } from './strategy_style.ts';
import { t } from './strings.ts';
import { explained } from './tooltip.ts';

const LANE_HEIGHT = 34;
/** With more lanes than these, each has less room. */
const MANY_LANES = 3;
const LOW_LANE_HEIGHT = 26;
const AXIS_HEIGHT = 18;
const TOP = 16;
const MARGIN_PERCENT = 3;
/** The plot is as wide as the panel; marks are dodged as if it were this wide. */
const NOMINAL_WIDTH = 330;
const MARK_GAP = 10;
/** Characters: about half of the narrowest panel. */
const LONGEST_LABEL = 24;

export interface Lane {
  readonly label: string;
  readonly set: RationaleSet;
  /** What the others are compared with: drawn in outline, and not to be chosen from. */
  readonly before?: true;
  readonly strategy?: number;
  /** Pinned in earlier samples: not among the set's. */
  readonly kept?: true;
}

export function stripPlot(lanes: readonly Lane[], selected: RationaleView | null, select: (id: string) => void): VNode {
  const rewards = lanes.flatMap(({ set }) => set.rationales.map(({ record }) => record.selfReward));
  const chosen = selected?.record.baseline == null ? [] : [selected.record.baseline, selected.record.reward];
  const { low, high, ticks, digits } = axis([...rewards, ...chosen]);
  const percentAt = (value: number): number =>
    MARGIN_PERCENT + ((value - low) / (high - low)) * (100 - 2 * MARGIN_PERCENT);
  const laneHeight = lanes.length > MANY_LANES ? LOW_LANE_HEIGHT : LANE_HEIGHT;
  const bottom = TOP + lanes.length * laneHeight;
  const height = bottom + AXIS_HEIGHT;
  return h(
    'svg',
    { class: 'strip-plot', role: 'img', 'aria-label': describe(lanes, selected), width: '100%', height },
    ticks.map((tick) => {
      const x = `${percentAt(tick)}%`;
      return [
        h('line', { class: 'grid', x1: x, x2: x, y1: TOP, y2: bottom }),
        h('text', { class: 'tick', x, y: bottom + 13, 'text-anchor': 'middle' }, fixed(tick, digits)),
      ];
    }),
    selected ? advantageArrow(selected, percentAt, bottom) : null,
    lanes.map((lane, i) => laneMarks(lane, TOP + i * laneHeight, laneHeight, percentAt, selected, select)),
  );
}

function laneMarks(
  { label, set, before, strategy }: Lane,
  top: number,
  laneHeight: number,
  percentAt: (value: number) => number,
  selected: RationaleView | null,
  select: (id: string) => void,
): Child {
  const middle = top + laneHeight / 2;
  const places = dodge(
    set.rationales.map(({ record }) => (percentAt(record.selfReward) / 100) * NOMINAL_WIDTH),
    MARK_GAP,
  );
  return [
    strategy === undefined
      ? null
      : h('line', {
          class: 'strategy',
          x1: -5,
          x2: -5,
          y1: top + 3,
          y2: top + laneHeight - 3,
          vars: { '--strategy': strategyColour(strategy) },
        }),
    h('text', { class: 'lane', x: '0', y: top + 11 }, shortened(label)),
    set.rationales.map((rationale, i) => {
      const { record } = rationale;
      const y = middle + Math.max(-2, Math.min(2, places[i] ?? 0)) * 6;
      const what = rationale.id === selected?.id ? ' selected' : '';
      return h(
        'svg',
        {
          key: rationale.id,
          class: `mark ${record.correct ? 'good' : 'bad'}${before ? ' before' : ''}${what}`,
          x: `${percentAt(record.selfReward)}%`,
          y,
          overflow: 'visible',
          ...(before !== true ? { on: { click: () => select(rationale.id) } } : {}),
          ...explained(() => ({
            title: t('rationale.sampleOf', record.sample + 1, label),
            numbers: `R(z) = ${fixed(record.selfReward, 3)}`,
            text: answerText(rationale),
          })),
        },
        what ? h('circle', { class: 'ring', r: 7.5 }) : null,
        h('circle', { class: 'target', r: 8 }),
        record.correct
          ? h('circle', { class: 'dot', r: 4 })
          : h('path', { class: 'cross', d: 'M-3.5 -3.5 3.5 3.5M3.5 -3.5 -3.5 3.5' }),
      );
    }),
  ];
}

/** It stands on the plot itself; the name in full is beside the rationales, and in the explanation of each mark. */
const shortened = (label: string): string =>
  label.length > LONGEST_LABEL ? `${label.slice(0, LONGEST_LABEL - 1)}…` : label;

/** None for a rationale that has no baseline to come from. */
function advantageArrow({ record }: RationaleView, percentAt: (value: number) => number, bottom: number): Child {
  const { baseline, advantage } = record;
  if (baseline === null || advantage === null) return null;
  const from = percentAt(baseline);
  const to = percentAt(record.reward);
  const y = TOP - 5;
  const middle = (from + to) / 2;
  const anchor = middle < 25 ? 'start' : middle > 75 ? 'end' : 'middle';
  return h(
    'g',
    { class: 'advantage' },
    h('line', { class: 'baseline', x1: `${from}%`, x2: `${from}%`, y1: y - 4, y2: bottom }),
    h('line', { class: 'shaft', x1: `${from}%`, x2: `${to}%`, y1: y, y2: y }),
    h(
      'svg',
      { x: `${to}%`, y, overflow: 'visible' },
      h('path', { class: 'head', d: to >= from ? 'M-5 -3.5 0 0 -5 3.5Z' : 'M5 -3.5 0 0 5 3.5Z' }),
    ),
    h(
      'text',
      {
        class: 'label',
        x: `${anchor === 'start' ? Math.min(from, to) : anchor === 'end' ? Math.max(from, to) : middle}%`,
        y: y - 4,
        'text-anchor': anchor,
      },
      `A ${signed(advantage)}`,
    ),
  );
}

function answerText({ record }: RationaleView): string {
  const answer = record.extractedAnswer ?? t('rationale.noAnswer');
  return record.correct ? t('rationale.answerRight', answer) : t('rationale.answerWrong', answer);
}

function describe(lanes: readonly Lane[], selected: RationaleView | null): string {
  const parts = lanes.map(({ label, set, kept }) => {
    const samples = samplesOf(set.rationales);
    if (kept) return t('rationale.strip.kept', set.rationales.length);
    return t('rationale.strip.lane', label, rightCount(samples), samples.length, fixed(meanSelfReward(samples) ?? 0));
  });
  if (selected) {
    const { sample, reward, baseline, advantage } = selected.record;
    parts.push(
      baseline === null || advantage === null
        ? t('rationale.strip.alone', sample + 1, fixed(reward))
        : t('rationale.strip.selected', sample + 1, fixed(reward), fixed(baseline), signed(advantage)),
    );
  }
  return parts.join(' ');
}
