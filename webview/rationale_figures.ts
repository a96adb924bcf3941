/** What the rationale panel derives from its snapshot: pure, no DOM. */
import { samplesOf } from '../src/protocol/rationale_draw.ts';
import type { PrefixScore, RationaleSet, RationaleView } from '../src/protocol/rationale_messages.ts';
import type { RationaleRecord } from '../src/protocol/records.ts';

export const SORT_COLUMNS = [
  'sample',
  'right',
  'answer',
  'selfReward',
  'klPenalty',
  'baseline',
  'advantage',
  'length',
] as const;
export type SortColumn = (typeof SORT_COLUMNS)[number];
export interface SortOrder {
  readonly by: SortColumn;
  readonly descending: boolean;
}

/** null: there is no such value, whichever way the list is sorted. */
export function sortValue(record: RationaleRecord, by: SortColumn): number | string | null {
  switch (by) {
    case 'length':
      return record.tokens.length;
    case 'right':
      return Number(record.correct);
    case 'answer':
      return record.extractedAnswer;
    default:
      return record[by];
  }
}

/** Pinned rationales first; what has no value last; equal ones in order of their sample number. */
export function sortRationales(rationales: readonly RationaleView[], order: SortOrder): RationaleView[] {
  const sign = order.descending ? -1 : 1;
  const byValue = (x: number | string | null, y: number | string | null): number =>
    x === null || y === null ? Number(x === null) - Number(y === null) : sign * compareValues(x, y);
  return [...rationales].sort(
    (a, b) =>
      Number(b.pinned) - Number(a.pinned) ||
      byValue(sortValue(a.record, order.by), sortValue(b.record, order.by)) ||
      a.record.sample - b.record.sample,
  );
}

const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' });

/** Answers that are numbers by their size and before those that are words. */
function compareValues(a: number | string, b: number | string): number {
  const [x, y] = [asNumber(a), asNumber(b)];
  if (Number.isNaN(x) && Number.isNaN(y)) return collator.compare(String(a), String(b));
  if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) ? 1 : -1;
  return x - y;
}

function asNumber(value: number | string): number {
  if (typeof value === 'number') return value;
  return value.trim() === '' ? Number.NaN : Number(value.replaceAll(',', ''));
}

/** As the table shows them, top to bottom: pinned in an earlier sample comes last. */
export function shownOrder(rationales: readonly RationaleView[], order: SortOrder): RationaleView[] {
  const groups = groupByStrategy(sortRationales(ownOf(rationales), order));
  return [...groups.flatMap((group) => group.rationales), ...sortRationales(keptOf(rationales), order)];
}

/** The set's samples, and what a person made of them. */
export const ownOf = (rationales: readonly RationaleView[]): RationaleView[] =>
  rationales.filter(({ keptFrom }) => keptFrom === undefined);

/** Pinned in samples that this set took the place of. */
export const keptOf = (rationales: readonly RationaleView[]): RationaleView[] =>
  rationales.filter(({ keptFrom }) => keptFrom !== undefined);

export interface StrategyGroup {
  /** Undefined for rationales sampled without a strategy. */
  readonly strategy: number | undefined;
  readonly rationales: readonly RationaleView[];
}

/** One group per strategy in rising order; a single group when there are no strategies. Order inside a group is kept. */
export function groupByStrategy(rationales: readonly RationaleView[]): StrategyGroup[] {
  const groups = new Map<number | undefined, RationaleView[]>();
  for (const rationale of rationales) {
    const strategy = rationale.record.strategy;
    const group = groups.get(strategy);
    if (group) group.push(rationale);
    else groups.set(strategy, [rationale]);
  }
  return [...groups]
    .map(([strategy, members]) => ({ strategy, rationales: members }))
    .sort((a, b) => (a.strategy ?? Number.POSITIVE_INFINITY) - (b.strategy ?? Number.POSITIVE_INFINITY));
}

