import { LatroError } from '../common/errors.ts';
import { RandomStream } from '../common/random.ts';
import { quoteExcerpt } from './quote.ts';
import type { DatasetRow } from './row.ts';

/** Rows `from` ≤ i < `to` of a dataset, 0-based, in file order. */
export interface RowRange {
  readonly from: number;
  readonly to: number;
}

/** Reads a selector such as "0:480", "480:", ":120" or "-120:" (the last 120), as Python slices; "all" is every row. */
export function parseRowRange(selector: string, count: number): RowRange {
  if (selector === 'all') return { from: 0, to: count };
  const match = /^(-?\d+)?:(-?\d+)?$/.exec(selector.trim());
  if (!match)
    throw new LatroError(
      'config-invalid',
      `${quoteExcerpt(selector)} does not select rows.`,
      'Write it like "0:480", "480:" or "all".',
    );
  const bound = (text: string | undefined, missing: number): number => {
    if (text === undefined) return missing;
    const index = Number(text);
    return Math.min(Math.max(index < 0 ? index + count : index, 0), count);
  };
  return { from: bound(match[1], 0), to: bound(match[2], count) };
}

/** The selected rows; selecting none is a `config-invalid` error, for nothing can be trained or measured on them. */
export function sliceRows(rows: readonly DatasetRow[], selector: RowRange | string): readonly DatasetRow[] {
  const { from, to } = typeof selector === 'string' ? parseRowRange(selector, rows.length) : selector;
  const selected = rows.slice(from, to);
  if (selected.length === 0) {
    throw new LatroError(
      'config-invalid',
      `Rows ${from}:${to} of a dataset of ${rows.length} rows are none.`,
      'Select at least one row.',
    );
  }
  return selected;
}

export interface HoldOutSplit {
  readonly train: readonly DatasetRow[];
  readonly heldOut: readonly DatasetRow[];
}

/**
 * Sets aside about `fraction` of the questions (none at 0; else at least one, and never all of them) to choose a checkpoint on. Who is held out
 * depends on the rows' content and the seed alone: not on their order, and rows that say the same are never on both sides. Both
 * parts keep the file's order.
 */
export function splitHoldOut(rows: readonly DatasetRow[], fraction: number, seed: number): HoldOutSplit {
  if (fraction === 0) return { train: rows, heldOut: [] };
  const keys = [...new Set(rows.map((row) => row.rowKey))];
  if (!(fraction > 0 && fraction < 1) || keys.length < 2) {
    const reason =
      keys.length < 2
        ? 'A dataset with fewer than two different questions cannot be split.'
        : `A held-out fraction of ${fraction} is not between 0 and 1.`;
    throw new LatroError('config-invalid', reason, 'Hold out a fraction such as 0.1 of a larger dataset.');
  }
  const draw = (key: string): number =>
    new RandomStream(seed, Number.parseInt(key.slice(0, 8), 16), Number.parseInt(key.slice(8), 16)).uniform(0);
  const drawn = keys.map((key) => ({ key, at: draw(key) })).sort((a, b) => a.at - b.at || (a.key < b.key ? -1 : 1));
  const count = Math.min(Math.max(Math.round(fraction * keys.length), 1), keys.length - 1);
  const held = new Set(drawn.slice(0, count).map(({ key }) => key));
  return { train: rows.filter((row) => !held.has(row.rowKey)), heldOut: rows.filter((row) => held.has(row.rowKey)) };
}
