/**
 * The float16 programs on the CPU provider, which widens what an operator reads and rounds only some of what it writes: this tests that the
 * graphs are sound. test/webgpu/float16.test.ts runs them where products and sums are float16 too.
 */
import { strict as assert } from 'node:assert';
import { loraScale, targetedModules } from '../../src/engine/model/adapter.ts';
import { addedRowsName } from '../../src/engine/model/added_tokens.ts';
import type { BoundAdapter } from '../../src/engine/model/bound_tensors.ts';
import type { ModelConfig } from '../../src/engine/model/config.ts';
import { generate } from '../../src/engine/model/generate.ts';
import { LanguageModel } from '../../src/engine/model/language_model.ts';
import { predictTokens } from '../../src/engine/model/packing.ts';
import { createOptimizer } from '../../src/engine/optimize/create_optimizer.ts';
import { halfModel, halved } from '../support/half_model.ts';
import { tinyConfig } from '../support/model_fixtures.ts';
import { TINY_GROUPS, tinyAdapter, tinyWeights } from '../support/tiny_model.ts';

/** Relative 2-norms. Measured: 1e-3 and 2e-3, gradients 1.3e-2 where norms go over heads of four numbers. */
const TOLERANCE = 6e-3;
const GRADIENTS = 3e-2;

const CASES: Readonly<Record<string, ModelConfig>> = {
  'llama, tied': tinyConfig('llama', { tie_word_embeddings: true }),
  qwen2: tinyConfig('qwen2'),
  qwen3: tinyConfig('qwen3'),
  phi3: tinyConfig('phi3', { head_dim: 8, partial_rotary_factor: 0.5 }),
  'mistral, sliding window': tinyConfig('mistral', { sliding_window: 5 }),
};

function adapterOf(config: ModelConfig, dropout = 0): BoundAdapter {
  const adapter = tinyAdapter(1, config);
  const modules = new Set(targetedModules(config, adapter.config).map(({ module }) => module));
  return { shape: { rank: 3, modules, dropout }, tensors: adapter.tensors, scale: loraScale(adapter.config) };
}

function error(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  assert.equal(actual.length, expected.length);
  let [difference, norm] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    difference += (actual[i]! - expected[i]!) ** 2;
    norm += expected[i]! ** 2;
  }
  return Math.sqrt(difference / norm);
}

function assertNear(actual: ArrayLike<number>, expected: ArrayLike<number>, what: string, limit = TOLERANCE): void {
  const found = error(actual, expected);
  assert.ok(found <= limit, `${what}: off by ${found}`);
}

const allOf = (gradients: ReadonlyMap<string, Float32Array>): number[] =>
  [...gradients.values()].flatMap((gradient) => [...gradient]);

