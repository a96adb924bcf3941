/** A curve with its title, its latest figure, the table behind it, and a way through it by keyboard. */

import {
  axisLength,
  Curve,
  type CurveData,
  type CurveEvents,
  MARK_HEIGHT,
  markRows,
  PLOT_LEFT,
  PLOT_RIGHT,
  type WarningMark,
} from './curve.ts';
import { type Child, h, type VNode } from './dom.ts';
import { icon } from './icons.ts';
import { nearest } from './run_history.ts';
import { t } from './strings.ts';
import type { Tip } from './tip.ts';
import { explained } from './tooltip.ts';

export interface ChartCard {
  readonly key: string;
  readonly title: string;
  readonly tip: Tip;
  readonly data: CurveData;
  readonly format: (value: number) => string;
  /** Step under the pointer or the keyboard, on any chart. */
  readonly cursor: number | null;
  readonly asTable: boolean;
  readonly onCursor: (step: number | null) => void;
  readonly onOpen: (step: number) => void;
  readonly onToggleTable: () => void;
}

const curves = new WeakMap<HTMLElement, Curve>();
const PAGE = 10;

export function chartCard(card: ChartCard): VNode {
  const { data, cursor } = card;
  const shown = cursor === null ? data.steps.at(-1) : nearest(data.steps, cursor);
  const value = shown === undefined ? undefined : data.values[data.steps.indexOf(shown)];
  const reading = shown === undefined || value === undefined ? t('dashboard.noData') : card.format(value);
  return h(
    'section',
    { key: card.key, class: 'card', 'aria-label': card.title },
    h(
      'div',
      { class: 'card-head' },
      h('h3', null, h('button', { type: 'button', class: 'plain figure', ...explained(() => card.tip) }, card.title)),
      h('span', { class: 'reading number' }, reading),
      shown !== undefined && cursor !== null ? h('span', { class: 'dim number' }, t('checkpoint.step', shown)) : null,
      h(
        'button',
        {
          type: 'button',
          class: 'plain table-toggle',
          'aria-pressed': card.asTable,
          'aria-label': t('dashboard.table', card.title),
          title: t('dashboard.table', card.title),
          on: { click: card.onToggleTable },
        },
        icon('table'),
      ),
    ),
    card.asTable
      ? valueTable(card)
      : h('div', { key: 'plot', class: 'plot' }, warningMarks(card), curve(card, shown, reading)),
  );
}

function curve(card: ChartCard, shown: number | undefined, reading: string): VNode {
  const { data } = card;
  return h('div', {
    key: 'curve',
    class: 'curve',
    role: 'slider',
    tabindex: 0,
    'aria-label': card.title,
    'aria-valuemin': data.steps[0] ?? 0,
    'aria-valuemax': data.steps.at(-1) ?? 0,
    'aria-valuenow': shown ?? 0,
    'aria-valuetext': shown === undefined ? reading : t('dashboard.valueAt', shown, reading),
    on: { keydown: (event) => onKey(event, card, shown), blur: () => card.onCursor(null) },
    created(element) {
      const events: CurveEvents = { onPoint: card.onCursor, onOpen: card.onOpen };
      const plot = new Curve(element, data, events);
      curves.set(element, plot);
      return () => plot.dispose();
    },
    updated(element) {
      const plot = curves.get(element);
      plot?.update(data);
      plot?.showCursor(card.cursor === null ? null : (shown ?? null));
    },
  });
}

/** One tab stop for all of them; over the curve where the warnings began. */
function warningMarks({ data, onOpen }: ChartCard): Child {
  if (data.warnings.length === 0) return null;
  const rows = markRows(data);
  return h(
    'div',
    {
      key: 'marks',
      class: 'marks',
      role: 'toolbar',
      'aria-label': t('dashboard.health'),
      'data-roving': 'list',
      vars: { '--plot-left': `${PLOT_LEFT}px`, '--plot-right': `${PLOT_RIGHT}px` },
    },
    data.warnings.map((warning, i) =>
      h(
        'button',
        {
          key: `${i}`,
          type: 'button',
          class: 'plain mark',
          'data-rove': true,
          'aria-label': warningText(warning, i),
          vars: { '--at': warning.step / axisLength(data), '--top': `${(rows[i] ?? 0) * MARK_HEIGHT}px` },
          on: { click: () => onOpen(warning.step) },
          ...explained(() => ({ title: warningText(warning, i), text: warning.cure })),
        },
        icon('warning', 'warn'),
        i + 1,
      ),
    ),
  );
}

const warningText = ({ step, message }: WarningMark, index: number): string =>
  t('dashboard.warning', index + 1, step, message);

function onKey(event: KeyboardEvent, card: ChartCard, shown: number | undefined): void {
  const { steps } = card.data;
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
  if (next !== undefined) card.onCursor(steps[Math.max(0, Math.min(steps.length - 1, next))] ?? null);
  else if (event.key === 'Enter' || event.key === ' ') card.onOpen(shown);
  else if (event.key === 'Escape') card.onCursor(null);
  else return;
  event.preventDefault();
}

function valueTable({ title, data, format, onOpen }: ChartCard): VNode {
  return h(
    'div',
    { key: 'table', class: 'value-table', role: 'region', tabindex: 0, 'aria-label': t('dashboard.table', title) },
    h(
      'table',
      { 'data-roving': 'list' },
      h('thead', null, h('tr', null, h('th', { scope: 'col' }, t('dashboard.step')), h('th', { scope: 'col' }, title))),
      h(
        'tbody',
        null,
        data.steps.map((step, i) =>
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
              data.warnings.map((warning, at) =>
                warning.step === step
                  ? [icon('warning', 'warn'), h('span', { class: 'visually-hidden' }, warningText(warning, at))]
                  : null,
              ),
            ),
            h('td', { class: 'number' }, format(data.values[i] ?? Number.NaN)),
          ),
        ),
      ),
    ),
  );
}
