/** Learned rows beside a frozen vocabulary: they change nothing until used, learn by the right gradient, and survive every file. */
import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { RandomStream } from '../../src/engine/common/random.ts';
import { type Adapter, checkAdapterAgainst, loadAdapter, saveAdapter } from '../../src/engine/model/adapter.ts';
import { addedRowShapes, addedRowsName, appendRows, initialiseAddedRows } from '../../src/engine/model/added_tokens.ts';
import { type ModelConfig, readModelConfig } from '../../src/engine/model/config.ts';
import { KeyValueCache } from '../../src/engine/model/kv_cache.ts';
import { LanguageModel } from '../../src/engine/model/language_model.ts';
import { mergeAdapter } from '../../src/engine/model/merge_adapter.ts';
import { saveModelFolder } from '../../src/engine/model/model_folder.ts';
import { type PromptGroup, predictTokens } from '../../src/engine/model/packing.ts';
import { drawToken } from '../../src/engine/model/token_sampler.ts';
import { Tokenizer } from '../../src/engine/model/tokenizer.ts';
import { loadWeights } from '../../src/engine/model/weights.ts';
import { bindAdapter } from '../../src/engine/training/policy.ts';
import { expectLatroError } from '../support/expect_latro_error.ts';
import { temporaryFolder } from '../support/model_fixtures.ts';
import { requireShared } from '../support/shared_folder.ts';
import { writeTinyFolder } from '../support/tiny_folder.ts';
import { TINY_CONFIG, tinyAdapter, tinyWeights } from '../support/tiny_model.ts';

const CPU = { device: 'cpu', threads: 1 } as const;
const TEXTS = ['<think1>', '<think2>', '<think3>'];
const V = TINY_CONFIG.vocabSize;
const CONFIGS: Record<string, ModelConfig> = { tied: TINY_CONFIG, untied: { ...TINY_CONFIG, tiedHead: false } };

/** The tiny adapter with random rows, as far from the frozen ones as those are from each other. */
function withRows(config: ModelConfig, seed = 1, texts = TEXTS): Adapter {
  const { config: lora, tensors } = tinyAdapter(seed, config);
  const random = new RandomStream(seed, 7);
  const rows = [...addedRowShapes(config, texts.length)].map(([name, shape]) => {
    const data = Float32Array.from({ length: shape[0]! * shape[1]! }, () => 0.4 * random.nextNormal());
    return [name, { shape, data }] as const;
  });
  return {
    config: lora,
    addedTokens: { texts, firstId: config.vocabSize },
    tensors: new Map([...tensors, ...rows]),
  };
}

const model = (config: ModelConfig, adapter: Adapter, trainable: 'adapter' | 'nothing' = 'nothing'): LanguageModel =>
  new LanguageModel(config, tinyWeights(1, config), bindAdapter(config, adapter), trainable, CPU);
const logitsOf = (of: LanguageModel, ids: readonly number[]): Promise<Float32Array> =>
  of.extend(new KeyValueCache(of.config, 1), [ids], 0);
const group = (prompt: number[], ...continuations: number[][]): PromptGroup => ({
  prompt,
  continuations: continuations.map((ids) => ({ ids, predictions: predictTokens(ids) })),
});
const furthest = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  assert.equal(a.length, b.length);
  return Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
};