describe('float16', () => {
  for (const [name, config] of Object.entries(CASES)) {
    it(`of ${name}: log-probabilities, gradients and cached scores are those of float32 within its digits`, async () => {
      const weights = tinyWeights(1, config);
      const options = { device: 'cpu', threads: 1 } as const;
      const whole = new LanguageModel(config, weights, adapterOf(config), 'adapter', options);
      const half = halfModel(config, weights, adapterOf(config), 'cpu');
      assertNear((await half.score(TINY_GROUPS)).flat(2), (await whole.score(TINY_GROUPS)).flat(2), 'log π');
      const reference = { policy: 'reference' } as const;
      assertNear(
        (await half.score(TINY_GROUPS, reference)).flat(2),
        (await whole.score(TINY_GROUPS, reference)).flat(2),
        'log π_0',
      );
      for (const tokenBudget of [1000, 7]) {
        const [actual, expected] = [
          await half.step(TINY_GROUPS, { tokenBudget }),
          await whole.step(TINY_GROUPS, { tokenBudget }),
        ];
        assertNear([actual.loss], [expected.loss], 'loss');
        assert.deepEqual([...actual.gradients.keys()], [...expected.gradients.keys()]);
        assertNear(allOf(actual.gradients), allOf(expected.gradients), 'gradients', GRADIENTS);
      }
      const seen: number[][] = [];
      for (const model of [half, whole]) {
        const cache = model.newCache(2);
        const logits = [...(await model.extend(cache, [[3, 9, 4, 17], [8]], 60))];
        for (let i = 0; i < 8; i++) logits.push(...(await model.extend(cache, [[3 + i], [5, 6]], 60)));
        seen.push([
          ...logits,
          ...(
            await model.scoreOnCache(
              cache,
              [
                [7, 8, 9],
                [3, 4],
              ],
              [2, 1],
              60,
            )
          ).flat(),
        ]);
        cache.dispose();
      }
      assertNear(seen[0]!, seen[1]!, 'logits and scores on the cache');
      await half.dispose();
      await whole.dispose();
    });
  }

  it('recomputation and dropout are those of float32 too', async () => {
    const config = CASES['llama, tied']!;
    const weights = tinyWeights(1, config);
    for (const recompute of [false, true]) {
      const options = { device: 'cpu', threads: 1, recompute } as const;
      const whole = new LanguageModel(config, weights, adapterOf(config, 0.2), 'adapter', options);
      const half = halfModel(config, weights, adapterOf(config, 0.2), 'cpu', recompute);
      const [actual, expected] = [
        await half.step(TINY_GROUPS, { dropoutKey: 3 }),
        await whole.step(TINY_GROUPS, { dropoutKey: 3 }),
      ];
      assertNear(allOf(actual.gradients), allOf(expected.gradients), 'gradients', GRADIENTS);
      await half.dispose();
      await whole.dispose();
    }
  });

  it('added tokens stay float32 beside the table', async () => {
    const config = CASES['llama, tied']!;
    const bound = adapterOf(config);
    const rows = { shape: [2, config.hiddenSize], data: new Float32Array(2 * config.hiddenSize).fill(0.1) };
    const tensors = new Map([...bound.tensors, [addedRowsName('input'), rows] as const]);
    const adapter: BoundAdapter = { ...bound, tensors, shape: { ...bound.shape, addedRows: 2 } };
    const weights = tinyWeights(1, config);
    const whole = new LanguageModel(config, weights, adapter, 'adapter', { device: 'cpu', threads: 1 });
    const half = halfModel(config, weights, adapter, 'cpu');
    const ids = [config.vocabSize, 5, config.vocabSize + 1];
    const groups = [{ prompt: [3], continuations: [{ ids, predictions: predictTokens(ids) }] }];
    const [actual, expected] = [await half.step(groups), await whole.step(groups)];
    assertNear(actual.scores.flat(2), expected.scores.flat(2), 'log π');
    assertNear(allOf(actual.gradients), allOf(expected.gradients), 'gradients', GRADIENTS);
    await half.dispose();
    await whole.dispose();
  });

  it('samples, and scores on the cache what scoring from scratch gives', async () => {
    const config = CASES.qwen2!;
    const half = halfModel(config, tinyWeights(1, config), adapterOf(config), 'cpu');
    const settings = {
      temperature: 1,
      topP: 1,
      topK: 0,
      maxTokens: 6,
      maxAnswerTokens: 0,
      maxRows: 4,
    };
    const request = { prompt: [3, 4, 5], keys: [1, 2, 3], answer: [7, 2] };
    const [question] = await generate(half, [request], { ...settings, stopTokenIds: new Set([2]) }, () => ({
      push: () => null,
    }));
    for (const { ids, logProbs, answerLogProbs } of question!.samples) {
      const all = [...ids, ...request.answer];
      const scored = await half.score([
        { prompt: request.prompt, continuations: [{ ids: all, predictions: predictTokens(all) }] },
      ]);
      assertNear([...logProbs.slice(0, ids.length), ...answerLogProbs], scored.flat(2), 'log π', 2e-3);
    }
    await half.dispose();
  });

  it('a loss scale changes nothing but what would vanish or overflow on the way', async () => {
    const config = CASES['llama, tied']!;
    const half = halfModel(config, tinyWeights(1, config), adapterOf(config), 'cpu');
    const usual = await half.step(TINY_GROUPS);
    for (const lossScale of [2 ** -8, 4]) {
      const { gradients } = await half.step(TINY_GROUPS, { lossScale });
      assertNear(allOf(gradients), allOf(usual.gradients), `gradients at ${lossScale}`, 1e-3);
    }
    await half.dispose();
  });

  it('a gradient too large for float16 is taken once more, smaller on its way', async () => {
    const config = CASES['llama, tied']!;
    const half = halfModel(config, tinyWeights(1, config), adapterOf(config), 'cpu');
    const optimizer = createOptimizer(half, { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0 });
    const { norm } = await optimizer.gradient(TINY_GROUPS, {});
    const scales: (number | undefined)[] = [];
    const gradient = half.gradient.bind(half);
    half.gradient = async (groups, sink, options = {}) => {
      scales.push(options.lossScale);
      // Beyond float32 as well, which is what the CPU computes in.
      const first = scales.length === 1;
      return gradient(groups, sink, first ? { ...options, lossScale: 2 ** 120 } : options);
    };
    const again = await optimizer.gradient(TINY_GROUPS, {});
    assert.deepEqual(scales, [undefined, 2 ** -8]);
    assert.ok(Math.abs(again.norm - norm) <= 1e-4 * norm, `${again.norm} is not ${norm}`);
    await optimizer.dispose();
    await half.dispose();
  });

  it('is refused for weights of another precision, and for training all of them', () => {
    const config = CASES['llama, tied']!;
    const weights = tinyWeights(1, config);
    const options = { device: 'cpu', threads: 1, precision: 'float16' } as const;
    assert.throws(
      () => new LanguageModel(config, weights, null, 'nothing', options),
      /is float32 in a model of precision float16/,
    );
    const float32 = { ...options, precision: 'float32' } as const;
    assert.throws(
      () => new LanguageModel(config, halved(weights), null, 'nothing', float32),
      /is float16 in a model of precision float32/,
    );
  });
});
