/**
 * The second task: where guessing beats reasoning at first. After some giving and taking everything is shared out in twos, threes or
 * fours, and what is left over is asked for. So a guess is right once in two to four times, and log π(y|x) is never very low. Those who
 * work it out do everything in its place, but miscalculate now and then and trust the result: mostly right, and when wrong, sure of it.
 * E[log π(y|x,z)] then starts lower for reasoning than for guessing, E[π(y|x,z)] higher.
 */
import type { RandomStream } from '../../src/engine/common/random.ts';
import { calculate, capitalised, draw, drawInteger, fill, type Happening, LARGEST_TOTAL, PEOPLE } from './problem.ts';
import type { EventTemplate, Range } from './scene.ts';

type LeftoverScene = {
  readonly kind: string;
  readonly opening: { readonly says: string; readonly works: string; readonly amount: Range };
  readonly events: readonly EventTemplate[];
  /** {k}: how many share. */
  readonly asks: string;
};

export const LEFTOVER_SCENES: readonly LeftoverScene[] = [
  {
    kind: 'sweets',
    opening: { says: '{A} has {n} sweets.', works: '{A} starts with {n} sweets.', amount: [8, 24] },
    events: [
      { operation: 'add', says: ['{B} adds {n} sweets.'], works: ['With {n} more, {eq}.'] },
      { operation: 'subtract', says: ['{She} eats {n} of them.'], works: ['Without {n} eaten, {eq}.'] },
      { operation: 'add', says: ['In the shop {she} gets {n} more.'], works: ['The shop makes it {eq}.'] },
      { operation: 'subtract', says: ['{n} fall in the mud.'], works: ['Without {n} in the mud, {eq}.'] },
    ],
    asks: '{k} friends share them equally. How many sweets are left over?',
  },
  {
    kind: 'beads',
    opening: { says: '{A} has {n} beads in a box.', works: 'The box holds {n} beads.', amount: [8, 24] },
    events: [
      { operation: 'add', says: ['{B} pours in {n} beads.'], works: ['With {n} poured in, {eq}.'] },
      { operation: 'subtract', says: ['{n} roll under the bed.'], works: ['Without {n} lost, {eq}.'] },
      { operation: 'add', says: ['{She} finds {n} in a drawer.'], works: ['The drawer makes it {eq}.'] },
      { operation: 'subtract', says: ['{She} sews {n} on a hat.'], works: ['Without {n} on the hat, {eq}.'] },
    ],
    asks: '{She} makes rings of {k} beads each. How many beads are left over?',
  },
];

const SHARERS: Range = [2, 4];
const EVENTS: Range = [3, 4];
const LARGEST_SLIP = 3;

export type LeftoverProblem = {
  readonly kind: string;
  readonly question: string;
  readonly answer: number;
  readonly plot: string;
  /** Works it out, each equation wrong with probability `slipRate` and carried on with. */
  readonly reason: (slipRate: number, random: RandomStream) => { readonly rationale: string; readonly answer: number };
};

type Step = { readonly after: number; readonly equation: string };

/** The step with its result off by one to three, if that is still a number that may occur. */
function miscalculated(step: Step, random: RandomStream): Step {
  const offset = (1 + random.nextInteger(LARGEST_SLIP)) * (random.nextInteger(2) === 0 ? 1 : -1);
  const after = step.after + offset;
  if (after < 0 || after > LARGEST_TOTAL) return step;
  return { after, equation: step.equation.replace(/\d+$/, String(after)) };
}

function attempt(scene: LeftoverScene, random: RandomStream): LeftoverProblem | null {
  const [a, b] = random.shuffled(PEOPLE);
  const people = { A: a!.name, B: b!.name, she: a!.she, She: capitalised(a!.she) };
  const start = drawInteger(scene.opening.amount, random);
  const sharers = drawInteger(SHARERS, random);
  const happenings = random
    .shuffled(scene.events)
    .slice(0, drawInteger(EVENTS, random))
    .map((event) => draw(event, random));

  const work = (finish: (step: Step) => Step): { rationale: string; answer: number } | null => {
    let total = start;
    const sentences = [fill(scene.opening.works, { ...people, n: start })];
    for (const happening of happenings) {
      const exact = calculate(total, happening);
      if (exact === null) return null;
      const step = finish(exact);
      total = step.after;
      sentences.push(fill(happening.event.works[0]!, { ...people, n: happening.amount, eq: step.equation }));
    }
    const answer = total % sharers;
    sentences.push(`Sharing ${total} by ${sharers} leaves ${answer}.`);
    return { rationale: sentences.join(' '), answer };
  };

  const exact = work((step) => step);
  if (exact === null) return null;
  const says = (happening: Happening) => fill(happening.event.says[0]!, { ...people, n: happening.amount });
  const question = [
    fill(scene.opening.says, { ...people, n: start }),
    ...happenings.map((happening) => capitalised(says(happening))),
    fill(scene.asks, { ...people, k: sharers }),
  ].join(' ');
  const changes = happenings.map(({ event, amount }) => `${event.says[0]} ${amount}`);
  return {
    kind: scene.kind,
    question,
    answer: exact.answer,
    plot: [`${scene.kind} ${start} by ${sharers}`, ...changes].join(', '),
    reason: (slipRate, slips) => work((step) => (slips.next() < slipRate ? miscalculated(step, slips) : step)) ?? exact,
  };
}

export function makeLeftoverProblem(scene: LeftoverScene, random: RandomStream): LeftoverProblem {
  for (;;) {
    const problem = attempt(scene, random);
    if (problem !== null) return problem;
  }
}
