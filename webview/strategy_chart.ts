/** A measure of every strategy over the updates: lines told apart by colour, dash and the number at their end; keyboard, and a table. */
import { h, type VNode } from './dom.ts';
import { compact, percent } from './format.ts';
import { icon } from './icons.ts';
import { nearest } from './run_history.ts';
import {
  knownMeasures,
  type StrategyHistory,
  type StrategyLines,
  type StrategyMeasure,
  strategyLines,
} from './strategy_history.ts';
import { strategyMark } from './strategy_mark.ts';
import { type StrategyNames, strategyColour, strategyDash, strategyName } from './strategy_style.ts';
import { t } from './strings.ts';
import { dropdown } from './toolkit.ts';
import { explained } from './tooltip.ts';

export interface StrategyChart {
  readonly history: StrategyHistory;
  readonly names: StrategyNames;
  readonly measure: StrategyMeasure;
  readonly cursor: number | null;
  readonly asTable: boolean;
  readonly onMeasure: (measure: StrategyMeasure) => void;
  readonly onCursor: (step: number | null) => void;
  readonly onOpen: (step: number) => void;
  readonly onToggleTable: () => void;
}

const WIDTH = 600;
const HEIGHT = 150;
const MARGIN = 6;
/** Least distance of two numbers at the ends of lines, as a share of the height. */
const LABEL_GAP = 0.13;
const PAGE = 10;

export const formatMeasure = (measure: StrategyMeasure, value: number | null): string =>
  value === null ? '–' : measure === 'probability' || measure === 'correctShare' ? percent(value) : compact(value);

export function strategyChart(chart: StrategyChart): VNode {
  const { history, measure, cursor, asTable } = chart;
  const lines = strategyLines(history, measure);
  const shown = cursor === null ? lines.steps.at(-1) : nearest(lines.steps, cursor);
  const title = t(`dashboard.strategies.${measure}`);
  return h(
    'section',
    { key: 'strategy-chart', class: 'card strategy-chart', 'aria-label': title },
    h(
      'div',
      { class: 'card-head' },
      h(
        'h3',
        null,
        h(
          'button',
          {
            type: 'button',
            class: 'plain figure',
            ...explained(() => ({ title, text: t(`dashboard.strategies.${measure}.text`) })),
          },
          title,
        ),
      ),
      shown !== undefined ? h('span', { class: 'dim number' }, t('checkpoint.step', shown)) : null,
      dropdown({
        label: t('dashboard.strategies.measure'),
        value: measure,
        choices: knownMeasures(history).map((value) => ({ value, text: t(`dashboard.strategies.${value}`) })),
        onChoose: (value) => value !== measure && chart.onMeasure(value as StrategyMeasure),
      }),
      h(
        'button',
        {
          type: 'button',
          class: 'plain table-toggle',
          'aria-pressed': asTable,
          'aria-label': t('dashboard.table', title),
          title: t('dashboard.table', title),
          on: { click: chart.onToggleTable },
        },
        icon('table'),
      ),
    ),
    asTable ? valueTable(chart, lines, title) : plot(chart, lines, shown, title),
    asTable
      ? null
      : [
          h(
            'div',
            { class: 'strategy-steps number dim', 'aria-hidden': true },
            h('span', null, 0),
            h('span', null, lines.steps.at(-1) ?? 0),
          ),
          legend(chart, lines, shown),
        ],
  );
}

