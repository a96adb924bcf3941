import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { LatroError } from '../../src/engine/common/errors.ts';
import {
  clipAdvantages,
  groupNormalisedAdvantages,
  initialFilterState,
  leaveOneOutAdvantages,
  leaveOneOutBaseline,
  standardDeviation,
  standardDeviationFilter,
} from '../../src/engine/latro/advantage.ts';
import { klPenalty } from '../../src/engine/latro/kl.ts';
import { isFinished, questionMinimum } from '../../src/engine/latro/truncation.ts';

function near(actual: number | null | undefined, expected: number, tolerance = 1e-12): void {
  assert.ok(Math.abs((actual ?? Number.NaN) - expected) <= tolerance, `${actual} is not ${expected}`);
}
// Adding 0 turns −0 into 0, which deepEqual tells apart.
const reward = fc.double({ min: -50, max: 5, noNaN: true }).map((value) => value + 0);
const rewards = fc.array(reward, { minLength: 2, maxLength: 16 });

describe('leave-one-out advantages', () => {
  it('have the measured vector of algorithms.md §8.2', () => {
    [4, 2.66667, 0, -6.66667].forEach((a, k) => {
      near(leaveOneOutAdvantages([-1, -2, -4, -9])[k], a, 5e-6);
    });
  });

  it('sum to 0 per question, equal both forms of eq. 4, and are exactly 0 for equal rewards', () => {
    fc.assert(
      fc.property(rewards, (r) => {
        const advantages = leaveOneOutAdvantages(r);
        near(
          advantages.reduce((a, b) => a + b, 0),
          0,
          1e-10,
        );
        const mean = r.reduce((a, b) => a + b, 0) / r.length;
        r.forEach((value, k) => {
          near(advantages[k], (r.length / (r.length - 1)) * (value - mean), 1e-10);
          near(leaveOneOutBaseline(r)[k], value - (advantages[k] as number), 1e-12);
        });
        assert.deepEqual(
          leaveOneOutAdvantages(r.map(() => r[0] as number)),
          r.map(() => 0),
        );
      }),
    );
  });

  it('leave unscored rationales out of their siblings’ baseline', () => {
    assert.deepEqual(leaveOneOutAdvantages([-1, null, -3]), [2, 0, -2]);
    assert.deepEqual(leaveOneOutBaseline([-1, null, -3]), [-3, null, -1]);
    assert.deepEqual(leaveOneOutAdvantages([-1, null]), [0, 0]);
  });

  it('refuse K = 1 by saying why and what to do', () => {
    for (const few of [[], [-1]]) {
      assert.throws(
        () => leaveOneOutAdvantages(few),
        (e: LatroError) => e.code === 'config-invalid' && /K = [01]/.test(e.reason) && /K = 2/.test(e.nextStep),
      );
    }
  });

  it('do not depend on the order of rationales, bit for bit', () => {
    fc.assert(
      fc.property(rewards, fc.infiniteStream(fc.nat()), (r, keys) => {
        const order = r.map((_, k) => [keys.next().value as number, k] as const).sort((a, b) => a[0] - b[0]);
        const advantages = leaveOneOutAdvantages(r);
        const permuted = leaveOneOutAdvantages(order.map(([, k]) => r[k] as number));
        assert.deepEqual(
          permuted,
          order.map(([, k]) => advantages[k]),
        );
      }),
    );
  });
});

describe('rescaled advantages', () => {
  it('are clipped to ±limit in units of their spread', () => {
    const advantages = leaveOneOutAdvantages([-1, -2, -4, -9]);
    const spread = standardDeviation(advantages);
    assert.deepEqual(clipAdvantages([2 * spread, -3 * spread, 0.5 * spread], spread), [1, -1, 0.5]);
    assert.deepEqual(clipAdvantages([2 * spread, -3 * spread], spread, 2.5), [2, -2.5]);
  });

  it('do not blow rounding noise up into a signal', () => {
    const noise = leaveOneOutAdvantages([-1, -1 + 1e-9]);
    assert.deepEqual(clipAdvantages(noise, standardDeviation(noise)), [0, 0]);
  });

  it('GRPO: right against wrong, and nothing when all agree', () => {
    const advantages = groupNormalisedAdvantages([1, 0, 0, 0], 0);
    near(advantages[0], 0.75 / 0.5);
    near(advantages[1], -0.25 / 0.5);
    assert.deepEqual(groupNormalisedAdvantages([1, 1, null]), [0, 0, 0]);
    assert.deepEqual(groupNormalisedAdvantages([0, 0, 0]), [0, 0, 0]);
  });
});

describe("RLPR's standard-deviation filter", () => {
  const settings = { factor: 0.5, decay: 0.9, fromStep: 3 };

  it('waits, then drops what varies less than half the moving average', () => {
    let { keep, state } = standardDeviationFilter(initialFilterState, [0, 2], settings);
    assert.deepEqual(keep, [true, true]);
    near(state.average, 1);
    ({ keep, state } = standardDeviationFilter(state, [0, 0], settings));
    assert.deepEqual(keep, [true, true]);
    near(state.average, 0.9);
    ({ keep, state } = standardDeviationFilter(state, [0.44, 0.46, 5], settings));
    assert.deepEqual(keep, [false, true, true]);
    assert.equal(state.steps, 3);
    near(state.average, 0.9 * 0.9 + 0.1 * (5.9 / 3));
  });

  it('continues bit for bit from a state that went through JSON', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.double({ min: 0, max: 9, noNaN: true }), { maxLength: 4 }), { maxLength: 8 }),
        (steps) => {
          let state = initialFilterState;
          let stored = initialFilterState;
          for (const spreads of steps) {
            const through = standardDeviationFilter(JSON.parse(JSON.stringify(stored)), spreads, settings);
            const direct = standardDeviationFilter(state, spreads, settings);
            assert.deepEqual(through, direct);
            state = direct.state;
            stored = through.state;
          }
        },
      ),
    );
  });
});

describe('truncation', () => {
  it('a rationale finishes by stopping, after the minimum length', () => {
    assert.equal(isFinished('end-token', 8, 8), true);
    assert.equal(isFinished('stop-phrase', 7, 8), false);
    assert.equal(isFinished('length', 500, 8), false);
    assert.equal(isFinished('stop-phrase', 0, 0), true);
  });

  it('costs more than the worst finished rationale; none finished gives one value for all', () => {
    assert.equal(questionMinimum([-1, -5, -0.5], [true, true, false], 2), -7);
    assert.equal(questionMinimum([-1, -5], [false, false], 2), -7);
  });
});

describe('KL', () => {
  it('is exactly 0 where policy and reference are the same numbers', () => {
    fc.assert(
      fc.property(fc.array(fc.float({ min: -20, max: 0, noNaN: true })), (logProbs) => {
        const total = logProbs.reduce((a, b) => a + b, 0);
        assert.equal(klPenalty(0.05, total, total), 0);
      }),
    );
  });

  it('is scaled by β, and needs no reference at β = 0', () => {
    near(klPenalty(0.25, -3, -4.5), 0.375);
    assert.equal(klPenalty(0, -3, null), 0);
    assert.throws(() => klPenalty(0.05, -3, null), /no reference/);
  });
});
