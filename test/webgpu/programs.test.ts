/**
 * The programs on a GPU against the same programs on the CPU. Tolerance: 1e-4 of the largest value of a tensor; measured with Chromium's
 * software driver 1e-5 and less. Both add float32 numbers up, in another order.
 */
import { strict as assert } from 'node:assert';
import { RandomStream } from '../../src/engine/common/random.ts';
import { GraphBuilder } from '../../src/engine/graph/graph_builder.ts';
import { initialiseAdapter, loraScale, targetedModules } from '../../src/engine/model/adapter.ts';
import type { TensorMap } from '../../src/engine/model/bound_tensors.ts';
import { type ModelConfig, parameterShapes } from '../../src/engine/model/config.ts';
import type { Trainable } from '../../src/engine/model/decoder_graph.ts';
import { type GenerateSettings, generate } from '../../src/engine/model/generate.ts';
import { LanguageModel } from '../../src/engine/model/language_model.ts';
import { predictTokens } from '../../src/engine/model/packing.ts';
import { createOptimizer } from '../../src/engine/optimize/create_optimizer.ts';
import { type Device, Session } from '../../src/engine/runtime/session.ts';
import { DEVICE_UNDER_TEST, requireDevice } from '../support/devices_under_test.ts';
import { expectLatroError } from '../support/expect_latro_error.ts';
import { tinyConfig } from '../support/model_fixtures.ts';
import { TINY_GROUPS, tinyWeights } from '../support/tiny_model.ts';

const TOLERANCE = 1e-4;

interface Case {
  readonly config: ModelConfig;
  readonly trainable: Exclude<Trainable, 'nothing'>;
}
/** Every trait of an architecture, and both ways to train. */
const CASES: Readonly<Record<string, Case>> = {
  'llama with an adapter': { config: tinyConfig('llama', { tie_word_embeddings: true }), trainable: 'adapter' },
  'llama, all weights trained, tied head': {
    config: tinyConfig('llama', { tie_word_embeddings: true }),
    trainable: 'all-weights',
  },
  'qwen2 with biases, all weights trained': { config: tinyConfig('qwen2'), trainable: 'all-weights' },
  'qwen3 with norms over queries and keys, and an adapter': { config: tinyConfig('qwen3'), trainable: 'adapter' },
  'phi3 with fused projections, partly rotated, and an adapter': {
    config: tinyConfig('phi3', { head_dim: 8, partial_rotary_factor: 0.5 }),
    trainable: 'adapter',
  },
  'mistral with a sliding window, all weights trained': {
    config: tinyConfig('mistral', { sliding_window: 5 }),
    trainable: 'all-weights',
  },
};
const LLAMA = CASES['llama with an adapter']!.config;

const SETTINGS: GenerateSettings = {
  temperature: 1,
  topP: 1,
  topK: 0,
  maxTokens: 40,
  maxAnswerTokens: 0,
  stopTokenIds: new Set([2]),
  maxRows: 8,
};

function model(config: ModelConfig, trainable: Trainable, device: Device): LanguageModel {
  const options = { device, threads: 1 };
  if (trainable !== 'adapter') return new LanguageModel(config, tinyWeights(1, config), null, trainable, options);
  const lora = { rank: 3, alpha: 6, dropout: 0.1, targetModules: ['all-linear'], useRslora: false, baseModel: null };
  const adapter = initialiseAdapter(config, lora, 1);
  const random = new RandomStream(99);
  // B starts at zero, where it would hide half of what is compared.
  for (const { data } of adapter.tensors.values())
    for (let i = 0; i < data.length; i++) data[i] = random.nextNormal() / 5;
  const modules = new Set(targetedModules(config, adapter.config).map(({ module }) => module));
  const shape = { rank: 3, modules, dropout: 0.1 };
  const bound = { shape, tensors: adapter.tensors, scale: loraScale(adapter.config) };
  return new LanguageModel(config, tinyWeights(1, config), bound, trainable, options);
}

function findNonFinite(parameters: TensorMap): string[] {
  return [...parameters].filter(([, { data }]) => !data.every(Number.isFinite)).map(([name]) => name);
}

function assertClose(actual: ArrayLike<number>, expected: ArrayLike<number>, what: string): void {
  assert.equal(actual.length, expected.length, what);
  const wanted = Array.from(expected);
  const scale = Math.max(...wanted.map(Math.abs));
  wanted.forEach((value, i) => {
    assert.ok(Math.abs(actual[i]! - value) <= TOLERANCE * scale, `${what}[${i}]: ${actual[i]} is not ${value}`);
  });
}