for (const [head, config] of Object.entries(CONFIGS)) {
  describe(`tokens added to a model with a head that is ${head}`, () => {
    const plain = model(config, tinyAdapter(1, config));
    const extended = model(config, withRows(config), 'adapter');
    after(async () => {
      await plain.dispose();
      await extended.dispose();
    });

    it('leave the logits of every other token as they were, bit for bit', () =>
      fc.assert(
        fc.asyncProperty(fc.array(fc.integer({ min: 0, max: V - 1 }), { minLength: 1, maxLength: 9 }), async (ids) => {
          const [before, after] = [await logitsOf(plain, ids), await logitsOf(extended, ids)];
          assert.equal(after.length, V + TEXTS.length);
          assert.deepEqual(after.subarray(0, V), before);
        }),
        { numRuns: 15 },
      ));

    it('take a share of the probability, and that alone', async () => {
      const logits = await logitsOf(extended, [4, 9, 11]);
      const mass = (values: Float32Array): number => values.reduce((sum, value) => sum + Math.exp(value), 0);
      const share = Math.log(mass(logits)) - Math.log(mass(logits.subarray(0, V)));
      const [[before]] = (await plain.score([group([4, 9, 11], [5])])) as [[number[]]];
      const [[after]] = (await extended.score([group([4, 9, 11], [5])])) as [[number[]]];
      assert.ok(share > 0.01, `${share}`);
      assert.ok(Math.abs(before[0]! - after[0]! - share) < 1e-5);
    });

    it('are scored alike in packed groups, on a cache, and as rows of the weights themselves', async () => {
      const adapter = withRows(config);
      const grown = appendRows(config, tinyWeights(1, config), adapter.tensors);
      const lora = { ...adapter, addedTokens: undefined, tensors: tinyAdapter(1, config).tensors };
      const whole = new LanguageModel(grown.config, grown.weights, bindAdapter(config, lora), 'nothing', CPU);
      const token = fc.integer({ min: 0, max: V + TEXTS.length - 1 });
      await fc.assert(
        fc.asyncProperty(
          fc.array(token, { minLength: 2, maxLength: 5 }),
          fc.array(token, { minLength: 1, maxLength: 4 }),
          async (prompt, ids) => {
            const [[packed]] = (await extended.score([group(prompt, ids)])) as [[number[]]];
            const [[expected]] = (await whole.score([group(prompt, ids)])) as [[number[]]];
            const cache = new KeyValueCache(config, 1);
            await extended.extend(cache, [prompt], 0);
            cache.truncate(0, prompt.length - 1);
            const [cached] = await extended.scoreOnCache(cache, [[prompt.at(-1)!, ...ids]], [ids.length], 0);
            assert.ok(furthest(packed, expected) < 1e-5, `${packed} ${expected}`);
            assert.ok(furthest(cached!, expected) < 1e-5, `${cached} ${expected}`);
          },
        ),
        { numRuns: 15 },
      );
      await whole.dispose();
    });

    it('learn by the gradient of the objective, at every one of their numbers', async () => {
      // One prompt and two continuations hold an added token; all predictions have them in the softmax.
      const batch = [group([3, V + 1, 4], [V, 6, 7], [8, V + 2]), group([5], [V + 1, 9])];
      const { gradients } = await extended.step(batch);
      for (const name of addedRowShapes(config, TEXTS.length).keys()) {
        const gradient = gradients.get(name)!;
        const { data } = extended.parameters.get(name)!;
        const scale = Math.max(...gradient.map(Math.abs));
        assert.ok(scale > 0.05, `${name} ${scale}`);
        for (let i = 0; i < data.length; i++) {
          const start = data[i]!;
          const lossAt = async (value: number): Promise<number> => {
            data[i] = value;
            return (await extended.step(batch)).loss;
          };
          const numeric = ((await lossAt(start + 0.004)) - (await lossAt(start - 0.004))) / 0.008;
          data[i] = start;
          assert.ok(Math.abs(numeric - gradient[i]!) < 5e-3 * scale, `${name}[${i}]: ${numeric} ${gradient[i]}`);
        }
      }
    });

    it('need a reference model of their own', async () => {
      await assert.rejects(extended.score([group([3], [4])], { policy: 'reference' }), /score the reference model/);
    });

    it('begin at the mean of their pieces with a tenth of its size as noise; the seed decides', () => {
      const wide = { ...config, hiddenSize: 2048, layers: 0 };
      const weights = tinyWeights(3, wide);
      const pieces: Record<string, number[]> = { '<think1>': [4, 7, 7], '<think2>': [4, 7, 7], '<think3>': [] };
      const start = (seed: number) => initialiseAddedRows(wide, weights, TEXTS, (text) => pieces[text]!, seed);
      assert.deepEqual(start(1), start(1));
      for (const [name, { shape, data }] of start(1)) {
        assert.deepEqual(shape, [3, 2048]);
        const tables = {
          [addedRowsName('input')]: 'model.embed_tokens.weight',
          [addedRowsName('output')]: 'lm_head.weight',
        };
        const table = weights.get(tables[name]!)!.data;
        const rms = (values: readonly number[]): number => Math.hypot(...values) / Math.sqrt(values.length);
        TEXTS.forEach((text, i) => {
          const ids = pieces[text]!.length > 0 ? pieces[text]! : Array.from({ length: wide.vocabSize }, (_, id) => id);
          const mean = Array.from(
            { length: 2048 },
            (_, j) => ids.reduce((sum, id) => sum + table[id * 2048 + j]!, 0) / ids.length,
          );
          const noise = mean.map((value, j) => data[i * 2048 + j]! - value);
          // Of 2048 draws: five standard errors.
          assert.ok(Math.abs(rms(noise) / rms(mean) - 0.1) < 0.008, `${rms(noise) / rms(mean)}`);
        });
        assert.notDeepEqual(data.slice(0, 2048), data.slice(2048, 4096));
        assert.notDeepEqual(data, start(2).get(name)!.data);
      }
    });
  });
}

