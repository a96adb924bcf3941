/**
 * How a reasoning strategy is told from the others: by its number in a frame of its colour, and by its dash where it is a line. The number
 * says all that the colour says, so the five colours that every theme has (high contrast too) do for any number of strategies. Pure.
 */
import { t } from './strings.ts';

const colours = ['blue', 'yellow', 'purple', 'green', 'red'] as const;
/** SVG dash patterns; of another length than the colours, so that the pair repeats late. */
const dashes = ['none', '6 3', '2 2', '9 3 2 3'] as const;

/** `strategy` is 1-based. */
export const strategyColour = (strategy: number): string =>
  `var(--vscode-charts-${colours[(strategy - 1) % colours.length]!})`;
export const strategyDash = (strategy: number): string => dashes[(strategy - 1) % dashes.length]!;

export type StrategyNames = Readonly<Record<string, string>>;

/** As people read it: the tag's text, or its number where the text is not known. */
export function strategyName(names: StrategyNames, strategy: number): string {
  return names[String(strategy)] ?? t('rationale.strategy', strategy);
}
