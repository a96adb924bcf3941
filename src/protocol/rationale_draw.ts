/** How a set of rationales was drawn: with which K, temperature and random numbers. Pure; host and panel agree through it. */
import type { RationaleSet, RationaleView, StrategyChoice } from './rationale_messages.ts';

export interface Draw {
  readonly k: number;
  readonly temperature: number | null;
  readonly seed: number | null;
  readonly randomStep: number | null;
  readonly strategy: StrategyChoice;
}

/** Sampled by the set's weights in one draw: what counts in K, votes and means. Not what a person wrote, nor what was pinned earlier. */
export function samplesOf(rationales: readonly RationaleView[]): RationaleView[] {
  return rationales.filter(({ origin, keptFrom }) => origin !== 'edited' && keptFrom === undefined);
}

export function drawOf({ rationales, temperature, randomStep }: RationaleSet): Draw {
  const samples = samplesOf(rationales);
  const strategies = [...new Set(samples.map(({ record }) => record.strategy))];
  const [only] = strategies;
  const strategy = strategies.length > 1 ? 'all' : (only ?? 'none');
  return { k: samples.length, temperature, seed: samples[0]?.seed ?? null, randomStep, strategy };
}

/** Whether sample k of one set and sample k of the other were drawn with the same random numbers. */
export function sameDraw(a: Draw, b: Draw): boolean {
  const known = a.temperature !== null && a.seed !== null && a.randomStep !== null;
  return (
    known &&
    a.k === b.k &&
    a.temperature === b.temperature &&
    a.seed === b.seed &&
    a.randomStep === b.randomStep &&
    a.strategy === b.strategy
  );
}
