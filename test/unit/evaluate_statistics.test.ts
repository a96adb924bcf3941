import assert from 'node:assert/strict';
import fc from 'fast-check';
import { RandomStream } from '../../src/engine/common/random.ts';
import {
  bootstrapInterval,
  clopperPearsonInterval,
  majorityVote,
  mcNemarExact,
  mean,
  pairedInterval,
  passAtK,
  wilsonInterval,
} from '../../src/engine/evaluate/statistics.ts';

function assertClose(actual: number, expected: number, relative: number, message = ''): void {
  assert.ok(
    Math.abs(actual - expected) <= relative * Math.max(Math.abs(expected), 1e-300),
    `${actual} is not ${expected} ${message}`,
  );
}

describe('evaluate: votes and pass@k', function () {
  this.timeout(60_000);
  it('the majority wins, of several the first seen, and silence is no vote', () => {
    assert.equal(majorityVote(['1', '2', '2']), '2');
    assert.equal(majorityVote(['3', '1', '1', '3', '2']), '3');
    assert.equal(majorityVote([null, null, '4', null]), '4');
    assert.equal(majorityVote([null]), null);
    assert.equal(majorityVote([]), null);
    assert.equal(majorityVote(['__proto__', 'x', '__proto__']), '__proto__');
  });

  it('pass@k is the share of k-subsets with a right answer in them, for every n ≤ 8', () => {
    for (let n = 1; n <= 8; n++) {
      for (let c = 0; c <= n; c++) {
        for (let k = 1; k <= n; k++) {
          let subsets = 0;
          let passed = 0;
          for (let mask = 0; mask < 1 << n; mask++) {
            if (mask.toString(2).replaceAll('0', '').length !== k) continue;
            subsets++;
            if (mask & ((1 << c) - 1)) passed++;
          }
          assert.ok(Math.abs(passAtK(n, c, k) - passed / subsets) < 1e-12, `n ${n} c ${c} k ${k}`);
        }
      }
    }
    assert.ok(Number.isFinite(passAtK(100_000, 10, 50_000)));
    for (const [n, c, k] of [
      [4, 5, 1],
      [4, 1, 5],
      [4, 1, 0],
      [4, -1, 1],
      [4, 1, 1.5],
    ] as const)
      assert.throws(() => passAtK(n, c, k), RangeError);
  });

  it('mean', () => assert.equal(mean([1, 2, 6]), 3));
});

describe('evaluate: McNemar, exact', function () {
  this.timeout(60_000);
  it("equals SciPy's binomtest", () => {
    const expected: [fixed: number, broken: number, p: number][] = [
      [0, 0, 1],
      [5, 5, 1],
      [1, 9, 0.021484375],
      [10, 2, 0.03857421875],
      [3, 0, 0.25],
      [0, 12, 0.00048828125],
      [1000, 1100, 0.03072070786424249],
      [50000, 50500, 0.11547629006868594],
      [49000, 51000, 2.5887160383468943e-10],
      [0, 1000, 1.8665272370064378e-301],
    ];
    for (const [fixed, broken, p] of expected)
      assertClose(mcNemarExact(fixed, broken), p, 1e-8, `(${fixed}, ${broken})`);
  });

  it('is symmetric, within [0, 1], smaller the more one-sided, and never overflows', () => {
    fc.assert(
      fc.property(fc.nat(100_000), fc.nat(100_000), (fixed, broken) => {
        const p = mcNemarExact(fixed, broken);
        assert.equal(p, mcNemarExact(broken, fixed));
        assert.ok(p >= 0 && p <= 1);
        if (fixed > 0 && fixed <= broken) assert.ok(mcNemarExact(fixed - 1, broken + 1) <= p + 1e-12);
      }),
    );
    assert.equal(mcNemarExact(0, 100_000), 0);
    assert.equal(mcNemarExact(50_000, 50_000), 1);
  });

  it('is the share of sign patterns at least as one-sided, counted out for every n ≤ 12', () => {
    for (let n = 1; n <= 12; n++) {
      for (let fixed = 0; fixed <= n; fixed++) {
        let extreme = 0;
        for (let mask = 0; mask < 1 << n; mask++) {
          const ones = mask.toString(2).replaceAll('0', '').length;
          if (Math.abs(ones - n / 2) >= Math.abs(fixed - n / 2)) extreme++;
        }
        assertClose(mcNemarExact(fixed, n - fixed), extreme / 2 ** n, 1e-12);
      }
    }
  });
});

