/** Sampling: keyed by its own seed and position alone, exact at its stops. */
import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { type GenerateSettings, generate, type StopDetector } from '../../src/engine/model/generate.ts';
import type { LanguageModel } from '../../src/engine/model/language_model.ts';
import { predictTokens } from '../../src/engine/model/packing.ts';
import { PREFILL_TOKENS } from '../../src/engine/model/prefill.ts';
import { drawToken } from '../../src/engine/model/token_sampler.ts';
import { TINY_CONFIG, tinyModel } from '../support/tiny_model.ts';

const SETTINGS: GenerateSettings = {
  temperature: 1,
  topP: 1,
  topK: 0,
  maxTokens: 12,
  maxAnswerTokens: 0,
  stopTokenIds: new Set([2]),
  maxRows: 64,
};
const never = (): StopDetector => ({ push: () => null });
/** Stops once token 5 has been followed by token 6, as a phrase of two tokens would. */
const stopAtPhrase = (): StopDetector => {
  const ids: number[] = [];
  return {
    push(id) {
      ids.push(id);
      return ids.at(-2) === 5 && id === 6 ? ids.length - 2 : null;
    },
  };
};
const token = fc.integer({ min: 3, max: TINY_CONFIG.vocabSize - 1 });

describe('generate', () => {
  let model: LanguageModel;
  before(() => {
    model = tinyModel('nothing', 3);
  });
  after(() => model.dispose());

  it('the same key gives the same rationale whatever else is in the batch', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.tuple(
            fc.array(token, { minLength: 1, maxLength: 6 }),
            fc.array(fc.nat(1000), { minLength: 1, maxLength: 3 }),
          ),
          {
            minLength: 1,
            maxLength: 4,
          },
        ),
        fc.integer({ min: 1, max: 7 }),
        async (questions, maxRows) => {
          const requests = questions.map(([prompt, keys]) => ({ prompt, keys, answer: [4, 2] }));
          const together = await generate(model, requests, { ...SETTINGS, maxRows }, never);
          for (const [q, request] of requests.entries()) {
            for (const [k, key] of request.keys.entries()) {
              const [alone] = await generate(model, [{ ...request, keys: [key] }], SETTINGS, never);
              const sample = together[q]!.samples[k]!;
              assert.deepEqual(sample.ids, alone!.samples[0]!.ids);
              sample.answerLogProbs.forEach((value, t) => {
                assert.ok(Math.abs(value - alone!.samples[0]!.answerLogProbs[t]!) < 1e-5);
              });
            }
          }
        },
      ),
      { numRuns: 10 },
    ));

  it('reports the log-probabilities that scoring finds, of rationale, answer and bare answer', async () => {
    const requests = [
      { prompt: [3, 7, 8], keys: [1, 2, 3], answer: [9, 10, 2] },
      { prompt: [11], keys: [4, 5], answer: [12, 2] },
    ];
    const results = await generate(model, requests, SETTINGS, stopAtPhrase);
    for (const [q, { samples, answerLogProbsWithoutRationale }] of results.entries()) {
      const { prompt, answer } = requests[q]!;
      const sequences = [...samples.map((sample) => [...sample.ids, ...answer]), answer];
      const [scores] = await model.score([
        { prompt, continuations: sequences.map((ids) => ({ ids, predictions: predictTokens(ids) })) },
      ]);
      const ours = [
        ...samples.map((sample) => [...sample.logProbs, ...sample.answerLogProbs]),
        answerLogProbsWithoutRationale,
      ];
      ours.forEach((row, i) => {
        assert.equal(row.length, scores![i]!.length);
        row.forEach((value, t) => {
          assert.ok(Math.abs(value - scores![i]![t]!) < 1e-5, `row ${i}, token ${t}: ${value} ${scores![i]![t]}`);
        });
      });
    }
  });

  it('scores the answers of rows that end one by one some at a time, as each alone', async () => {
    const requests = Array.from({ length: 40 }, (_, i) => ({
      prompt: [3 + (i % 9), ...Array.from({ length: i % 4 }, () => 7)],
      keys: [i],
      answer: [4, 9, 2].slice(0, 1 + (i % 3)),
    }));
    const settings = { ...SETTINGS, maxTokens: 40, bareAnswers: false };
    const { programs } = model;
    const run = programs.run;
    let runs = 0;
    programs.run = (name, inputs, outputs, options) => {
      if (name === 'extend-score') runs++;
      return run.call(programs, name, inputs, outputs, options);
    };
    const together = await generate(model, requests, settings, never).finally(() => {
      programs.run = run;
    });
    const ends = new Set(together.map(({ samples }) => samples[0]!.ids.length));
    assert.ok(ends.size > 6, `they end at ${ends.size} different tokens`);
    assert.ok(runs <= 3, `${runs} runs for 40 rows`);
    for (const [q, request] of requests.entries()) {
      const [alone] = await generate(model, [request], settings, never);
      const [sample, same] = [together[q]!.samples[0]!, alone!.samples[0]!];
      assert.deepEqual(sample.ids, same.ids);
      assert.equal(sample.answerLogProbs.length, request.answer.length);
      sample.answerLogProbs.forEach((value, t) => {
        assert.ok(Math.abs(value - same.answerLogProbs[t]!) < 1e-5, `${q}, ${t}: ${value} ${same.answerLogProbs[t]}`);
      });
    }
  });

  it("every run of every wave is in the context of a whole rationale after the longest prompt and, after it, the longest answer or the model's own", async () => {
    const { programs } = model;
    const run = programs.run;
    const contextsWith = async (answer: number): Promise<Set<number>> => {
      const contexts = new Set<number>();
      programs.run = (name, inputs, outputs, options) => {
        contexts.add(options.contextLength);
        return run.call(programs, name, inputs, outputs, options);
      };
      const requests = [
        { prompt: [3], keys: [1, 2, 3], answer: [4] },
        { prompt: [5, 6, 7], keys: [4], answer: [4] },
        { prompt: [3, 8], keys: [5], answer: new Array<number>(answer).fill(9) },
      ];
      const settings = { ...SETTINGS, maxAnswerTokens: 6, maxRows: 2 };
      await generate(model, requests, settings, never).finally(() => {
        programs.run = run;
      });
      return contexts;
    };
    const withoutAnswer = 3 + SETTINGS.maxTokens;
    assert.deepEqual(await contextsWith(2), new Set([withoutAnswer + 6]));
    assert.deepEqual(await contextsWith(20), new Set([withoutAnswer + 20]));
  });

  it('leaves what stopped a rationale out of it', async () => {
    const requests = Array.from({ length: 30 }, (_, i) => ({ prompt: [3 + (i % 9)], keys: [i] }));
    const samples = (await generate(model, requests, { ...SETTINGS, maxTokens: 40 }, stopAtPhrase)).flatMap(
      (result) => result.samples,
    );
    const reasons = new Set(samples.map((sample) => sample.stopReason));
    assert.ok(reasons.has('end-token') && reasons.has('stop-phrase'), [...reasons].join());
    for (const { ids, stopIds, stopReason, logProbs, stopLogProbs } of samples) {
      assert.ok(!ids.includes(2));
      assert.equal(logProbs.length, ids.length);
      assert.equal(stopLogProbs.length, stopIds.length);
      if (stopReason === 'end-token') assert.deepEqual(stopIds, [2]);
      if (stopReason === 'stop-phrase') assert.deepEqual(stopIds, [5, 6]);
      if (stopReason === 'length') assert.equal(ids.length, 40);
    }
  });

  it('goes on past the phrase to see the model answer, without changing the rationale', async () => {
    const requests = Array.from({ length: 30 }, (_, i) => ({ prompt: [3 + (i % 9)], keys: [i], answer: [4, 2] }));
    const short = (await generate(model, requests, { ...SETTINGS, maxTokens: 40 }, stopAtPhrase)).flatMap(
      (result) => result.samples,
    );
    const long = (
      await generate(model, requests, { ...SETTINGS, maxTokens: 40, maxAnswerTokens: 3 }, stopAtPhrase)
    ).flatMap((result) => result.samples);
    assert.ok(long.some(({ tailIds }) => tailIds.length > 0));
    long.forEach((sample, i) => {
      assert.deepEqual(sample.ids, short[i]!.ids);
      assert.deepEqual(sample.stopIds, short[i]!.stopIds);
      assert.ok(sample.tailIds.length <= (sample.stopReason === 'stop-phrase' ? 3 : 0));
      sample.answerLogProbs.forEach((value, t) => {
        assert.ok(Math.abs(value - short[i]!.answerLogProbs[t]!) < 1e-5);
      });
    });
  });

  it('greedy takes the most likely token at every step', async () => {
    const [result] = await generate(model, [{ prompt: [5, 9], keys: [0, 1] }], { ...SETTINGS, temperature: 0 }, never);
    const [first, second] = result!.samples;
    assert.deepEqual(first!.ids, second!.ids, 'no randomness');
    for (const [at, id] of first!.ids.entries()) {
      const every = Array.from({ length: TINY_CONFIG.vocabSize }, (_, target) => ({ at, target, weight: 1 }));
      const [[scores]] = (await model.score([
        { prompt: [5, 9], continuations: [{ ids: first!.ids, predictions: every }] },
      ])) as [[number[]]];
      assert.equal(scores.indexOf(Math.max(...scores)), id);
    }
  });

  it('draws greedy rows beside sampled ones, each as it is drawn apart from the others', async () => {
    const settings = { ...SETTINGS, temperature: 0.7, maxTokens: 20 };
    const requests = [
      { prompt: [3, 7, 8], keys: ['greedy', 1, 2] as const, answer: [9, 2] },
      { prompt: [11], keys: [3, 'greedy'] as const, answer: [4] },
    ];
    const [first, second] = (await generate(model, requests, settings, never)).map(({ samples }) => samples);
    const apart = async (temperature: number, keys: readonly (readonly number[])[]) => {
      const asked = requests.map((request, q) => ({ ...request, keys: keys[q]! }));
      return (await generate(model, asked, { ...settings, temperature }, never)).map(({ samples }) => samples);
    };
    const greedy = (await apart(0, [[0], [0]])).flat();
    const sampled = (await apart(0.7, [[1, 2], [3]])).flat();
    const together = [first![0]!, second![1]!, first![1]!, first![2]!, second![0]!];
    [...greedy, ...sampled].forEach((alone, i) => {
      const { logProbs, answerLogProbs, ...tokens } = together[i]!;
      const { logProbs: _, answerLogProbs: __, ...same } = alone;
      assert.deepEqual(tokens, { ...same, stopLogProbs: tokens.stopLogProbs });
      const expected = [...alone.logProbs, ...alone.answerLogProbs];
      [...logProbs, ...answerLogProbs].forEach((value, t) => {
        assert.ok(Math.abs(value - expected[t]!) < 1e-5, `${i}, ${t}: ${value} ${expected[t]}`);
      });
    });
    assert.notDeepEqual(first![0]!.ids, first![1]!.ids);
  });

  it('stops after the piece of the prompts that is being computed when cancelled', async () => {
    const abort = new AbortController();
    const { programs } = model;
    const { run, tokensRun } = programs;
    const before = { ...tokensRun };
    programs.run = async (name, inputs, outputs, options) => {
      const results = await run.call(programs, name, inputs, outputs, options);
      if (name === 'extend' && tokensRun.extend > before.extend + piece) abort.abort();
      return results;
    };
    const length = 100;
    const piece = Math.floor(PREFILL_TOKENS / length) * length;
    const prompts = Array.from({ length: 60 }, (_, i) => Array.from({ length }, (_, t) => 3 + ((i + t) % 17)));
    const requests = prompts.map((prompt, i) => ({ prompt, keys: [i], answer: [4, 2] }));
    const cancelled = generate(model, requests, SETTINGS, never, { signal: abort.signal }).finally(() => {
      programs.run = run;
    });
    await assert.rejects(cancelled, { name: 'Cancelled' });
    assert.deepEqual(tokensRun, { ...before, extend: before.extend + 2 * piece });
  });

  it('stops between tokens when cancelled', async () => {
    const abort = new AbortController();
    abort.abort();
    await assert.rejects(generate(model, [{ prompt: [3], keys: [1] }], SETTINGS, never, { signal: abort.signal }), {
      name: 'Cancelled',
    });
  });
});

