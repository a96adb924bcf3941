/** Decoding: the fast program computes what the plain ones do, and the draw inside a program is the draw outside. */
import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { RandomStream } from '../../src/engine/common/random.ts';
import type { ModelConfig } from '../../src/engine/model/config.ts';
import { Decoder } from '../../src/engine/model/decoder.ts';
import type { Trainable } from '../../src/engine/model/decoder_graph.ts';
import { KeyValueCache } from '../../src/engine/model/kv_cache.ts';
import type { LanguageModel } from '../../src/engine/model/language_model.ts';
import { PREFILL_TOKENS, prefill } from '../../src/engine/model/prefill.ts';
import { drawToken } from '../../src/engine/model/token_sampler.ts';
import { tinyConfig } from '../support/model_fixtures.ts';
import { TINY_CONFIG, tinyModel } from '../support/tiny_model.ts';

const CONFIGS: Readonly<Record<string, ModelConfig>> = {
  llama: tinyConfig('llama', { attention_bias: true, mlp_bias: true }),
  'mistral with a window of 5': tinyConfig('mistral', { sliding_window: 5 }),
  phi3: tinyConfig('phi3'),
  'phi3, half of each head rotated': tinyConfig('phi3', { partial_rotary_factor: 0.5 }),
  qwen2: tinyConfig('qwen2', { tie_word_embeddings: true }),
  qwen3: tinyConfig('qwen3'),
};
const token = fc.integer({ min: 3, max: 19 });

/** log-softmax of a row of logits. */
function logProbability(logits: Float32Array, id: number): number {
  const greatest = Math.max(...logits);
  return logits[id]! - greatest - Math.log(logits.reduce((sum, x) => sum + Math.exp(x - greatest), 0));
}

async function decodeAll(
  model: LanguageModel,
  prompts: readonly number[][],
  tails: readonly number[][],
  promptOf: readonly number[] = tails.map((_, row) => row),
) {
  const decoder = new Decoder(model, 0);
  const promptCache = new KeyValueCache(model.config, prompts.length);
  const steps = tails[0]!.length;
  const scores = tails.map((): number[] => []);
  const width = model.config.hiddenSize;
  const after = await decoder.prefill(promptCache, prompts);
  let data: Float32Array = Float32Array.from(
    promptOf.flatMap((row) => [...after.subarray(row * width, (row + 1) * width)]),
  );
  const cache = await decoder.branch(promptCache, promptOf);
  for (let t = 0; t < steps; t++) {
    const hidden = { shape: [tails.length, width], data };
    const { logits } = await model.programs.runHead('logits', { hidden }, ['logits']);
    const size = model.vocabularySize;
    tails.forEach((ids, row) => {
      scores[row]!.push(logProbability(logits!.slice(row * size, (row + 1) * size), ids[t]!));
    });
    data = await decoder.next(
      cache,
      tails.map((ids) => ids[t]!),
    );
  }
  return scores;
}

describe('prefill', () => {
  const model = tinyModel('nothing', 2);
  after(() => model.dispose());

  it('of many prompts goes piece by piece, and leaves what all of them at once would', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(token, { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 9 }),
        fc.integer({ min: 1, max: 30 }),
        async (prompts, tokensAtOnce) => {
          const whole = new KeyValueCache(TINY_CONFIG, prompts.length);
          const expected = await model.extendHidden(whole, prompts, 0);
          const pieces = new KeyValueCache(TINY_CONFIG, prompts.length);
          const runs = await runsOf(() => prefill(model, pieces, prompts, 0, { tokensAtOnce }));

          const longest = Math.max(...prompts.map(({ length }) => length));
          assert.ok(runs.tokens.every((tokens) => tokens <= Math.max(tokensAtOnce, longest)));
          // Two neighbours that fit into one piece are in one.
          assert.ok(2 * longest > tokensAtOnce || runs.tokens.length <= Math.ceil(prompts.length / 2));
          assert.deepEqual(
            pieces.lengths,
            prompts.map(({ length }) => length),
          );
          close(runs.result, expected);
          for (const [name, { shape, data }] of Object.entries(whole.inputs)) {
            assert.deepEqual(pieces.inputs[name]!.shape, shape);
            close(pieces.inputs[name]!.data as Float32Array, data as Float32Array);
          }
        },
      ),
      { numRuns: 30 },
    ));

  it('of an evaluation computes as many tokens at once as the memory estimate counts', async () => {
    const prompts = Array.from({ length: 40 }, (_, i) => Array.from({ length: 30 + i }, () => 5));
    const { tokens } = await runsOf(() => new Decoder(model, 0).prefill(new KeyValueCache(TINY_CONFIG, 40), prompts));
    assert.ok(Math.max(...tokens) <= PREFILL_TOKENS && Math.max(...tokens) > PREFILL_TOKENS / 2, tokens.join());
  });

  /** Tokens of each run of a program meanwhile, padding included. */
  async function runsOf<T>(action: () => Promise<T>): Promise<{ readonly result: T; readonly tokens: number[] }> {
    const tokens: number[] = [];
    const { programs } = model;
    const run = programs.run;
    programs.run = (name, inputs, outputs, options) => {
      tokens.push(options.positions.length);
      return run.call(programs, name, inputs, outputs, options);
    };
    try {
      return { result: await action(), tokens };
    } finally {
      programs.run = run;
    }
  }
});

