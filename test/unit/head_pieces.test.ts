import { strict as assert } from 'node:assert';
import { pieceSizes } from '../../src/engine/graph/chunked_head.ts';
import { headName, headPieces, headViews } from '../../src/engine/model/head_pieces.ts';
import { LanguageModel } from '../../src/engine/model/language_model.ts';
import { type PromptGroup, predictTokens } from '../../src/engine/model/packing.ts';
import { randomWeights, tinyConfig } from '../support/model_fixtures.ts';

describe('pieces of the output head', () => {
  it('are together the vocabulary, and rows of their probabilities are an odd number of cache lines', () => {
    for (const vocabulary of [49_152, 32_768, 128_000, 131_072]) {
      const sizes = pieceSizes(vocabulary);
      assert.equal(sizes.length, 2);
      assert.equal(
        sizes.reduce((sum, size) => sum + size, 0),
        vocabulary,
      );
      for (const size of sizes) assert.equal((size / 16) % 2, 1);
    }
    for (const vocabulary of [6400, 50_257, 151_936]) assert.deepEqual(pieceSizes(vocabulary), [vocabulary]);
  });

  it('are views of the weights: what is changed there is changed in them', () => {
    const config = tinyConfig('llama', { vocab_size: 1024 });
    const weights = randomWeights(config, 1);
    const views = headViews(config, weights);
    const head = weights.get(headName(config))!;
    const joined = headPieces(config).flatMap(({ name }) => [...views.get(name)!.data]);
    assert.deepEqual(joined, [...head.data]);
    head.data[head.data.length - 1] = 7;
    assert.equal(views.get(headPieces(config)[1]!.name)!.data.at(-1), 7);
  });

  it('score and pull as the whole head does', async () => {
    // Above 8192 tokens the head goes in chunks; 9216 is nine pages of numbers, 9217 is not.
    const config = tinyConfig('llama', { vocab_size: 9216 });
    const weights = randomWeights(config, 2);
    const ids = Array.from({ length: 12 }, (_, i) => (i * 2011 + 9000) % 9216);
    const groups: PromptGroup[] = [
      { prompt: [1, 2, 3], continuations: [{ ids, predictions: predictTokens(ids, 0.5) }] },
    ];
    const options = { device: 'cpu', threads: 1 } as const;
    const whole = new LanguageModel(config, weights, null, 'all-weights', options);
    const cut = new LanguageModel(config, weights, null, 'nothing', options);
    const expected = (await whole.step(groups)).scores.flat(2);
    const scores = (await cut.score(groups)).flat(2);
    assert.equal(scores.length, ids.length);
    scores.forEach((score, i) => {
      assert.ok(Math.abs(score - expected[i]!) < 1e-5, `${score} is not ${expected[i]}`);
    });
    await whole.dispose();
    await cut.dispose();
  });
});