describe(`programs on ${DEVICE_UNDER_TEST} give the numbers of the CPU`, function () {
  // However slow the machine: a software driver compiles hundreds of shaders.
  this.timeout(900_000);
  before(async function () {
    await requireDevice(this);
  });

  for (const [name, { config, trainable }] of Object.entries(CASES)) {
    describe(name, () => {
      let here: LanguageModel;
      let there: LanguageModel;
      before(() => {
        here = model(config, trainable, 'cpu');
        there = model(config, trainable, DEVICE_UNDER_TEST);
      });
      after(async () => {
        await here.dispose();
        await there.dispose();
      });

      it('log-probabilities', async () => {
        assertClose((await there.score(TINY_GROUPS)).flat(2), (await here.score(TINY_GROUPS)).flat(2), 'log π');
        if (trainable !== 'adapter') return;
        const options = { policy: 'reference' } as const;
        assertClose(
          (await there.score(TINY_GROUPS, options)).flat(2),
          (await here.score(TINY_GROUPS, options)).flat(2),
          'log π_0',
        );
      });

      it('loss and gradients, in micro-batches too', async () => {
        for (const tokenBudget of [1000, 7]) {
          const options = { dropoutKey: 5, tokenBudget };
          const [actual, expected] = [await there.step(TINY_GROUPS, options), await here.step(TINY_GROUPS, options)];
          assertClose([actual.loss], [expected.loss], 'loss');
          for (const [parameter, gradient] of expected.gradients)
            assertClose(actual.gradients.get(parameter)!, gradient, parameter);
        }
      });

      it('an update in place is seen by every program', async () => {
        for (const changed of [here, there]) {
          for (const { data } of changed.parameters.values())
            for (let i = 0; i < data.length; i++) data[i] = data[i]! * 1.1;
          await changed.parametersChanged();
        }
        assertClose((await there.score(TINY_GROUPS)).flat(2), (await here.score(TINY_GROUPS)).flat(2), 'log π');
      });

      it('logits over a cache that grows, is reordered, cut and copied', async () => {
        const logits: number[][] = [];
        const scores: number[][] = [];
        for (const [side, tested] of [here, there].entries()) {
          const cache = tested.newCache(2);
          const seen = [...(await tested.extend(cache, [[3, 9, 4, 17], [8]], 60))];
          await cache.select([1, 0, 0]);
          // Past the first block of the cache.
          for (let i = 0; i < 33; i++) seen.push(...(await tested.extend(cache, [[3 + (i % 7)], [4], [5, 6]], 60)));
          cache.truncate(2, 3);
          const part = await cache.extract([2, 0]);
          const scored = await tested.scoreOnCache(
            part,
            [
              [7, 8, 9],
              [3, 4],
            ],
            [2, 1],
            60,
          );
          // Scoring leaves a cache as it was.
          seen.push(...(await tested.extend(part, [[7, 8], [3]], 60)));
          part.dispose();
          cache.dispose();
          logits[side] = seen;
          scores[side] = scored.flat();
        }
        assertClose(logits[1]!, logits[0]!, 'logits');
        assertClose(scores[1]!, scores[0]!, 'log π on the cache');
      });
    });
  }

  for (const name of ['llama with an adapter', 'qwen2 with biases, all weights trained']) {
    it(`clips, steps and continues AdamW: ${name}`, async () => {
      const { config, trainable } = CASES[name]!;
      const settings = { beta1: 0.9, beta2: 0.99, epsilon: 1e-3, weightDecay: 0.1 };
      const found = [];
      for (const device of ['cpu', DEVICE_UNDER_TEST] as const) {
        const tested = model(config, trainable, device);
        const optimizer = createOptimizer(tested, settings);
        const norms: number[] = [];
        for (const [dropoutKey, limit] of [null, 0.5, 100].entries()) {
          const { norm } = await optimizer.gradient(TINY_GROUPS, {
            dropoutKey,
            tokenBudget: dropoutKey === 1 ? 7 : 1000,
          });
          assert.deepEqual(findNonFinite(await optimizer.update(0.01, limit)), []);
          norms.push(norm);
        }
        // A checkpoint: what was read is what another optimizer goes on from.
        const again = createOptimizer(tested, settings);
        await again.restore(optimizer.updates, await optimizer.moments());
        await optimizer.dispose();
        await again.gradient(TINY_GROUPS, { dropoutKey: 9 });
        await again.update(0.01, null);
        const parameters = await tested.currentParameters();
        found.push({ norms, updates: again.updates, parameters, moments: await again.moments() });
        await again.dispose();
        await tested.dispose();
      }
      const [expected, actual] = found;
      assert.equal(actual!.updates, 4);
      assertClose(actual!.norms, expected!.norms, 'norms');
      for (const [parameter, { data }] of expected!.parameters) {
        assertClose(actual!.parameters.get(parameter)!.data, data, parameter);
        assertClose(
          actual!.moments.get(parameter)!.first,
          expected!.moments.get(parameter)!.first,
          `m of ${parameter}`,
        );
        assertClose(
          actual!.moments.get(parameter)!.second,
          expected!.moments.get(parameter)!.second,
          `v of ${parameter}`,
        );
      }
    });
  }

  it('an update sends tokens, masks and positions, fetches log-probabilities, norms and last hidden states: nothing else crosses', async () => {
    const { layers, keyValueHeads, hiddenSize, headDim } = LLAMA;
    const half = headDim / 2;
    const widest = Math.max(...[...parameterShapes(LLAMA).values()].map((shape) => shape[1] ?? 0));
    const [FLOAT, INT] = [4, 8];
    // B prompts of P tokens, R continuations of T, M predictions.
    const [B, P, R, T] = [2, 4, 6, 5];
    const M = R * T;
    const packed = FLOAT * (P * P + B * T * (P + T) + 2 * (B * P + R * T) * half + M) + INT * (B * P + R * T + 2 * M);
    const gradient = { sent: packed + FLOAT * (M + 1 + (B * P + R * T) + widest), fetched: FLOAT * M };
    const adamw = { sent: FLOAT * 5, fetched: FLOAT * 2 };
    const reference = { sent: packed, fetched: FLOAT * M };
    // One prompt, K rationales of L tokens, an answer of A; everything fits into the first block of the cache, C columns.
    const [K, L, A, C] = [3, 4, 2, 32];
    const extend = (rows: number, width: number): number =>
      FLOAT * (rows * width * (C + 2 * half) + 1) + INT * (rows * width + 3 * rows * keyValueHeads * width);
    const rearrange = (rows: number): number => INT * (rows + C);
    const draw = { sent: FLOAT * (K * (hiddenSize + 1) + 1), fetched: FLOAT * 2 * K };
    const answers = (rows: number): number => extend(rows, 1 + A) + INT * 2 * rows * A;
    const sampling = {
      sent:
        INT * 2 * layers + // sizes of the empty cache's tensors
        (extend(1, P) + INT) +
        (rearrange(1) + answers(1)) + // log π(y|x)
        rearrange(K) +
        L * draw.sent +
        (L - 1) * (extend(K, 1) + INT * K) +
        (rearrange(K) + answers(K)), // log π(y|x,z)
      fetched: FLOAT * (hiddenSize * (1 + (L - 1) * K) + A * (1 + K)) + L * draw.fetched,
    };
    const parts = [gradient, adamw, reference, sampling];

    const tested = model(LLAMA, 'adapter', DEVICE_UNDER_TEST);
    const optimizer = createOptimizer(tested, { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0 });
    const ids = (count: number): number[] => Array.from({ length: count }, (_, i) => 3 + i);
    const groups = Array.from({ length: B }, () => {
      const continuations = Array.from({ length: R / B }, () => ({
        ids: ids(T),
        predictions: predictTokens(ids(T), 0.5),
      }));
      return { prompt: ids(P), continuations };
    });
    const settings = { ...SETTINGS, maxTokens: L, stopTokenIds: new Set<number>() };
    const update = async (): Promise<void> => {
      await generate(tested, [{ prompt: ids(P), keys: [1, 2, 3], answer: ids(A) }], settings, () => ({
        push: () => null,
      }));
      await tested.score(groups, { policy: 'reference' });
      await optimizer.gradient(groups, { dropoutKey: 1 });
      await optimizer.update(0.01, 1);
    };
    await update();
    const { traffic } = tested.programs;
    const [sent, fetched] = [traffic.toDevice, traffic.toHost];
    await update();
    const sum = (side: 'sent' | 'fetched'): number => parts.reduce((total, part) => total + part[side], 0);
    assert.deepEqual(
      { sent: traffic.toDevice - sent, fetched: traffic.toHost - fetched },
      { sent: sum('sent'), fetched: sum('fetched') },
    );
    await optimizer.dispose();
    await tested.dispose();
  });

  it('samples the same rationales, and scores the same answers on the cache they leave', async () => {
    const requests = [
      { prompt: [3, 4, 5], keys: ['greedy', 1, 2, 3] as const, answer: [7, 2] },
      { prompt: [6], keys: [4, 5], answer: [9, 9, 2] },
    ];
    const sampled = [];
    for (const device of ['cpu', DEVICE_UNDER_TEST] as const) {
      const tested = model(LLAMA, 'adapter', device);
      sampled.push(await generate(tested, requests, SETTINGS, () => ({ push: () => null })));
      await tested.dispose();
    }
    const [expected, actual] = sampled.map((questions) => questions.flatMap(({ samples }) => samples));
    actual!.forEach((sample, i) => {
      const wanted = expected![i]!;
      assert.deepEqual(sample.ids, wanted.ids);
      assertClose(sample.logProbs, wanted.logProbs, 'log π(z|x)');
      assertClose(sample.answerLogProbs, wanted.answerLogProbs, 'log π(y|x,z)');
    });
    assertClose(
      sampled[1]!.flatMap((question) => question.answerLogProbsWithoutRationale),
      sampled[0]!.flatMap((question) => question.answerLogProbsWithoutRationale),
      'log π(y|x)',
    );
  });

  it('nothing but size arithmetic falls back to the CPU', async () => {
    const tested = model(LLAMA, 'adapter', DEVICE_UNDER_TEST);
    const optimizer = createOptimizer(tested, { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0 });
    await tested.score(TINY_GROUPS);
    await tested.score(TINY_GROUPS, { policy: 'reference' });
    await optimizer.gradient(TINY_GROUPS, { dropoutKey: 1, tokenBudget: 7 });
    await optimizer.update(0.01, 1);
    for (const temperature of [0, 1]) {
      const settings = { ...SETTINGS, temperature, maxTokens: 3 };
      await generate(tested, [{ prompt: [3, 4], keys: [1, 2], answer: [7] }], settings, () => ({ push: () => null }));
    }
    const cache = tested.newCache(1);
    await tested.extend(cache, [[3, 4]], 10);
    cache.dispose();
    const placements = await tested.programs.placements();
    await optimizer.dispose();
    await tested.dispose();
    const large = ['extend', 'extend-score', 'reference', 'score', 'step', 'adamw', 'squares', 'accumulate'];
    const small = ['draw', 'draw-greedy', 'logits', 'rearrange'];
    assert.deepEqual(Object.keys(placements).sort(), [...large, ...small].sort());
    for (const [program, { onDevice, fellBack }] of Object.entries(placements)) {
      assert.ok(onDevice > (large.includes(program) ? 20 : 0), program);
      assert.deepEqual(fellBack, {}, program);
    }
  });

  it('a device that is asked for more than it holds says so, and computes on', async () => {
    const graph = new GraphBuilder('zeros');
    const wanted = graph.input('size', 'int64', [1]);
    graph.output('to', graph.single('Expand', [graph.floats([0]), wanted], 'float32', ['N']));
    const session = await Session.create('zeros', graph.serialise(), { device: DEVICE_UNDER_TEST, threads: 1 });
    const zeros = (size: number) => session.run({ size: { shape: [1], data: BigInt64Array.of(BigInt(size)) } }, ['to']);
    const error = await expectLatroError(() => zeros(2 ** 33), 'device-failed');
    assert.match(error.reason, /^The device '\w+' failed in the program zeros: /);
    assert.equal((await zeros(5)).to!.length, 5);
    await session.dispose();
  });

  it('a disposed tensor names itself, and the process lives on', async () => {
    const tested = model(LLAMA, 'nothing', DEVICE_UNDER_TEST);
    const cache = tested.newCache(1);
    await tested.extend(cache, [[3, 4]], 10);
    const inputs = cache.inputs;
    cache.dispose();
    await assert.rejects(
      tested.programs.rearrange(Object.values(inputs) as never, [0], [0]),
      /The device tensor past_key\.0 was used after it was disposed/,
    );
    await tested.dispose();
  });
});
