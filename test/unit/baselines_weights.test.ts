import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type GrpoSample, grpoUpdate } from '../../src/engine/baselines/grpo.ts';
import { type Candidate, selectRejectionSamples } from '../../src/engine/baselines/rejection_sampling.ts';
import { sftTokenWeight } from '../../src/engine/baselines/sft.ts';

describe('SFT', () => {
  it('is the mean over completion tokens, however the batch is cut', () => {
    assert.equal(sftTokenWeight([3, 5, 2]), 0.1);
    assert.throws(() => sftTokenWeight([0, 0]), /no completion token/);
  });
});

describe('rejection sampling', () => {
  const good = (text: string, partial: Partial<Candidate> = {}): Candidate => ({
    text,
    tokens: text.length,
    correct: true,
    finished: true,
    leaksAnswer: false,
    ...partial,
  });

  it('keeps what is correct, finished and not leaking, once each, the shortest first', () => {
    const candidates = [
      good('aaaa bb'),
      good('wrong', { correct: false }),
      good('The answer is 4', { leaksAnswer: true }),
      good('cut off', { finished: false }),
      good('aaaa  bb\n'),
      good('c'),
      good('dd'),
    ];
    assert.deepEqual(selectRejectionSamples(candidates, 2), [5, 6]);
    assert.deepEqual(selectRejectionSamples(candidates, 9), [0, 5, 6]);
    assert.deepEqual(selectRejectionSamples(candidates, 0), []);
  });

  it('never trains on anything else, never on more than asked', () => {
    const candidate = fc.record({
      text: fc.constantFrom('a', 'a ', 'b', 'c d', 'c  d'),
      tokens: fc.nat(3),
      correct: fc.boolean(),
      finished: fc.boolean(),
      leaksAnswer: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(candidate), fc.nat(3), (candidates, most) => {
        const chosen = selectRejectionSamples(candidates, most).map((i) => candidates[i] as Candidate);
        assert.ok(chosen.length <= most);
        assert.ok(chosen.every((c) => c.correct && c.finished && !c.leaksAnswer));
        assert.equal(new Set(chosen.map((c) => c.text.trim().replace(/\s+/g, ' '))).size, chosen.length);
      }),
    );
  });
});

describe('GRPO with a 0/1 verifier', () => {
  const settings = { beta: 0, epsilon: 1e-4, lengthNormalisation: 'sequence' } as const;
  const sample = (
    correct: boolean | null,
    logProbs: number[],
    referenceLogProbs: number[] | null = null,
  ): GrpoSample => ({
    correct,
    logProbs,
    referenceLogProbs,
  });

  it('lifts right completions and lowers wrong ones, each completion with the same total weight', () => {
    const updates = grpoUpdate(
      [sample(true, [-1]), sample(false, [-1, -1]), sample(false, [-1, -1, -1, -1])],
      settings,
      2,
    );
    // mean 1/3, sample standard deviation 1/√3.
    const unit = 1 / (Math.sqrt(1 / 3) + 1e-4);
    const close = (a: number | undefined, b: number) => assert.ok(Math.abs((a ?? Number.NaN) - b) < 1e-12, `${a} ${b}`);
    close(updates[0]?.advantage, (2 / 3) * unit);
    close(updates[1]?.advantage, (-1 / 3) * unit);
    close(updates[0]?.tokenWeights[0], ((2 / 3) * unit) / 6);
    assert.deepEqual(
      updates.map((u) => u.tokenWeights.length),
      [1, 2, 4],
    );
    close(updates[2]?.tokenWeights[3], ((-1 / 3) * unit) / 6 / 4);
    close(
      updates.flatMap((u) => u.tokenWeights).reduce((a, b) => a + b, 0),
      0,
    );
  });

  it('without length normalisation every token of a question weighs its advantage alike', () => {
    const updates = grpoUpdate(
      [sample(true, [-1]), sample(false, [-1, -1])],
      { ...settings, lengthNormalisation: 'none' },
      1,
    );
    assert.equal(updates[1]?.tokenWeights[0], (updates[1]?.advantage as number) / 2);
  });

  it('teaches nothing when all are right, all wrong, or none could be judged', () => {
    for (const correct of [true, false, null]) {
      const updates = grpoUpdate([sample(correct, [-1]), sample(correct, [-2])], settings, 1);
      assert.ok(updates.every((u) => u.advantage === 0 && u.tokenWeights[0] === 0));
    }
    assert.throws(() => grpoUpdate([sample(true, [-1])], settings, 1), /K = 1/);
  });

  it('its KL term is the gradient of −β·k3, zero at the reference', () => {
    const k3 = (logProb: number, reference: number) => Math.exp(reference - logProb) - (reference - logProb) - 1;
    fc.assert(
      fc.property(
        fc.double({ min: -4, max: -0.1, noNaN: true }),
        fc.double({ min: -4, max: -0.1, noNaN: true }),
        (p, q) => {
          const h = 1e-5;
          const slope = (-0.3 * (k3(p + h, q) - k3(p - h, q))) / (2 * h);
          // Two equal rewards: no advantage, KL alone; the scale is 1/(N·K·|o|) = 1/2.
          const [update] = grpoUpdate([sample(true, [p], [q]), sample(true, [p], [q])], { ...settings, beta: 0.3 }, 1);
          assert.ok(Math.abs((update?.tokenWeights[0] as number) - slope / 2) < 1e-6);
        },
      ),
    );
    const [same] = grpoUpdate([sample(true, [-2], [-2]), sample(true, [-1], [-1])], { ...settings, beta: 0.3 }, 1);
    assert.equal(same?.tokenWeights[0], 0);
    assert.throws(
      () => grpoUpdate([sample(true, [-2]), sample(false, [-2])], { ...settings, beta: 0.3 }, 1),
      /no reference/,
    );
  });
});
