/** The vertical scale of a curve: an interval and ticks that can be read whatever the values are, all alike or next to nothing. Pure, no DOM. */
import { compact, fixed, scientific } from './format.ts';

/** Less than this share of their size between lowest and highest is no change to look at, and has no room in a label. */
const LEAST_SPAN = 2e-3;
/** Of fractions: two percentage points. */
const LEAST_SPAN_OF_SHARES = 0.02;
/** Of a label: so many fit beside a plot. */
const CHARACTERS = 7;

/**
 * Lowest and highest value that are drawn: a little air around the values, never an empty interval, nothing above 100 %.
 * @param share values are fractions
 */
export function shownRange(low: number | null, high: number | null, share: boolean): [number, number] {
  if (low === null || high === null) return [0, 1];
  const size = Math.max(Math.abs(low), Math.abs(high));
  const isFlat = high - low <= (share ? LEAST_SPAN_OF_SHARES : size * LEAST_SPAN);
  const air = !isFlat ? (high - low) * 0.08 : share ? 0.05 : size * 0.1 || 0.5;
  const bottom = low >= 0 && low - air < 0 ? 0 : low - air;
  const top = share && high <= 1 ? Math.min(1, high + air) : high + air;
  return [bottom, top];
}

/** Multiples of `step` in the interval; of a smaller round step where there would be fewer than two. */
export function ticksBetween(low: number, high: number, step: number): number[] {
  if (!(step > 0) || !(high > low)) return [];
  const ticks = multiples(low, high, step);
  return ticks.length > 1 ? ticks : ticksBetween(low, high, roundBelow(step));
}

function multiples(low: number, high: number, step: number): number[] {
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => (first + i) * step);
}

/** The next smaller of 1, 2, 5 × 10ⁿ. */
function roundBelow(step: number): number {
  const unit = 10 ** Math.floor(Math.log10(step) + 1e-9);
  const lower = [5, 2, 1].find((each) => each * unit < step * (1 - 1e-9));
  return (lower ?? 0.5) * unit;
}

/** As many digits as the ticks have: 0.25 is no 0.3, and no two are alike. */
export function tickLabels(ticks: readonly number[], share: boolean): string[] {
  const scaled = share ? ticks.map((tick) => tick * 100) : ticks;
  const step = Math.abs((scaled[1] ?? 1) - (scaled[0] ?? 0));
  if (step >= 1e5) return scaled.map(compact);
  const digits = [0, 1, 2, 3, 4, 5, 6].find((each) => isWhole(step * 10 ** each));
  const powers = scientificLabels(scaled);
  if (digits === undefined) return powers;
  const plain = scaled.map((tick) => fixed(tick, digits));
  if (longest(plain) > CHARACTERS && longest(powers) < longest(plain)) return powers;
  return share ? plain.map((label) => `${label} %`) : plain;
}

const longest = (labels: readonly string[]): number => Math.max(...labels.map(({ length }) => length));

const isWhole = (value: number): boolean => Math.round(value) > 0 && Math.abs(value - Math.round(value)) < 1e-6;

function scientificLabels(ticks: readonly number[]): string[] {
  const labels = (digits: number) => ticks.map((tick) => (tick === 0 ? '0' : scientific(tick, digits)));
  const tell = [0, 1, 2].find((digits) => new Set(labels(digits)).size === ticks.length);
  return labels(tell ?? 3);
}
