/** One live curve, drawn by uPlot in the theme's colours. The cursor is the panel's state, so pointer and keyboard move it alike. */
import uPlot from 'uplot';
import { dodge } from './axis.ts';
import { shownRange, tickLabels, ticksBetween } from './curve_scale.ts';

import { smoothed } from './run_history.ts';

/** Where a health warning began, and what it says. */
export interface WarningMark {
  readonly step: number;
  readonly message: string;
  readonly cure: string;
}

export interface CurveData {
  /** Rising. */
  readonly steps: readonly number[];
  readonly values: readonly number[];
  /** In the order of the list they are numbered in. */
  readonly warnings: readonly WarningMark[];
  readonly resumedAt: readonly number[];
  /** Last step of the run, so that all curves share one axis. */
  readonly lastStep: number;
  readonly smooth: boolean;
  /** Fractions: the axis is in percent. */
  readonly share: boolean;
}

export interface CurveEvents {
  /** The pointer is over this step; null when it left. */
  readonly onPoint: (step: number | null) => void;
  readonly onOpen: (step: number) => void;
}

const HEIGHT = 132;
/** Of a warning's mark, in pixels; marks stand in rows of this height above the plot. */
export const MARK_HEIGHT = 14;
const MARK_WIDTH = 26;
/** As narrow as a plot gets: on a wider one marks are further apart than they need be. */
const NARROW_PLOT = 180;
/** With more rows than these, the lower ones lie over the curve, which would have no room otherwise. */
const ROWS_ABOVE = 3;
/** Space beside the plot, in pixels: who places something over a step needs it too. */
export const PLOT_LEFT = 50;
export const PLOT_RIGHT = 8;
/** Half of the averaging window, as a share of the updates so far. */
const SMOOTH_SHARE = 0.06;
const MAX_HALF_WINDOW = 60;

export class Curve {
  readonly #host: HTMLElement;
  readonly #plot: uPlot;
  readonly #observers: { disconnect(): void }[];
  #data: CurveData;