function plot(chart: StrategyChart, lines: StrategyLines, shown: number | undefined, title: string): VNode {
  const { steps } = lines;
  const last = Math.max(1, steps.at(-1) ?? 1);
  const [low, high] = range(lines, chart.measure);
  const x = (step: number): number => MARGIN + (step / last) * (WIDTH - 2 * MARGIN);
  const y = (value: number): number => HEIGHT - MARGIN - ((value - low) / (high - low)) * (HEIGHT - 2 * MARGIN);
  return h(
    'div',
    {
      key: 'plot',
      class: 'strategy-plot',
      role: 'slider',
      tabindex: 0,
      'aria-label': title,
      'aria-valuemin': steps[0] ?? 0,
      'aria-valuemax': steps.at(-1) ?? 0,
      'aria-valuenow': shown ?? 0,
      'aria-valuetext': valueText(chart, lines, shown),
      on: {
        keydown: (event) => onKey(event, chart, steps, shown),
        blur: () => chart.onCursor(null),
        mousemove: (event) => chart.onCursor(stepUnder(event, steps, last) ?? null),
        mouseleave: () => chart.onCursor(null),
        click: (event) => {
          const step = stepUnder(event, steps, last);
          if (step !== undefined) chart.onOpen(step);
        },
      },
    },
    h(
      'svg',
      { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', 'aria-hidden': true },
      [0, 0.5, 1].map((share) => {
        const at = MARGIN + share * (HEIGHT - 2 * MARGIN);
        return h('line', { class: 'grid', x1: 0, x2: WIDTH, y1: at, y2: at });
      }),
      lines.lines.map((values, i) =>
        h('path', {
          key: `line-${i}`,
          class: 'line',
          d: path(steps, values, x, y),
          'stroke-dasharray': strategyDash(i + 1),
          vars: { '--strategy': strategyColour(i + 1) },
        }),
      ),
      shown === undefined || chart.cursor === null
        ? null
        : h('line', { key: 'cursor', class: 'cursor', x1: x(shown), x2: x(shown), y1: 0, y2: HEIGHT }),
    ),
    h('span', { class: 'bound top number dim' }, formatMeasure(chart.measure, high)),
    h('span', { class: 'bound bottom number dim' }, formatMeasure(chart.measure, low)),
    endLabels(lines, (value) => y(value) / HEIGHT),
  );
}

/** A line through the values there are: where one is missing it goes straight on to the next. */
function path(
  steps: readonly number[],
  values: readonly (number | null)[],
  x: (step: number) => number,
  y: (value: number) => number,
): string {
  const points = steps.flatMap((step, i) => {
    const value = values[i] ?? null;
    return value === null ? [] : [`${x(step).toFixed(1)} ${y(value).toFixed(1)}`];
  });
  // A single value is a short dash, which can be seen.
  return points.length === 1 ? `M${points[0]}h4` : points.length === 0 ? '' : `M${points.join('L')}`;
}

function range({ lines }: StrategyLines, measure: StrategyMeasure): [number, number] {
  const values = lines.flat().filter((value) => value !== null);
  if (values.length === 0) return [0, 1];
  const low = measure === 'reward' ? Math.min(...values) : 0;
  const high = Math.max(...values);
  return high > low ? [low, high] : [low - 0.5, high + 0.5];
}

/** Strategy numbers where the lines end, moved apart so that all can be read. */
function endLabels({ lines }: StrategyLines, top: (value: number) => number): VNode {
  const ends = lines
    .flatMap((values, i) => {
      const value = values.findLast((each) => each !== null) ?? null;
      return value === null ? [] : [{ strategy: i + 1, top: top(value) }];
    })
    .sort((a, b) => a.top - b.top);
  let free = 0;
  // From below, so that what was pushed past the bottom moves back up.
  let most = 1;
  const placed = ends.map((end) => {
    const at = Math.max(end.top, free);
    free = at + LABEL_GAP;
    return { ...end, top: at };
  });
  for (let i = placed.length - 1; i >= 0; i--) {
    const end = placed[i]!;
    placed[i] = { ...end, top: Math.min(end.top, most) };
    most = placed[i]!.top - LABEL_GAP;
  }
  return h(
    'div',
    { class: 'ends', 'aria-hidden': true },
    placed.map(({ strategy, top: at }) =>
      h(
        'span',
        { key: String(strategy), class: 'end', vars: { '--top': `${(at * 100).toFixed(1)}%` } },
        strategyMark(strategy),
      ),
    ),
  );
}

function legend({ names, measure }: StrategyChart, lines: StrategyLines, shown: number | undefined): VNode {
  const at = shown === undefined ? -1 : lines.steps.indexOf(shown);
  return h(
    'ul',
    { class: 'strategy-legend' },
    lines.lines.map((values, i) =>
      h(
        'li',
        { key: String(i) },
        h(
          'svg',
          { class: 'key-line', viewBox: '0 0 22 6', width: 22, height: 6, 'aria-hidden': true },
          h('path', {
            class: 'line',
            d: 'M0 3h22',
            'stroke-dasharray': strategyDash(i + 1),
            vars: { '--strategy': strategyColour(i + 1) },
          }),
        ),
        strategyMark(i + 1),
        strategyName(names, i + 1),
        h('span', { class: 'number' }, formatMeasure(measure, values[at] ?? null)),
      ),
    ),
  );
}

function valueText({ names, measure }: StrategyChart, lines: StrategyLines, shown: number | undefined): string {
  if (shown === undefined) return t('dashboard.noData');
  const at = lines.steps.indexOf(shown);
  const values = lines.lines.map(
    (line, i) => `${strategyName(names, i + 1)} ${formatMeasure(measure, line[at] ?? null)}`,
  );
  return t('dashboard.valueAt', shown, values.join(', '));
}

function stepUnder(event: MouseEvent, steps: readonly number[], last: number): number | undefined {
  const box = (event.currentTarget as HTMLElement).querySelector('svg')!.getBoundingClientRect();
  const share = ((event.clientX - box.left) / box.width) * WIDTH;
  return nearest(steps, ((share - MARGIN) / (WIDTH - 2 * MARGIN)) * last);
}

function onKey(event: KeyboardEvent, chart: StrategyChart, steps: readonly number[], shown: number | undefined): void {
  if (shown === undefined) return;
  const at = steps.indexOf(shown);
  const to: Record<string, number> = {
    ArrowLeft: at - 1,
    ArrowDown: at - 1,
    ArrowRight: at + 1,
    ArrowUp: at + 1,
    PageDown: at - PAGE,
    PageUp: at + PAGE,
    Home: 0,
    End: steps.length - 1,
  };
  const next = to[event.key];
  if (next !== undefined) chart.onCursor(steps[Math.max(0, Math.min(steps.length - 1, next))] ?? null);
  else if (event.key === 'Enter' || event.key === ' ') chart.onOpen(shown);
  else if (event.key === 'Escape') chart.onCursor(null);
  else return;
  event.preventDefault();
}

function valueTable({ names, measure, onOpen }: StrategyChart, { steps, lines }: StrategyLines, title: string): VNode {
  return h(
    'div',
    { key: 'table', class: 'value-table', role: 'region', tabindex: 0, 'aria-label': t('dashboard.table', title) },
    h(
      'table',
      { 'data-roving': 'list' },
      h(
        'thead',
        null,
        h(
          'tr',
          null,
          h('th', { scope: 'col' }, t('dashboard.step')),
          lines.map((_, i) => h('th', { scope: 'col' }, strategyMark(i + 1), ' ', strategyName(names, i + 1))),
        ),
      ),
      h(
        'tbody',
        null,
        steps.map((step, row) =>
          h(
            'tr',
            { key: String(step) },
            h(
              'th',
              { scope: 'row' },
              h(
                'button',
                {
                  type: 'button',
                  class: 'plain link number',
                  'data-rove': true,
                  title: t('dashboard.openStep'),
                  on: { click: () => onOpen(step) },
                },
                step,
              ),
            ),
            lines.map((values) => h('td', { class: 'number' }, formatMeasure(measure, values[row] ?? null))),
          ),
        ),
      ),
    ),
  );
}