/** The strategy with the highest mean self-reward; null when there is only one group, or two share it. */
export function bestGroup(groups: readonly StrategyGroup[]): number | null {
  const means = groups.map(({ rationales }) => meanSelfReward(samplesOf(rationales)) ?? Number.NEGATIVE_INFINITY);
  const greatest = Math.max(...means);
  if (groups.length < 2 || means.filter((mean) => mean === greatest).length > 1) return null;
  return groups[means.indexOf(greatest)]?.strategy ?? null;
}

export function rightCount(rationales: readonly RationaleView[]): number {
  return rationales.filter((rationale) => rationale.record.correct).length;
}

export function meanSelfReward(rationales: readonly RationaleView[]): number | null {
  if (rationales.length === 0) return null;
  return rationales.reduce((sum, rationale) => sum + rationale.record.selfReward, 0) / rationales.length;
}

/** The rationale of `comparison` with the same sample number: drawn with the same random numbers where the two sets are alike. */
export function counterpart(rationale: RationaleView, comparison: RationaleSet | null): RationaleView | null {
  if (!comparison || rationale.origin === 'edited' || rationale.keptFrom !== undefined) return null;
  return samplesOf(comparison.rationales).find((other) => other.record.sample === rationale.record.sample) ?? null;
}

/** The samples whose rewards its baseline and spread are made of, itself included; null where they are not in the set. */
export function siblingsOf({ record, origin, keptFrom }: RationaleView, set: RationaleSet): RationaleRecord[] | null {
  if (origin === 'edited' || keptFrom !== undefined) return null;
  const samples = samplesOf(set.rationales);
  const strata = groupByStrategy(samples);
  // Older records: under tags those of its own tag, where every tag has two.
  const within =
    record.made?.siblings ?? (strata.every(({ rationales }) => rationales.length > 1) ? 'strategy' : 'question');
  const own = within === 'question' ? samples : samples.filter((each) => each.record.strategy === record.strategy);
  return own.map((each) => each.record).filter(({ baseline }) => baseline !== null);
}

/** K of a rationale's baseline, itself included. */
export function siblingCount(rationale: RationaleView, set: RationaleSet): number {
  return rationale.keptFrom?.k ?? siblingsOf(rationale, set)?.length ?? samplesOf(set.rationales).length;
}

/** Signed, from −3 to 3: how much a rationale's tokens weigh in the update beside the heaviest of its set; 0 without a weight. */
export function weightLevel(weight: number | undefined, set: RationaleSet): number {
  if (weight === undefined || weight === 0) return 0;
  const sizes = samplesOf(set.rationales).map(({ record }) => Math.abs(record.weight ?? 0));
  const share = Math.min(1, Math.abs(weight) / Math.max(...sizes, Math.abs(weight)));
  // What no eye could tell from nothing is drawn as nothing.
  return share < 1e-3 ? 0 : Math.sign(weight) * Math.ceil(share * 3);
}

/** A number of tokens; of none between the two is anything known. */
export interface ClearAnswer {
  readonly by: number;
  /** null: the answer is clear from the first prefix on. */
  readonly notYetAt: number | null;
}

/**
 * Where the answer becomes clear: `by` is the first prefix of those that were asked from which on p(y | x, z_≤t) never falls below ½
 * again. null when the whole rationale does not get there.
 */
export function clearAnswer(scores: readonly PrefixScore[]): ClearAnswer | null {
  const half = Math.log(0.5);
  const last = scores.findLastIndex(({ logProb }) => logProb < half);
  const by = scores[last + 1];
  return by === undefined ? null : { by: by.tokens, notYetAt: scores[last]?.tokens ?? null };
}

/** How likely the model found a token; the four kinds are drawn as four underlines. */
export type TokenKind = 'expected' | 'likely' | 'unsure' | 'surprising';

export function tokenKind(logProb: number): TokenKind {
  const p = Math.exp(logProb);
  if (p >= 0.9) return 'expected';
  if (p >= 0.5) return 'likely';
  return p >= 0.1 ? 'unsure' : 'surprising';
}
