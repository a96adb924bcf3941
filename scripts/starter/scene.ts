/**
 * What a kind of word problem is made of. A scene opens with an amount, tells a few events that change it one after another,
 * and asks for what it is in the end. Sentences are templates with slots:
 *
 *   {A} {B}            two people; {She} {she} {her} belong to {A}
 *   {n}                the amount of an event; {k} {m} its groups: k boxes of m
 *   {groups}           the written-out product, "3 × 4 = 12"
 *   {eq}               the written-out step, "14 - 5 = 9"
 *   {prev} {next}      the person before and the next one, in scenes that go from person to person
 */

export type Operation = 'add' | 'subtract' | 'double' | 'halve' | 'add-groups' | 'subtract-groups';

/** Inclusive bounds of an integer. */
export type Range = readonly [from: number, to: number];

export type EventTemplate = {
  readonly operation: Operation;
  /** The sentence of the question. */
  readonly says: readonly string[];
  /** The sentence of a rationale that takes it into account. */
  readonly works: readonly string[];
  /** {n}, or {m} of groups; default 2 to 9 (2 to 5 for groups). */
  readonly amount?: Range;
  /** {k}; default 2 to 3. */
  readonly groups?: Range;
};

export type Scene = {
  readonly kind: string;
  /** With `groups` the story opens with a product, else with a plain amount. */
  readonly opening: {
    readonly says: readonly string[];
    readonly works: readonly string[];
    readonly amount: Range;
    readonly groups?: Range;
  };
  readonly events: readonly EventTemplate[];
  /** Events that a hasty reader passes over. Every problem has exactly one of them. */
  readonly details: readonly EventTemplate[];
  /** A detail may stand anywhere among the events, or only after them. */
  readonly detailPlace: 'anywhere' | 'last';
  readonly asks: readonly string[];
};
