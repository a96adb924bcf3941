/** Invariants of the one primitive: how sequences are batched, shared or split changes no number. */
import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { KeyValueCache } from '../../src/engine/model/kv_cache.ts';
import { LanguageModel } from '../../src/engine/model/language_model.ts';
import { type PromptGroup, planMicroBatches, predictTokens } from '../../src/engine/model/packing.ts';
import { bindAdapter, TINY_CONFIG, tinyAdapter, tinyModel, tinyWeights } from '../support/tiny_model.ts';

const token = fc.integer({ min: 3, max: TINY_CONFIG.vocabSize - 1 });
const group: fc.Arbitrary<PromptGroup> = fc.record({
  prompt: fc.array(token, { minLength: 1, maxLength: 7 }),
  continuations: fc.array(
    fc.array(token, { minLength: 1, maxLength: 6 }).chain((ids) =>
      fc
        .array(fc.double({ min: -2, max: 2, noNaN: true }), { minLength: ids.length, maxLength: ids.length })
        .map((weights) => ({
          ids,
          predictions: ids.map((target, at) => ({ at, target, weight: Math.fround(weights[at]!) })),
        })),
    ),
    { minLength: 1, maxLength: 4 },
  ),
});
const groups = fc.array(group, { minLength: 1, maxLength: 4 });

const close = (a: number, b: number, tolerance = 2e-4): boolean =>
  Math.abs(a - b) <= tolerance * Math.max(1, Math.abs(a), Math.abs(b));

function assertClose(
  actual: readonly number[] | Float32Array,
  expected: readonly number[] | Float32Array,
  what: string,
): void {
  assert.equal(actual.length, expected.length, what);
  actual.forEach((value, i) => {
    assert.ok(close(value, expected[i]!), `${what}[${i}]: ${value} is not ${expected[i]}`);
  });
}

