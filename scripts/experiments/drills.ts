/**
 * Arithmetic practice: "What is ((37 + 5) / 6) * 3?" with the steps as gold rationale. A model that cannot add finds no sound rationale to
 * reward, so the warm start practises the four operations before it reads any word problem. Ours, in no paper.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { RandomStream } from '../../src/engine/common/random.ts';

type Operator = '+' | '-' | '*' | '/';
const OPERATORS: readonly Operator[] = ['+', '-', '*', '/'];

/** How large the numbers get. */
export interface Range {
  /** Largest number to begin with or to add. */
  readonly terms: number;
  /** Largest factor of a number up to 12, and the largest number that is multiplied at all (by 10 at most). */
  readonly factors: number;
  readonly multiplied: number;
  readonly divisors: number;
}

/** What is done to `left`, so that the result stays a whole number from 0 to a few hundred; null when `left` allows none. */
function operand(
  left: number,
  operator: Operator,
  { terms, factors, multiplied, divisors: largest }: Range,
  random: RandomStream,
): number | null {
  switch (operator) {
    case '+':
      return 1 + random.nextInteger(terms);
    case '-':
      return left < 1 ? null : 1 + random.nextInteger(left);
    case '*':
      return left > multiplied ? null : 2 + random.nextInteger(left > 12 ? 9 : factors - 1);
    case '/': {
      const divisors = Array.from({ length: largest - 1 }, (_, i) => i + 2).filter((d) => left > 0 && left % d === 0);
      return divisors.length === 0 ? null : random.pick(divisors);
    }
    default:
      return operator satisfies never;
  }
}

function result(left: number, operator: Operator, right: number): number {
  switch (operator) {
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '*':
      return left * right;
    case '/':
      return left / right;
    default:
      return operator satisfies never;
  }
}

/** A row in the form of MultiArith's own. */
interface Drill {
  readonly sQuestion: string;
  readonly lEquations: readonly [string];
  readonly lSolutions: readonly [number];
}

/** One to five operations; null when the draw does not stay within range. */
function drill(range: Range, random: RandomStream): Drill | null {
  let value = 1 + random.nextInteger(range.terms);
  let expression = String(value);
  const steps = 1 + random.nextInteger(5);
  for (let step = 0; step < steps; step++) {
    const operator = random.pick(OPERATORS);
    const right = operand(value, operator, range, random);
    if (right === null) return null;
    expression = `${step === 0 ? expression : `(${expression})`} ${operator} ${right}`;
    value = result(value, operator, right);
  }
  return { sQuestion: `What is ${expression}?`, lEquations: [`X=${expression}`], lSolutions: [value] };
}

/** Writes `count` drills as MultiArith's JSON. The same seed writes the same file. */
export function writeDrills(path: string, count: number, range: Range, seed: number): void {
  const random = new RandomStream(seed);
  const rows: Drill[] = [];
  while (rows.length < count) {
    const row = drill(range, random);
    if (row !== null) rows.push(row);
  }
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, JSON.stringify(rows, null, 1));
}
