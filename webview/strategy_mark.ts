/** The mark of a reasoning strategy: its number in a frame of its colour. */
import { h, type VNode } from './dom.ts';
import { strategyColour } from './strategy_style.ts';

/** For eyes only: the strategy's name stands beside it or in the label of what holds it. */
export function strategyMark(strategy: number): VNode {
  return h(
    'span',
    { class: 'strategy-mark number', 'aria-hidden': true, vars: { '--strategy': strategyColour(strategy) } },
    strategy,
  );
}