describe('language model', () => {
  let model: LanguageModel;
  let adapted: LanguageModel;
  before(() => {
    model = tinyModel('all-weights');
    adapted = tinyModel('adapter');
  });
  after(async () => {
    await model.dispose();
    await adapted.dispose();
  });

  it('accumulation over any micro-batches equals the big batch', () =>
    fc.assert(
      fc.asyncProperty(groups, fc.integer({ min: 1, max: 60 }), async (batch, tokenBudget) => {
        const whole = await adapted.step(batch, { tokenBudget: 10_000 });
        const pieces = await adapted.step(batch, { tokenBudget });
        assert.ok(close(whole.loss, pieces.loss), `${whole.loss} ${pieces.loss}`);
        assertClose(pieces.scores.flat(2), whole.scores.flat(2), 'scores');
        for (const [name, gradient] of whole.gradients) assertClose(pieces.gradients.get(name)!, gradient, name);
      }),
      { numRuns: 15 },
    ));

  it('continuations that share a prompt score as if each stood alone', () =>
    fc.assert(
      fc.asyncProperty(groups, async (batch) => {
        const shared = await model.score(batch);
        for (const [g, { prompt, continuations }] of batch.entries()) {
          for (const [k, continuation] of continuations.entries()) {
            const [[alone]] = (await model.score([{ prompt, continuations: [continuation] }])) as [[number[]]];
            assertClose(shared[g]![k]!, alone, `group ${g}, continuation ${k}`);
          }
        }
      }),
      { numRuns: 15 },
    ));

  it('scoring on the cache equals scoring from scratch', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.tuple(fc.array(token, { minLength: 2, maxLength: 9 }), fc.array(token, { minLength: 1, maxLength: 5 })),
          { minLength: 1, maxLength: 4 },
        ),
        async (pairs) => {
          const cache = new KeyValueCache(TINY_CONFIG, pairs.length);
          await model.extend(
            cache,
            pairs.map(([prompt]) => prompt),
            0,
          );
          pairs.forEach(([prompt], row) => {
            cache.truncate(row, prompt.length - 1);
          });
          const onCache = await model.scoreOnCache(
            cache,
            pairs.map(([prompt, answer]) => [prompt.at(-1)!, ...answer]),
            pairs.map(([, answer]) => answer.length),
            0,
          );
          const scratch = await model.score(
            pairs.map(([prompt, ids]) => ({ prompt, continuations: [{ ids, predictions: predictTokens(ids) }] })),
          );
          assertClose(onCache.flat(), scratch.flat(2), 'log-probabilities');
        },
      ),
      { numRuns: 20 },
    ));

  it('the reference policy is the model without its adapter', async () => {
    const base = tinyModel('nothing');
    const batch = [{ prompt: [3, 4], continuations: [{ ids: [5, 6, 7], predictions: predictTokens([5, 6, 7]) }] }];
    assertClose(
      (await adapted.score(batch, { policy: 'reference' })).flat(2),
      (await base.score(batch)).flat(2),
      'reference',
    );
    assert.notDeepEqual(await adapted.score(batch), await adapted.score(batch, { policy: 'reference' }));
    await base.dispose();
  });

  it('layers computed once more in the backward pass give the same gradients', async () => {
    for (const trainable of ['adapter', 'all-weights'] as const) {
      const weights = tinyWeights(1);
      const bound = trainable === 'adapter' ? bindAdapter(tinyAdapter(1)) : null;
      const options = { device: 'cpu', threads: 1 } as const;
      const kept = new LanguageModel(TINY_CONFIG, weights, bound, trainable, options);
      const recomputed = new LanguageModel(TINY_CONFIG, weights, bound, trainable, { ...options, recompute: true });
      await fc.assert(
        fc.asyncProperty(groups, async (batch) => {
          const [expected, actual] = [await kept.step(batch), await recomputed.step(batch)];
          assertClose([actual.loss, ...actual.scores.flat(2)], [expected.loss, ...expected.scores.flat(2)], 'scores');
          assert.equal(actual.gradients.size, expected.gradients.size);
          for (const [name, gradient] of expected.gradients) assertClose(actual.gradients.get(name)!, gradient, name);
        }),
        { numRuns: 5 },
      );
      await kept.dispose();
      await recomputed.dispose();
    }
  });

  it('the same call gives the same bits', async () => {
    const batch = [{ prompt: [3, 4, 9], continuations: [{ ids: [5, 6, 7], predictions: predictTokens([5, 6, 7]) }] }];
    const [first, second] = [await model.step(batch), await model.step(batch)];
    assert.equal(first.loss, second.loss);
    for (const [name, gradient] of first.gradients) assert.deepEqual(second.gradients.get(name), gradient, name);
  });
});

describe('micro-batch plan', () => {
  it('places every continuation exactly once, within the budget where one continuation allows it', () =>
    fc.assert(
      fc.property(groups, fc.integer({ min: 1, max: 100 }), (batch, budget) => {
        const seen = batch.map(({ continuations }) => continuations.map(() => 0));
        for (const pieces of planMicroBatches(batch, budget)) {
          const sizes = new Set(pieces.map((piece) => piece.group.continuations.length));
          assert.equal(sizes.size, 1, 'one K per micro-batch');
          const prompt = Math.max(...pieces.map((piece) => piece.group.prompt.length));
          const suffix = Math.max(...pieces.flatMap((piece) => piece.group.continuations.map(({ ids }) => ids.length)));
          const [perGroup] = sizes as unknown as Iterable<number>;
          const tokens = pieces.length * (prompt + perGroup! * suffix);
          assert.ok(
            tokens <= budget || (pieces.length === 1 && perGroup === 1),
            `${tokens} tokens for a budget of ${budget}`,
          );
          for (const { source, offset, group: piece } of pieces) {
            piece.continuations.forEach((continuation, k) => {
              assert.equal(continuation, batch[source]!.continuations[offset + k]);
              seen[source]![offset + k]!++;
            });
          }
        }
        assert.ok(seen.flat().every((count) => count === 1));
      }),
    ));

  it('groups of like length share a micro-batch, so that nothing is spent on padding where lengths allow it', () => {
    const group = (length: number): PromptGroup => {
      const ids = Array.from({ length }, () => 5);
      return { prompt: [3, 4, 9], continuations: [ids, ids].map((one) => ({ ids: one, predictions: [] })) };
    };
    // In the order given, a short and a long one would fit into a micro-batch together.
    const mixed = Array.from({ length: 8 }, (_, i) => group(i % 2 === 0 ? 5 : 50));
    const plan = planMicroBatches(mixed, 250);
    const padded = plan.reduce((sum, pieces) => {
      const longest = Math.max(
        ...pieces.flatMap(({ group: { continuations } }) => continuations.map((c) => c.ids.length)),
      );
      return sum + pieces.length * (3 + 2 * longest);
    }, 0);
    assert.equal(padded, 4 * (3 + 2 * 5) + 4 * (3 + 2 * 50));
    assert.equal(plan.length, 3, 'as few micro-batches as the budget allows');
  });
});

