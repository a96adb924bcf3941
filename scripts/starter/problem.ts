/**
 * From a scene to one word problem: names and numbers drawn, every step computed, and the two ways to reason about it written
 * out. The sound rationale takes every event into account; the hasty one passes over the detail and so ends on another number.
 */
import { createHash } from 'node:crypto';
import type { RandomStream } from '../../src/engine/common/random.ts';
import type { EventTemplate, Operation, Range, Scene } from './scene.ts';

/** The numbers a problem may pass through: each is one token, and small enough for a small model to calculate with. */
export const SMALLEST_TOTAL = 2;
export const LARGEST_TOTAL = 60;
/** Equations in a sound rationale. */
export const STEPS: Range = [3, 6];

export type Problem = {
  readonly kind: string;
  readonly question: string;
  readonly answer: number;
  /** Equations of the sound rationale. */
  readonly steps: number;
  /** One sentence per event, all of them. */
  readonly soundRationale: string;
  /** The same without the detail, with the numbers that follow. */
  readonly hastyRationale: string;
  readonly hastyAnswer: number;
  /** What happens, with its numbers but without names and wording: problems of one plot never stand in two splits. */
  readonly plot: string;
};

export type Person = { readonly name: string; readonly she: string; readonly her: string };

export const PEOPLE: readonly Person[] = [
  ...['Mia', 'Nora', 'Ana', 'Lucy', 'Emma', 'Ruth', 'Ivy', 'Zoe', 'Clara', 'Maya'].map((name) => ({
    name,
    she: 'she',
    her: 'her',
  })),
  ...['Leo', 'Ben', 'Sam', 'Tom', 'Max', 'Noah', 'Finn', 'Omar', 'Hugo', 'Paul'].map((name) => ({
    name,
    she: 'he',
    her: 'his',
  })),
];

/** An event with its numbers drawn. */
export type Happening = { readonly event: EventTemplate; readonly amount: number; readonly groups: number };

export function drawInteger([from, to]: Range, random: RandomStream): number {
  return from + random.nextInteger(to - from + 1);
}

function takesGroups(operation: Operation): boolean {
  return operation === 'add-groups' || operation === 'subtract-groups';
}

export function draw(event: EventTemplate, random: RandomStream): Happening {
  const grouped = takesGroups(event.operation);
  return {
    event,
    amount: drawInteger(event.amount ?? (grouped ? [2, 5] : [2, 9]), random),
    groups: grouped ? drawInteger(event.groups ?? [2, 3], random) : 1,
  };
}

/** The total after a happening and the step written out; null when it is no whole number or leaves the allowed range. */
export function calculate(
  before: number,
  { event, amount, groups }: Happening,
): { after: number; equation: string } | null {
  const change = amount * groups;
  const result = ((): [number, string] => {
    switch (event.operation) {
      case 'add':
      case 'add-groups':
        return [before + change, `${before} + ${change}`];
      case 'subtract':
      case 'subtract-groups':
        return [before - change, `${before} - ${change}`];
      case 'double':
        return [before * 2, `${before} × 2`];
      case 'halve':
        return [before / 2, `${before} / 2`];
    }
  })();
  const [after, left] = result;
  if (!Number.isInteger(after) || after < SMALLEST_TOTAL || after > LARGEST_TOTAL) return null;
  return { after, equation: `${left} = ${after}` };
}

/** Every `{slot}` of the template replaced; an unknown slot is a mistake in the scene. */
export function fill(template: string, slots: Readonly<Record<string, string | number>>): string {
  return template.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = slots[name];
    if (value === undefined) throw new Error(`the template "${template}" asks for an unknown slot {${name}}`);
    return String(value);
  });
}

export function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

type Worked = { readonly answer: number; readonly sentences: readonly string[]; readonly steps: number };

