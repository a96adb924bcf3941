import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { LatroError } from '../../src/engine/common/errors.ts';
import { matchingCost, matchTracesToTags } from '../../src/engine/forking/hungarian.ts';

/** All injective assignments of M traces to N tags, in lexicographic order. */
function assignments(tags: number, traces: number, used: readonly number[] = []): number[][] {
  if (traces === 0) return [[...used]];
  return Array.from({ length: tags }, (_, tag) => tag)
    .filter((tag) => !used.includes(tag))
    .flatMap((tag) => assignments(tags, traces - 1, [...used, tag]));
}

/** The lexicographically first of the cheapest assignments: the stated tie rule, spelled out. */
function bruteForce(cost: readonly (readonly number[])[], traces: number): number[] {
  let best: number[] = [];
  let bestCost = Number.POSITIVE_INFINITY;
  for (const candidate of assignments(cost.length, traces)) {
    const total = matchingCost(cost, candidate);
    if (total < bestCost) [best, bestCost] = [candidate, total];
  }
  return best;
}

const shapes = Array.from({ length: 6 }, (_, n) => n + 1).flatMap((n) =>
  Array.from({ length: n }, (_, m) => [n, m + 1] as const),
);
const matrix = (n: number, m: number, value: fc.Arbitrary<number>) =>
  fc.array(fc.array(value, { minLength: m, maxLength: m }), { minLength: n, maxLength: n });

describe('Hungarian matching of traces to tags', () => {
  it('has the measured vector of algorithms.md §6.2, where greedy fails', () => {
    const cost = [
      [1, 2],
      [1.5, 5],
      [6, 6],
    ];
    assert.deepEqual(matchTracesToTags(cost), [1, 0]);
    assert.equal(matchingCost(cost, [1, 0]), 3.5);
    assert.equal(matchingCost(cost, [0, 1]), 6);
  });

  for (const [n, m] of shapes) {
    it(`equals brute force for N = ${n}, M = ${m}, ties included`, () => {
      // Integers in a small range make ties the rule; sums of integers are exact, so the tie rule is checked exactly.
      const numRuns = n < 6 ? 60 : 25;
      fc.assert(
        fc.property(matrix(n, m, fc.integer({ min: -2, max: 3 })), (cost) => {
          assert.deepEqual(matchTracesToTags(cost), bruteForce(cost, m));
        }),
        { numRuns },
      );
      fc.assert(
        fc.property(matrix(n, m, fc.double({ min: 0, max: 9, noNaN: true })), (cost) => {
          const difference = matchingCost(cost, matchTracesToTags(cost)) - matchingCost(cost, bruteForce(cost, m));
          assert.ok(Math.abs(difference) < 1e-10);
        }),
        { numRuns },
      );
    });
  }

  it('equal costs give every trace the lowest free tag', () => {
    assert.deepEqual(
      matchTracesToTags([
        [1, 1, 1],
        [1, 1, 1],
        [1, 1, 1],
        [1, 1, 1],
      ]),
      [0, 1, 2],
    );
  });

  it('does not mind a constant added to a trace, and none when there is none', () => {
    fc.assert(
      fc.property(matrix(5, 3, fc.integer({ min: 0, max: 9 })), fc.integer({ min: -9, max: 9 }), (cost, constant) => {
        // Within one column the trace is the same: only the difference that the tag makes matters.
        const shifted = cost.map((row) => [(row[0] as number) + constant, row[1] as number, row[2] as number]);
        assert.deepEqual(matchTracesToTags(shifted), matchTracesToTags(cost));
      }),
    );
    assert.deepEqual(matchTracesToTags([[], []]), []);
  });

  it('refuses more traces than tags, and costs that are not numbers', () => {
    assert.throws(
      () => matchTracesToTags([[1, 2]]),
      (e: LatroError) => e.code === 'config-invalid' && /2 traces/.test(e.reason),
    );
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.throws(
        () => matchTracesToTags([[1], [bad]]),
        (e: LatroError) => e.code === 'non-finite',
      );
    }
  });
});
