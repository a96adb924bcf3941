/**
 * Arithmetic practice: "Work out 29 + 16 - 38, then 5 * (7 + 3)." with the small steps as gold rationale. A model that cannot add finds no
 * sound rationale to reward, so the warm start practises sums of the size that word problems have. Ours, in no paper.
 */
import type { RandomStream } from '../../src/engine/common/random.ts';
import { equationSteps } from '../../src/engine/datasets/equation_steps.ts';
import { draw, isInRange, smallSteps, type WordProblem } from './word_problems.ts';

/** Two operations each, in every order of sums, differences, products and quotients. */
const FORMS: readonly ((random: RandomStream) => string)[] = [
  (random) => `${draw(1, 60, random)} + ${draw(1, 40, random)} - ${draw(1, 60, random)}`,
  (random) => `${draw(1, 90, random)} - ${draw(1, 60, random)} + ${draw(1, 40, random)}`,
  (random) => `${draw(1, 90, random)} - ${draw(1, 60, random)} - ${draw(1, 40, random)}`,
  (random) => `${draw(2, 9, random)} * (${draw(1, 8, random)} + ${draw(1, 8, random)})`,
  (random) => `${draw(2, 9, random)} * (${draw(2, 20, random)} - ${draw(1, 18, random)})`,
  (random) => quotient(random, (total) => `(${total - 1 - random.nextInteger(total - 1)} + `),
  (random) => quotient(random, (total) => `(${total + draw(1, 40, random)} - `),
  (random) => `${draw(2, 9, random)} * ${draw(2, 9, random)} + ${draw(1, 20, random)}`,
  (random) => `${draw(2, 9, random)} * ${draw(2, 9, random)} - ${draw(1, 20, random)}`,
];

/** "(26 + 46) / 9": a dividend that the divisor divides, as a sum or difference that `begin` opens. */
function quotient(random: RandomStream, begin: (total: number) => string): string {
  const divisor = draw(2, 9, random);
  const total = divisor * draw(2, 10, random);
  const opening = begin(total);
  const first = Number(/\d+/.exec(opening)![0]);
  return `${opening}${Math.abs(total - first)}) / ${divisor}`;
}

function expression(random: RandomStream): string {
  for (;;) {
    const drawn = random.pick(FORMS)(random);
    if (equationSteps(drawn)?.split('\n').every(isInRange)) return drawn;
  }
}

/** One row of `count` expressions; the answer is the last one's. */
export function drill(count: number, random: RandomStream): WordProblem {
  const expressions = Array.from({ length: count }, () => expression(random));
  const rationale = expressions.map((one) => smallSteps(one)!).join('\n');
  return {
    question: `Work out ${expressions.join(', then ')}.`,
    equation: expressions.join(', '),
    rationale,
    answer: rationale.slice(rationale.lastIndexOf('= ') + 2),
  };
}