describe('evaluate: intervals', function () {
  this.timeout(60_000);
  it("Wilson's equals SciPy's", () => {
    const expected: [right: number, n: number, lo: number, hi: number][] = [
      [0, 10, 0, 0.27753279986288926],
      [1, 10, 0.017876213095072896, 0.4041500267952385],
      [7, 10, 0.39677814746114526, 0.892208732593699],
      [10, 10, 0.7224672001371109, 1],
      [500, 1319, 0.35327959828036465, 0.4055728342066042],
      [3, 120, 0.008538174769902224, 0.07093003332786608],
      [1, 1, 0.20654931437723745, 1],
    ];
    for (const [right, n, lo, hi] of expected) {
      const interval = wilsonInterval(right, n);
      assertClose(interval[0], lo, 1e-12);
      assertClose(interval[1], hi, 1e-12);
    }
    assert.deepEqual(wilsonInterval(0, 0), [0, 1]);
  });

  it('the bootstrap is the same for the same seed, another for another', () => {
    const differences = Array.from({ length: 200 }, (_, i) => (i % 5 === 0 ? 1 : i % 7 === 0 ? -1 : 0));
    const interval = (seed: number) => bootstrapInterval(differences, new RandomStream(seed));
    assert.deepEqual(interval(1), interval(1));
    assert.notDeepEqual(interval(1), interval(2));
  });

  it('the bootstrap interval agrees with the normal approximation where that holds', () => {
    const n = 1319;
    const differences = Array.from({ length: n }, (_, i) => (i < 240 ? 1 : i < 340 ? -1 : 0));
    const centre = mean(differences);
    const deviation = Math.sqrt(mean(differences.map((d) => (d - centre) ** 2)) / n);
    const [lo, hi] = bootstrapInterval(differences, new RandomStream(7));
    assert.ok(Math.abs(lo - (centre - 1.96 * deviation)) < 0.1 * deviation, `${lo}`);
    assert.ok(Math.abs(hi - (centre + 1.96 * deviation)) < 0.1 * deviation, `${hi}`);
    const [narrowLo, narrowHi] = bootstrapInterval(differences, new RandomStream(7), { confidence: 0.5 });
    assert.ok(lo < narrowLo && narrowLo < narrowHi && narrowHi < hi);
  });

  it('the bootstrap interval holds the mean and stays within the values', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(-1, 0, 1), { minLength: 1, maxLength: 40 }),
        fc.integer(),
        (differences, seed) => {
          const [lo, hi] = bootstrapInterval(differences, new RandomStream(seed), { resamples: 1000 });
          assert.ok(lo <= hi && lo >= Math.min(...differences) && hi <= Math.max(...differences));
          assert.ok(lo <= mean(differences) + 1e-9 && hi >= mean(differences) - 1e-9);
          const flipped = bootstrapInterval(
            differences.map((d) => -d),
            new RandomStream(seed),
            { resamples: 1000 },
          );
          assert.ok(Math.abs(flipped[0] + hi) < 1e-12 && Math.abs(flipped[1] + lo) < 1e-12);
        },
      ),
      { numRuns: 50 },
    );
    assert.throws(() => bootstrapInterval([], new RandomStream(1)), RangeError);
  });

  it("Clopper and Pearson's equals SciPy's", () => {
    const expected: [right: number, n: number, lo: number, hi: number][] = [
      [7, 10, 0.3475471499399921, 0.9332604888222655],
      [0, 4, 0, 0.6023646356164858],
      [4, 4, 0.3976353643835142, 1],
      [40, 1000, 0.028727625285890804, 0.05407269681936851],
      [300, 5000, 0.0535757563114333, 0.06694367225235068],
    ];
    for (const [right, n, lo, hi] of expected) {
      const interval = clopperPearsonInterval(right, n);
      assertClose(interval[0], lo, 1e-10);
      assertClose(interval[1], hi, 1e-10);
    }
  });

  it('of a difference holds 0 wherever the exact test says chance, holds the difference, and turns round with the sides', () => {
    const counts = fc.tuple(fc.nat(30), fc.nat(30), fc.nat(200)).filter(([f, b, same]) => f + b + same > 0);
    fc.assert(
      fc.property(counts, fc.integer(), ([fixed, broken, same], seed) => {
        const n = fixed + broken + same;
        const differences = [...Array(fixed).fill(1), ...Array(broken).fill(-1), ...Array(same).fill(0)] as number[];
        const of = (signs: number[], f: number, b: number) =>
          pairedInterval(f, b, n, bootstrapInterval(signs, new RandomStream(seed), { resamples: 1000 }));
        const [lo, hi] = of(differences, fixed, broken);
        assert.ok(lo <= (fixed - broken) / n + 1e-9 && hi >= (fixed - broken) / n - 1e-9);
        if (mcNemarExact(fixed, broken) > 0.05 + 1e-9)
          assert.ok(lo <= 1e-12 && hi >= -1e-12, `${fixed} ${broken} ${lo} ${hi}`);
        const flipped = of(
          differences.map((d) => -d),
          broken,
          fixed,
        );
        assert.ok(Math.abs(flipped[0] + hi) < 1e-9 && Math.abs(flipped[1] + lo) < 1e-9);
      }),
      { numRuns: 100 },
    );
    assert.deepEqual(
      pairedInterval(0, 0, 20, [0, 0]).map((x) => Number(x.toFixed(4))),
      [-0.1611, 0.1611],
      'no question that changed is no certainty',
    );
  });
});