function close(found: Float32Array, expected: Float32Array): void {
  assert.equal(found.length, expected.length);
  for (let i = 0; i < found.length; i++)
    if (!(Math.abs(found[i]! - expected[i]!) < 1e-4)) assert.fail(`${i}: ${found[i]}, not ${expected[i]}`);
}

describe('decoding', () => {
  for (const [name, config] of Object.entries(CONFIGS)) {
    // All weights trainable: they are inputs; an adapter: the frozen ones are part of the program.
    for (const trainable of ['adapter', 'all-weights'] satisfies Trainable[]) {
      it(`${name}, ${trainable}: token by token as from scratch, prompts of different lengths`, async () => {
        const model = tinyModel(trainable, 2, config);
        await fc.assert(
          fc.asyncProperty(
            fc.array(
              fc.tuple(
                fc.array(token, { minLength: 1, maxLength: 8 }),
                fc.array(token, { minLength: 6, maxLength: 6 }),
              ),
              { minLength: 1, maxLength: 4 },
            ),
            async (pairs) => {
              const decoded = await decodeAll(
                model,
                pairs.map(([prompt]) => prompt),
                pairs.map(([, tail]) => tail),
              );
              const scratch = await model.score(
                pairs.map(([prompt, ids]) => ({
                  prompt,
                  continuations: [{ ids, predictions: ids.map((target, at) => ({ at, target, weight: 1 })) }],
                })),
              );
              decoded.flat().forEach((value, i) => {
                const expected = scratch.flat(2)[i]!;
                assert.ok(Math.abs(value - expected) < 1e-4 * Math.max(1, Math.abs(expected)), `${value} ${expected}`);
              });
            },
          ),
          { numRuns: 4 },
        );
        await model.dispose();
      });
    }
  }

  it('rows that share prompts decode as if each had its own', async () => {
    const model = tinyModel('adapter', 4);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(token, { minLength: 1, maxLength: 40 }), { minLength: 1, maxLength: 3 }),
        fc.array(fc.tuple(fc.nat(2), fc.array(token, { minLength: 35, maxLength: 35 })), {
          minLength: 1,
          maxLength: 6,
        }),
        async (prompts, rows) => {
          const promptOf = rows.map(([prompt]) => prompt % prompts.length);
          const tails = rows.map(([, ids]) => ids);
          const shared = await decodeAll(model, prompts, tails, promptOf);
          const alone = await decodeAll(
            model,
            promptOf.map((prompt) => prompts[prompt]!),
            tails,
          );
          shared.flat().forEach((value, i) => {
            assert.ok(Math.abs(value - alone.flat()[i]!) < 1e-4, `${value} ${alone.flat()[i]}`);
          });
        },
      ),
      { numRuns: 5 },
    );
    await model.dispose();
  });

  it('decodes with the adapter as it is when the decoder is made', async () => {
    const model = tinyModel('adapter', 3);
    const before = await decodeAll(model, [[3, 4]], [[5, 6]]);
    for (const { data } of model.parameters.values()) data.set(data.map((value) => 1.5 * value));
    const after = await decodeAll(model, [[3, 4]], [[5, 6]]);
    const predictions = [5, 6].map((target, at) => ({ at, target, weight: 1 }));
    const [[scratch]] = (await model.score([{ prompt: [3, 4], continuations: [{ ids: [5, 6], predictions }] }])) as [
      [number[]],
    ];
    assert.notDeepEqual(after, before);
    after[0]!.forEach((value, t) => {
      assert.ok(Math.abs(value - scratch[t]!) < 1e-4, `${value} ${scratch[t]}`);
    });
    await model.dispose();
  });
});

