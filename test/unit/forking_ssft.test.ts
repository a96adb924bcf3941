import assert from 'node:assert/strict';
import fc from 'fast-check';
import { RandomStream } from '../../src/engine/common/random.ts';
import { assignTags, matchingCosts, ssftSequenceWeights } from '../../src/engine/forking/ssft.ts';

const near = (actual: number, expected: number, tolerance = 1e-9) => Math.abs(actual - expected) <= tolerance;

describe('SSFT', () => {
  it('costs are means over the first tokens only', () => {
    const logProbs = [
      [[-1, -3, -100], [-2]],
      [[-5, -5, 0], [-4]],
    ];
    assert.deepEqual(matchingCosts(logProbs, 2), [
      [2, 2],
      [5, 4],
    ]);
    assert.throws(() => matchingCosts([[[]]], 2), /no token/);
  });

  it('the loss does not change when traces or tags are permuted', () => {
    // Drawn from a stream and not by fast-check, which loves ties: a tie is broken by position, which permuting changes.
    const drawn = (n: number, m: number, random: RandomStream) => {
      const lengths = Array.from({ length: m }, () => 1 + random.nextInteger(5));
      const trace = (length: number) => Array.from({ length }, () => -9 * random.next());
      return Array.from({ length: n }, () => lengths.map(trace));
    };
    /** L_SSFT (3), and the matching it is over. */
    const loss = (logProbs: readonly (readonly (readonly number[])[])[]) => {
      const tags = assignTags(matchingCosts(logProbs, 3), 'matched', new RandomStream(0));
      const total = tags.reduce<number>(
        (sum, tag, j) => sum - (logProbs[tag as number]?.[j] ?? []).reduce((a, b) => a + b, 0),
        0,
      );
      return { total, tags };
    };
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 6 }), fc.integer(), (n, m, seed) => {
        const random = new RandomStream(seed);
        const logProbs = drawn(n, Math.min(m, n), random);
        const rows = random.shuffled(logProbs.map((_, i) => i));
        const columns = random.shuffled((logProbs[0] ?? []).map((_, j) => j));
        const permuted = rows.map((i) => columns.map((j) => logProbs[i]?.[j] as readonly number[]));
        const [a, b] = [loss(logProbs), loss(permuted)];
        assert.ok(near(a.total, b.total));
        assert.deepEqual(
          b.tags.map((tag) => rows[tag as number]),
          columns.map((j) => a.tags[j] as number),
        );
      }),
    );
  });

  it('controls: random σ is injective and fair, mixed has no tags', () => {
    const cost = [
      [0, 9, 9],
      [9, 0, 9],
      [9, 9, 0],
      [9, 9, 9],
    ];
    assert.deepEqual(assignTags(cost, 'matched', new RandomStream(1)), [0, 1, 2]);
    assert.deepEqual(assignTags(cost, 'mixed', new RandomStream(1)), [null, null, null]);
    const counts = [0, 0, 0, 0];
    for (let seed = 0; seed < 2000; seed++) {
      const tags = assignTags(cost, 'random', new RandomStream(seed));
      assert.equal(new Set(tags).size, 3);
      counts[tags[0] as number] = (counts[tags[0] as number] as number) + 1;
    }
    // 500 expected each; five standard deviations are 97.
    assert.ok(
      counts.every((count) => Math.abs(count - 500) < 97),
      String(counts),
    );
    assert.deepEqual(assignTags(cost, 'random', new RandomStream(7)), assignTags(cost, 'random', new RandomStream(7)));
  });

  it('weighs the trace, and the answer where asked, never the prompt or the tag', () => {
    const lengths = { prompt: 2, tag: 4, trace: 3, answer: 2 };
    assert.deepEqual([...ssftSequenceWeights(lengths, 8)], [0, 0, 0, 0, 0, 0, 0.125, 0.125, 0.125, 0, 0]);
    assert.deepEqual([...ssftSequenceWeights(lengths, 8, 2)].slice(-2), [0.25, 0.25]);
  });
});