describe('drawing with added tokens', () => {
  const logits = fc.array(fc.double({ min: -8, max: 8, noNaN: true }), { minLength: 4, maxLength: 12 });
  const settings = fc.record({
    temperature: fc.constantFrom(0, 0.7, 1),
    topP: fc.constantFrom(0.6, 1),
    topK: fc.constantFrom(0, 3),
  });

  it('leaves them out where they are not to be drawn, and draws the others as if they were not there', () =>
    fc.assert(
      fc.property(logits, settings, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (values, how, u) => {
        const all = Float32Array.from(values);
        const below = all.length - 2;
        const drawn = drawToken(all, 0, all.length, { ...how, drawnBelow: below }, u);
        const among = drawToken(all.slice(0, below), 0, below, how, u);
        assert.equal(drawn.id, among.id);
        // The probability is of the whole vocabulary, as scoring gives it.
        const inverse = 1 / (how.temperature || 1);
        const mass = all.reduce((sum, value) => sum + Math.exp(value * inverse), 0);
        assert.ok(Math.abs(drawn.logProb - (all[drawn.id]! * inverse - Math.log(mass))) < 1e-9);
      }),
    ));

  it('draws them where they may be drawn', () => {
    const drawn = drawToken(Float32Array.of(0, 1, 9), 0, 3, { temperature: 1, topP: 1, topK: 0 }, 0.5);
    assert.equal(drawn.id, 2);
  });
});