describe('drawToken', () => {
  const logits = Float32Array.from([1, 3, 2, -5, 0.5]);
  const draw = (settings: { temperature: number; topP: number; topK: number }, uniform: number): number =>
    drawToken(logits, 0, 5, settings, uniform).id;

  it('follows the softmax at any temperature', () => {
    for (const temperature of [0.5, 1, 2]) {
      const masses = [...logits].map((logit) => Math.exp(logit / temperature));
      const total = masses.reduce((sum, mass) => sum + mass);
      const counts = new Array<number>(5).fill(0);
      const draws = 20_000;
      for (let i = 0; i < draws; i++) counts[draw({ temperature, topP: 1, topK: 0 }, (i + 0.5) / draws)]!++;
      counts.forEach((count, id) => {
        assert.ok(Math.abs(count / draws - masses[id]! / total) < 1e-3);
      });
    }
  });

  it('top-k and top-p keep only the most likely tokens', () => {
    const kept = (settings: { topP: number; topK: number }): Set<number> =>
      new Set(Array.from({ length: 500 }, (_, i) => draw({ temperature: 1, ...settings }, i / 500)));
    assert.deepEqual(kept({ topP: 1, topK: 2 }), new Set([1, 2]));
    assert.deepEqual(kept({ topP: 0.6, topK: 0 }), new Set([1]));
    assert.deepEqual(kept({ topP: 0.8, topK: 0 }), new Set([1, 2]));
    assert.deepEqual(kept({ topP: 1, topK: 1 }), new Set([1]));
  });

  it('reports the log-probability at the sampling temperature', () => {
    const total = [...logits].reduce((sum, logit) => sum + Math.exp(logit / 2), 0);
    const { id, logProb } = drawToken(logits, 0, 5, { temperature: 2, topP: 0.5, topK: 0 }, 0);
    assert.ok(Math.abs(logProb - (logits[id]! / 2 - Math.log(total))) < 1e-6);
  });
});