  constructor(host: HTMLElement, data: CurveData, events: CurveEvents) {
    this.#host = host;
    this.#data = data;
    this.#plot = new uPlot(this.#options(), columns(data), host);
    const over = this.#plot.over;
    const stepAt = (event: MouseEvent): number | undefined => this.#data.steps[this.#plot.posToIdx(event.offsetX)];
    over.addEventListener('mousemove', (event) => events.onPoint(stepAt(event) ?? null));
    over.addEventListener('mouseleave', () => events.onPoint(null));
    over.addEventListener('click', (event) => {
      const step = stepAt(event);
      if (step !== undefined) events.onOpen(step);
    });
    const sizes = new ResizeObserver(() => this.#plot.setSize({ width: this.#width(), height: HEIGHT }));
    sizes.observe(host);
    const theme = new MutationObserver(() => this.#plot.redraw(false, true));
    theme.observe(document.documentElement, { attributes: true, attributeFilter: ['style'] });
    theme.observe(document.body, { attributes: true, attributeFilter: ['class'] });
    this.#observers = [sizes, theme];
  }

  update(data: CurveData): void {
    const old = this.#data;
    this.#data = data;
    const same =
      old.steps.length === data.steps.length &&
      old.lastStep === data.lastStep &&
      old.warnings.length === data.warnings.length &&
      roomForMarks(old) === roomForMarks(data) &&
      old.resumedAt.length === data.resumedAt.length &&
      old.values.every((value, i) => Object.is(value, data.values[i]));
    if (same) return;
    this.#plot.setData(columns(data));
    // uPlot looks at its padding only where its size or a scale changes.
    if (roomForMarks(old) !== roomForMarks(data)) this.#plot.setSize({ width: this.#width(), height: HEIGHT });
  }

  showCursor(step: number | null): void {
    const left = step === null ? -10 : this.#plot.valToPos(step, 'x');
    const at = step === null ? undefined : this.#data.values[this.#data.steps.indexOf(step)];
    this.#plot.setCursor({ left, top: at === undefined ? -10 : this.#plot.valToPos(at, 'y') }, false);
  }

  dispose(): void {
    for (const observer of this.#observers) observer.disconnect();
    this.#plot.destroy();
  }

  #width(): number {
    return Math.max(120, this.#host.clientWidth);
  }

  #options(): uPlot.Options {
    const font = (): string => `11px ${color('--vscode-font-family') || 'sans-serif'}`;
    const axis: uPlot.Axis = {
      stroke: () => color('--dim'),
      font: font(),
      grid: { stroke: () => color('--grid'), width: 1 },
      ticks: { show: false },
    };
    const few = (u: uPlot): boolean => u.data[0].length <= 40;
    return {
      width: this.#width(),
      height: HEIGHT,
      padding: [() => roomForMarks(this.#data), PLOT_RIGHT, 0, 0],
      legend: { show: false },
      scales: {
        x: { time: false, range: () => [0, axisLength(this.#data)] },
        y: { range: (_, low, high) => shownRange(low, high, this.#data.share) },
      },
      cursor: {
        y: false,
        drag: { x: false, y: false, setScale: false },
        // The panel moves the cursor; uPlot's own pointer handling would fight it.
        bind: { mousemove: () => null, mouseenter: () => null, mouseleave: () => null, click: () => null },
        points: {
          // The average has no point of its own.
          size: (_, series) => (series === 2 ? 0 : 7),
          width: (_, series) => (series === 2 ? 0 : 1),
          fill: () => color('--accent'),
          stroke: () => color('--vscode-editor-background'),
        },
      },
      axes: [
        { ...axis, size: 22, gap: 2, space: 60, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000] },
        {
          ...axis,
          ...{ size: PLOT_LEFT, gap: 4, space: 28 },
          splits: (_, __, low, high, step) => ticksBetween(low, high, step),
          values: (_, ticks) => tickLabels(ticks, this.#data.share),
        },
      ],
      series: [
        {},
        {
          stroke: () => color('--accent'),
          width: 1.5,
          alpha: this.#data.smooth ? 0.35 : 1,
          points: { show: (u) => few(u) && !this.#data.smooth, size: 5, fill: () => color('--accent') },
        },
        { stroke: () => color('--accent'), width: 2, show: this.#data.smooth, points: { show: false } },
      ],
      hooks: { drawAxes: [(u) => this.#drawMarks(u)] },
    };
  }

  #drawMarks(u: uPlot): void {
    const { ctx, bbox } = u;
    const scale = devicePixelRatio;
    ctx.save();
    ctx.lineWidth = scale;
    const vertical = (step: number, tone: string, dash: number[]): void => {
      const x = Math.round(u.valToPos(step, 'x', true));
      ctx.strokeStyle = tone;
      ctx.setLineDash(dash.map((length) => length * scale));
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
    };
    for (const step of this.#data.resumedAt) vertical(step, color('--dim'), [1, 3]);
    for (const { step } of this.#data.warnings) vertical(step, color('--warn'), [4, 3]);
    ctx.restore();
  }
}

/** Of the axis of steps, which begins at 0. */
export const axisLength = ({ lastStep }: CurveData): number => Math.max(1, lastStep);

/** The row of each warning's mark, from 0 at the top: marks that would cover each other stand in different ones. */
export function markRows(data: CurveData): number[] {
  const positions = data.warnings.map(({ step }) => (step / axisLength(data)) * NARROW_PLOT);
  return dodge(positions, MARK_WIDTH).map((place) => (place > 0 ? 2 * place - 1 : -2 * place));
}

const roomForMarks = (data: CurveData): number =>
  MARK_HEIGHT * Math.min(ROWS_ABOVE, 1 + Math.max(0, ...markRows(data)));

function columns(data: CurveData): uPlot.AlignedData {
  const values = data.values.map((value) => (Number.isFinite(value) ? value : null));
  const trend = data.smooth
    ? smoothed(data.values, Math.min(MAX_HALF_WINDOW, Math.ceil(data.values.length * SMOOTH_SHARE))).map((value) =>
        Number.isFinite(value) ? value : null,
      )
    : values;
  return [[...data.steps], values, trend];
}

function color(variable: string): string {
  return getComputedStyle(document.body).getPropertyValue(variable).trim();
}