describe('files with added tokens', () => {
  const folder = temporaryFolder();
  const at = (name: string): string => join(folder.path, name);
  const jsonOf = async (...path: string[]) =>
    JSON.parse(await readFile(join(folder.path, ...path), 'utf8')) as Record<string, unknown>;

  for (const [head, config] of Object.entries(CONFIGS)) {
    it(`an adapter of a model with a head that is ${head} comes back from disk as it was, in PEFT's own terms`, async () => {
      const adapter = withRows(config);
      await saveAdapter(at(head), adapter);
      const { tensors, ...rest } = await loadAdapter(at(head));
      checkAdapterAgainst(config, { tensors, ...rest });
      assert.deepEqual(
        { ...rest, tensors: new Map([...tensors].sort()) },
        { ...adapter, tensors: new Map([...adapter.tensors].sort()) },
      );
      const ids = [V, V + 1, V + 2];
      const { trainable_token_indices: indices } = await jsonOf(head, 'adapter_config.json');
      assert.deepEqual(indices, head === 'tied' ? { embed_tokens: ids } : { embed_tokens: ids, lm_head: ids });
      assert.deepEqual(await jsonOf(head, 'added_tokens.json'), {
        '<think1>': V,
        '<think2>': V + 1,
        '<think3>': V + 2,
      });
      const rows = [...tensors.keys()].filter((name) => !name.includes('lora'));
      const delta = (module: string) => `base_model.model.${module}.token_adapter.trainable_tokens_delta`;
      assert.deepEqual(
        rows.sort(),
        (head === 'tied' ? ['model.embed_tokens'] : ['lm_head', 'model.embed_tokens']).map(delta),
      );
    });
  }

  it('an adapter is refused for another vocabulary, and without the names of its tokens', async () => {
    const larger = { ...TINY_CONFIG, vocabSize: V + 1 };
    await expectLatroError(
      () => checkAdapterAgainst(larger, withRows(TINY_CONFIG)),
      'adapter-mismatch',
      `${V}`,
      `${V + 1}`,
    );
    await saveAdapter(at('nameless'), withRows(TINY_CONFIG));
    await rm(at('nameless/added_tokens.json'));
    await expectLatroError(() => loadAdapter(at('nameless')), 'adapter-mismatch', 'trainable_token_indices');
    await writeFile(at('nameless/added_tokens.json'), JSON.stringify({ a: V, b: V + 2, c: V + 1, d: V + 3 }));
    const other = await loadAdapter(at('nameless'));
    assert.deepEqual(other.addedTokens, { texts: ['a', 'c', 'b'], firstId: V });
  });

  it('a merged export has V + N rows, a tokenizer that knows the tokens, and the logits of the adapter', async () => {
    const { config, weights } = await writeTinyFolder(at('model'));
    const adapter = withRows(config, 2);
    await saveModelFolder(
      at('merged'),
      at('model'),
      mergeAdapter(config, weights, adapter),
      'F32',
      adapter.addedTokens,
    );

    const grown = await readModelConfig(at('merged'));
    assert.equal(grown.vocabSize, config.vocabSize + 3);
    const tokenizer = await Tokenizer.load(at('merged'));
    tokenizer.checkAgainst(grown);
    const ids = tokenizer.encode('How<think3> many<think1>', { addSpecialTokens: false });
    assert.deepEqual(
      ids.filter((id) => id >= config.vocabSize),
      [config.vocabSize + 2, config.vocabSize],
    );
    assert.equal(tokenizer.decode(ids), 'How<think3> many<think1>');
    assert.deepEqual((await jsonOf('merged', 'tokenizer_config.json')).added_tokens_decoder !== undefined, true);

    const merged = new LanguageModel(grown, await loadWeights(at('merged'), grown), null, 'nothing', CPU);
    const adapted = new LanguageModel(config, weights, bindAdapter(config, adapter), 'nothing', CPU);
    const [a, b] = [await logitsOf(merged, ids), await logitsOf(adapted, ids)];
    assert.ok(furthest(a, b) < 1e-5, `${furthest(a, b)}`);
    await merged.dispose();
    await adapted.dispose();
    await expectLatroError(
      () => saveModelFolder(at('again'), at('merged'), new Map(), 'F32', { texts: ['<think2>'], firstId: 383 }),
      'model-mismatch',
    );
    await expectLatroError(
      () => Tokenizer.load(at('merged'), { texts: ['<think2>'], firstId: 383 }),
      'tokenizer-mismatch',
      '<think2>',
    );
  });

  for (const [name, vocabulary] of [
    ['qwen2_5', 151936],
    ['minimind2-small', 6400],
  ] as const) {
    it(`${name}: a tag is one token wherever it stands, and other texts are what they were`, async function () {
      const path = requireShared(this, 'tokenizers', name);
      const added = { texts: TEXTS, firstId: vocabulary };
      const [plain, extended] = [await Tokenizer.load(path), await Tokenizer.load(path, added)];
      const encode = (by: Tokenizer, text: string): number[] => by.encode(text, { addSpecialTokens: false });
      for (const [i, text] of TEXTS.entries()) {
        assert.deepEqual(encode(extended, text), [vocabulary + i]);
        assert.equal(extended.idOf(text), vocabulary + i);
        assert.equal(extended.decode([vocabulary + i]), text);
        assert.ok(encode(plain, text).length > 1);
      }
      for (const text of ['Is 3 < 4? <think> <think 1> <thinker1>', 'Ünïcödé <b>1</b>\n']) {
        assert.deepEqual(encode(extended, text), encode(plain, text));
      }
    });
  }
});
