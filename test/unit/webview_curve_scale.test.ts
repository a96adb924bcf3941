/** The vertical scale of the dashboard's curves can be read, whatever values a run has. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { shownRange, tickLabels, ticksBetween } from '../../webview/curve_scale.ts';

/** As uPlot does it: the smallest of its steps that has the room it was asked for. */
function stepOf(low: number, high: number, most: number): number {
  const steps = Array.from({ length: 40 }, (_, i) => i - 20).flatMap((n) => [1, 2, 2.5, 5].map((m) => m * 10 ** n));
  return steps.find((step) => (high - low) / step <= most)!;
}

const scaleOf = (values: readonly number[], share: boolean) => {
  const [low, high] = shownRange(Math.min(...values), Math.max(...values), share);
  const ticks = ticksBetween(low, high, stepOf(low, high, 3));
  return { low, high, ticks, labels: tickLabels(ticks, share) };
};

/** Three digits tell two ticks apart wherever their distance is drawn at all. */
const LONGEST = '−9.99·10⁻¹⁰';

describe('the scale of a curve', () => {
  const sizes = fc.constantFrom(1e-9, 1e-6, 1e-4, 1e-3, 1e-2, 0.1, 1, 10, 1e3, 1e6);
  const spreads = fc.constantFrom(0, 1e-12, 1e-4, 1e-3, 1e-2, 0.1, 1, 2);
  const values = fc
    .tuple(sizes, spreads, fc.boolean(), fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1 }))
    .map(([size, spread, isNegative, at]) => at.map((each) => (isNegative ? -1 : 1) * size * (1 - spread * each)));
  const shares = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 5 });

  const assertReadable = (of: readonly number[], share: boolean) => {
    const { low, high, ticks, labels } = scaleOf(of, share);
    assert.ok(of.every((value) => value >= low && value <= high));
    const slack = 1e-6 * (high - low);
    assert.ok(ticks.every((tick) => tick >= low - slack && tick <= high + slack));
    assert.ok(ticks.length >= 2 && ticks.length <= 6, `${ticks}`);
    assert.equal(new Set(labels).size, labels.length, `${labels}`);
    assert.ok(
      labels.every((label) => label.length <= LONGEST.length),
      `${labels}`,
    );
  };

  it('has at least two ticks within it, told apart by their labels', () => {
    const examples: [number[]][] = [
      [[0]],
      [[0, 0, 0]],
      [[3.2]],
      [[-2.5, -2.5]],
      [[-0.0008, 0.0009]],
      [[5e-324]],
      [[-9.98e-10, -1e-9]],
    ];
    fc.assert(
      fc.property(values, (of) => assertReadable(of, false)),
      { examples },
    );
  });

  it('of fractions shows two points at least and nothing above 100 %', () => {
    fc.assert(
      fc.property(shares, (of) => {
        assertReadable(of, true);
        assert.ok(scaleOf(of, true).high <= 1);
      }),
      { examples: [[[0]], [[1]], [[0.0004]], [[0.5, 0.5]]] },
    );
  });

  it('reads as one would write it', () => {
    assert.deepEqual(scaleOf([-0.0008, 0.0008], false).labels, ['−0.0005', '0.0000', '0.0005']);
    assert.deepEqual(scaleOf([0, 0, 0], false).labels, ['0.0', '0.2', '0.4']);
    assert.deepEqual(scaleOf([3.2], false).labels, ['3.00', '3.25', '3.50']);
    assert.deepEqual(scaleOf([1, 1], true).labels, ['96 %', '98 %', '100 %']);
    assert.deepEqual(scaleOf([4e-7], false).labels, ['3.6·10⁻⁷', '3.8·10⁻⁷', '4.0·10⁻⁷', '4.2·10⁻⁷', '4.4·10⁻⁷']);
  });
});