describe('dropout in adapters', () => {
  const batch: PromptGroup[] = [
    {
      prompt: [3, 4, 9],
      continuations: [
        [5, 6, 7],
        [8, 9],
      ].map((ids) => ({ ids, predictions: predictTokens(ids) })),
    },
    {
      prompt: [11],
      continuations: [
        [5, 12, 7],
        [8, 9],
      ].map((ids) => ({ ids, predictions: predictTokens(ids, -0.5) })),
    },
  ];
  const withDropout = (dropout: number, recompute = false): LanguageModel => {
    const adapter = tinyAdapter(1);
    const bound = bindAdapter({ ...adapter, config: { ...adapter.config, dropout } });
    return new LanguageModel(TINY_CONFIG, tinyWeights(1), bound, 'adapter', { device: 'cpu', threads: 1, recompute });
  };

  it('layers computed twice have the same masks both times', async () => {
    const [kept, again] = [withDropout(0.4), withDropout(0.4, true)];
    const [expected, actual] = [await kept.step(batch, { dropoutKey: 5 }), await again.step(batch, { dropoutKey: 5 })];
    assertClose(actual.scores.flat(2), expected.scores.flat(2), 'scores');
    for (const [name, gradient] of expected.gradients) assertClose(actual.gradients.get(name)!, gradient, name);
    await kept.dispose();
    await again.dispose();
  });

  it('masks follow from key, question and position: splitting the batch changes nothing', async () => {
    const model = withDropout(0.4);
    const whole = await model.step(batch, { dropoutKey: 5, tokenBudget: 1000 });
    const pieces = await model.step(batch, { dropoutKey: 5, tokenBudget: 1 });
    assertClose(pieces.scores.flat(2), whole.scores.flat(2), 'scores');
    for (const [name, gradient] of whole.gradients) assertClose(pieces.gradients.get(name)!, gradient, name);
    const other = await model.step(batch, { dropoutKey: 6, tokenBudget: 1000 });
    assert.notDeepEqual(other.scores, whole.scores);
    await model.dispose();
  });

  it('scoring and sampling never drop; the gradient is that of the dropped model', async () => {
    const [model, plain] = [withDropout(0.3), withDropout(0)];
    assert.deepEqual(await model.score(batch), await plain.score(batch));
    const { gradients } = await model.step(batch, { dropoutKey: 5 });
    const name = 'base_model.model.model.layers.1.mlp.down_proj.lora_B.weight';
    const { data } = model.parameters.get(name)!;
    const index = gradients
      .get(name)!
      .reduce((best, value, i, all) => (Math.abs(value) > Math.abs(all[best]!) ? i : best), 0);
    const start = data[index]!;
    const lossAt = async (value: number): Promise<number> => {
      data[index] = value;
      return (await model.step(batch, { dropoutKey: 5 })).loss;
    };
    const numeric = ((await lossAt(start + 0.02)) - (await lossAt(start - 0.02))) / 0.04;
    assert.ok(close(numeric, gradients.get(name)![index]!, 1e-2), `${numeric} ${gradients.get(name)![index]}`);
    await model.dispose();
    await plain.dispose();
  });
});