describe('drawing', () => {
  // 22 = 2 · 11 and a prime: vocabularies of several blocks, and of one.
  for (const vocabSize of [TINY_CONFIG.vocabSize, 1022]) {
    it(`draws from ${vocabSize} tokens what the distribution says`, async () => {
      const config = { ...TINY_CONFIG, vocabSize };
      const model = tinyModel('nothing', 1, config);
      const decoder = new Decoder(model, 0);
      await fc.assert(
        fc.asyncProperty(fc.nat(1e6), fc.constantFrom(0, 0.5, 1, 1.7), async (seed, temperature) => {
          const random = new RandomStream(seed);
          const rows = 5;
          const hidden = Float32Array.from({ length: rows * config.hiddenSize }, () => 2 * random.nextNormal());
          const uniforms = Array.from({ length: rows }, () => random.next());
          const settings = { temperature, topP: 1, topK: 0 };
          const drawn = await decoder.draw(hidden, settings, uniforms);
          const shaped = { shape: [rows, config.hiddenSize], data: hidden };
          const { logits } = await model.programs.runHead('logits', { hidden: shaped }, ['logits']);
          drawn.forEach(({ id, logProb }, row) => {
            const at = (uniform: number) => drawToken(logits!, row, vocabSize, settings, uniform);
            // float32 sums: a point that is nearly on the border of two tokens may fall on either side.
            const near = [-3e-6, 0, 3e-6].map((shift) => at(Math.min(Math.max(uniforms[row]! + shift, 0), 1 - 1e-9)));
            const same = near.find((one) => one.id === id);
            assert.ok(same !== undefined, `${id} instead of ${near.map((one) => one.id)}`);
            assert.ok(Math.abs(logProb - same.logProb) < 1e-5, `${logProb} ${same.logProb}`);
          });
        }),
        { numRuns: 30 },
      );
      await model.dispose();
    });
  }

  it('never draws a token without mass, at either end of the unit interval', async () => {
    const config = { ...TINY_CONFIG, vocabSize: 64, tiedHead: true };
    const model = tinyModel('nothing', 1, config);
    // Large hidden states: a few tokens hold all of the mass, most have none in float32.
    const random = new RandomStream(5);
    const uniforms = Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? 0 : 1 - 2 ** -32));
    const hidden = Float32Array.from({ length: 40 * config.hiddenSize }, () => 60 * random.nextNormal());
    const drawn = await new Decoder(model, 0).draw(hidden, { temperature: 1, topP: 1, topK: 0 }, uniforms);
    for (const { id, logProb } of drawn) {
      assert.ok(Number.isInteger(id) && id >= 0 && id < 64, `${id}`);
      assert.ok(Number.isFinite(logProb), `${logProb}`);
    }
    await model.dispose();
  });
});

describe('rows that leave a cache', () => {
  it('forgets them and keeps every other with what it holds, in the order it says', () =>
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 1, maxLength: 9 }), (stays) => {
        const shape = { layers: 2, keyValueHeads: 2, headDim: 3 };
        const cache = new KeyValueCache(shape, stays.length, 4);
        // Every number says which row it belongs to.
        const fresh = Float32Array.from({ length: stays.length * 6 }, (_, i) => Math.floor(i / 6));
        const outputs = Object.fromEntries(
          ['key', 'value'].flatMap((kind) => [0, 1].map((layer) => [`fresh_${kind}.${layer}`, fresh])),
        );
        const lengths = stays.map((_, row) => 1 + (row % 3));
        for (let t = 0; t < 3; t++)
          cache.append(
            outputs,
            1,
            lengths.map((length) => (t < length ? 1 : 0)),
          );
        const order = cache.drop([...stays.keys()].filter((row) => !stays[row]));
        assert.deepEqual(
          [...order].sort((a, b) => a - b),
          [...stays.keys()].filter((row) => stays[row]),
        );
        assert.deepEqual(
          cache.lengths,
          order.map((row) => lengths[row]),
        );
        for (const { data } of Object.values(cache.inputs)) {
          const perRow = 2 * cache.capacity * 3;
          assert.equal(data.length, order.length * perRow);
          order.forEach((row, place) => {
            for (let head = 0; head < 2; head++) {
              const start = place * perRow + head * cache.capacity * 3;
              const held = data.subarray(start, start + lengths[row]! * 3) as Float32Array;
              assert.ok(
                held.every((value) => value === row),
                `${row} at ${place}: ${held.join()}`,
              );
            }
          });
        }
      }),
    ));
});
