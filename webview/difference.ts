/** A difference as every panel writes it: an arrow with its direction, none where the digits shown say that nothing changed. */
import type { Child } from './dom.ts';
import { signed } from './format.ts';
import { icon } from './icons.ts';

export function arrow(value: number, digits = 2): Child {
  if (Number(value.toFixed(digits)) === 0) return null;
  return icon(value > 0 ? 'up' : 'down', value > 0 ? 'good' : 'bad');
}

/** after − before of the figures as they are written, so that who subtracts them finds the same. */
export function differenceOfShown(before: number, after: number, digits = 2): number {
  const shown = (value: number): number => Number(value.toFixed(digits));
  return Number((shown(after) - shown(before)).toFixed(digits));
}

export const differenceShown = (before: number, after: number, digits = 2): Child =>
  difference(differenceOfShown(before, after, digits), digits);

export const difference = (value: number, digits = 2): Child => [arrow(value, digits), signed(value, digits)];