/** One problem of the scene, or null when the numbers drawn do not work out (the caller draws again). */
function attempt(scene: Scene, random: RandomStream): Problem | null {
  const people = random.shuffled(PEOPLE);
  const [a, b] = people as [Person, Person];
  const open = {
    amount: drawInteger(scene.opening.amount, random),
    groups: scene.opening.groups === undefined ? 1 : drawInteger(scene.opening.groups, random),
  };
  const start = open.amount * open.groups;
  if (start > LARGEST_TOTAL) return null;

  const detail = draw(random.pick(scene.details), random);
  const others = random.shuffled(scene.events).slice(0, 2 + random.nextInteger(2));
  const happenings = others.map((event) => draw(event, random));
  const place = scene.detailPlace === 'last' ? happenings.length : random.nextInteger(happenings.length + 1);
  happenings.splice(place, 0, detail);

  // Scenes that go from person to person introduce one with every event but the detail, which is about the last of them.
  const slotsOf = ({ amount, groups }: Happening, index: number) => ({
    A: a.name,
    B: b.name,
    she: a.she,
    She: capitalised(a.she),
    her: a.her,
    n: amount,
    k: groups,
    m: amount,
    groups: `${groups} × ${amount} = ${groups * amount}`,
    prev: people[index]?.name ?? '',
    next: people[index + 1]?.name ?? '',
  });
  const openingSlots = slotsOf({ event: detail.event, amount: open.amount, groups: open.groups }, 0);
  const lastPerson = people[others.length]?.name ?? '';

  const work = (passOver: Happening | null): Worked | null => {
    let total = start;
    let steps = scene.opening.groups === undefined ? 0 : 1;
    const sentences = [fill(openingWorks, openingSlots)];
    for (const [index, happening] of happenings.entries()) {
      if (happening === passOver) continue;
      const step = calculate(total, happening);
      if (step === null) return null;
      total = step.after;
      steps += takesGroups(happening.event.operation) ? 2 : 1;
      sentences.push(fill(works[index] as string, { ...slotsOf(happening, index), eq: step.equation }));
    }
    return { answer: total, sentences, steps };
  };

  const openingSays = random.pick(scene.opening.says);
  const openingWorks = random.pick(scene.opening.works);
  const says = happenings.map(({ event }) => random.pick(event.says));
  const works = happenings.map(({ event }) => random.pick(event.works));
  const asks = random.pick(scene.asks);

  const sound = work(null);
  const hasty = work(detail);
  if (sound === null || hasty === null || sound.answer === hasty.answer) return null;
  if (sound.steps < STEPS[0] || sound.steps > STEPS[1]) return null;

  const question = [
    fill(openingSays, openingSlots),
    ...happenings.map((happening, index) => fill(says[index] as string, slotsOf(happening, index))),
    fill(asks, { ...openingSlots, next: lastPerson }),
  ]
    .map(capitalised)
    .join(' ');
  const plot = [
    `${scene.kind} ${open.groups}x${open.amount}`,
    ...happenings.map(({ event, amount, groups }) => `${event.operation} ${groups}x${amount}`),
  ].join(', ');
  return {
    kind: scene.kind,
    question,
    answer: sound.answer,
    steps: sound.steps,
    soundRationale: sound.sentences.join(' '),
    hastyRationale: hasty.sentences.join(' '),
    hastyAnswer: hasty.answer,
    plot,
  };
}

/** One word problem of the scene. */
export function makeProblem(scene: Scene, random: RandomStream): Problem {
  for (;;) {
    const problem = attempt(scene, random);
    if (problem !== null) return problem;
  }
}

export type Split = 'train' | 'validation' | 'test';

/** Which split a plot belongs to: decided by its digest, so the splits are disjoint whatever is drawn. 1/16 test, 1/16 validation. */
export function splitOf(plot: string): Split {
  const byte = createHash('sha256').update(plot).digest()[0] as number;
  return byte < 16 ? 'test' : byte < 32 ? 'validation' : 'train';
}
