/**
 * The third task: sums of four parts that can be reasoned about in three sound ways, from the first part on, from the last part
 * back, or in pairs. Those who write it out each have one way; every way has its blind spot, one kind of story in which it often
 * stops before the end. So no single way is best everywhere, and asking all three ways beats asking one three times.
 */
import type { RandomStream } from '../../src/engine/common/random.ts';
import { drawInteger, fill, LARGEST_TOTAL, PEOPLE } from './problem.ts';
import type { Range } from './scene.ts';

export const WAYS = ['forwards', 'backwards', 'pairs'] as const;
export type Way = (typeof WAYS)[number];

type WaysScene = {
  readonly kind: string;
  /** {A} a person; {p} {q} {r} {s} the four parts. */
  readonly question: string;
  /** The way that often stops early here. */
  readonly blindSpot: Way;
};

export const WAYS_SCENES: readonly WaysScene[] = [
  {
    kind: 'hike',
    question:
      '{A} hikes for four days: {p} miles, then {q} miles, then {r} miles and {s} miles. How many miles is that in all?',
    blindSpot: 'forwards',
  },
  {
    kind: 'market',
    question:
      'At the market {A} pays {p} coins for a lamp, {q} for a hat, {r} for tea and {s} for soap. How many coins is that in all?',
    blindSpot: 'backwards',
  },
  {
    kind: 'orchard',
    question: 'In the orchard of {A} four trees bear {p}, {q}, {r} and {s} pears. How many pears is that in all?',
    blindSpot: 'pairs',
  },
];

const PART: Range = [3, 15];

export type Worked = { readonly rationale: string; readonly answer: number };

export type WaysProblem = {
  readonly kind: string;
  readonly question: string;
  readonly answer: number;
  readonly plot: string;
  readonly blindSpot: Way;
  /** Worked out one way to the end, or stopped before its last sum. */
  readonly reason: (way: Way, complete: boolean) => Worked;
};

type Parts = readonly [number, number, number, number];

function inARow(lead: string, [p, q, r, s]: Parts, complete: boolean): Worked {
  const [two, three, four] = [p + q, p + q + r, p + q + r + s];
  const sums = [`${p} + ${q} = ${two}.`, `${two} + ${r} = ${three}.`, `${three} + ${s} = ${four}.`];
  return complete
    ? { rationale: `${lead} ${sums.join(' ')}`, answer: four }
    : { rationale: `${lead} ${sums.slice(0, 2).join(' ')}`, answer: three };
}

function inPairs([p, q, r, s]: Parts, complete: boolean): Worked {
  const [outer, inner] = [p + s, q + r];
  const pairs = `In pairs: ${p} + ${s} = ${outer}. ${q} + ${r} = ${inner}.`;
  return complete
    ? { rationale: `${pairs} ${outer} + ${inner} = ${outer + inner}.`, answer: outer + inner }
    : { rationale: pairs, answer: inner };
}

export function makeWaysProblem(scene: WaysScene, random: RandomStream): WaysProblem {
  for (;;) {
    const parts: Parts = [
      drawInteger(PART, random),
      drawInteger(PART, random),
      drawInteger(PART, random),
      drawInteger(PART, random),
    ];
    const [p, q, r, s] = parts;
    const answer = p + q + r + s;
    if (answer > LARGEST_TOTAL) continue;
    const { name: A } = random.pick(PEOPLE);
    return {
      kind: scene.kind,
      question: fill(scene.question, { A, p, q, r, s }),
      answer,
      plot: `${scene.kind} ${parts.join(', ')}`,
      blindSpot: scene.blindSpot,
      reason: (way, complete) => {
        switch (way) {
          case 'forwards':
            return inARow('From the first on:', parts, complete);
          case 'backwards':
            return inARow('From the last back:', [s, r, q, p], complete);
          case 'pairs':
            return inPairs(parts, complete);
        }
      },
    };
  }
}
