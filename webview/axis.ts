/** An axis that can be read: its round interval and ticks, and marks on it that do not cover each other. Pure, no DOM. */

export interface Axis {
  readonly low: number;
  readonly high: number;
  readonly ticks: readonly number[];
  /** Digits after the point that tell the ticks apart. */
  readonly digits: number;
}

/** A round interval around `values` with ticks at multiples of 1, 2 or 5 × 10ⁿ; log-probabilities end at 0. */
export function axis(values: readonly number[]): Axis {
  const finite = values.filter(Number.isFinite);
  const bottom = Math.min(0, ...finite);
  const top = Math.max(0, ...finite);
  // Under a hundredth of a nat no tick could be told from the next by its label.
  const span = top - bottom < 0.01 ? 1 : top - bottom;
  const rough = span / 5;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * unit).find((s) => s >= rough) ?? rough;
  const first = Math.floor(bottom / step + 1e-9);
  const last = Math.max(Math.ceil(top / step - 1e-9), first + 1);
  const ticks = Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
  return { low: first * step, high: last * step, ticks, digits: Math.max(0, -Math.floor(Math.log10(step) + 1e-9)) };
}

/** Vertical places (0, 1, −1, 2, −2 …) so that marks closer than `gap` on the axis do not cover each other. */
export function dodge(positions: readonly number[], gap: number): number[] {
  const places = new Map<number, number>();
  const order = positions.map((_, i) => i).sort((a, b) => (positions[a] ?? 0) - (positions[b] ?? 0));
  const lastAt = new Map<number, number>();
  for (const i of order) {
    const x = positions[i] ?? 0;
    let place = 0;
    while (x - (lastAt.get(place) ?? Number.NEGATIVE_INFINITY) < gap) place = place > 0 ? -place : 1 - place;
    lastAt.set(place, x);
    places.set(i, place);
  }
  return positions.map((_, i) => places.get(i) ?? 0);
}
