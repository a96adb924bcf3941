/** Spend no token twice: what an update pushes through each program, against the closed form. */
import { strict as assert } from 'node:assert';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { ADAPTER_SCALE } from '../../src/engine/model/decoder_graph.ts';
import type { StopDetector } from '../../src/engine/model/generate.ts';
import type { LanguageModel } from '../../src/engine/model/language_model.ts';
import { buildPackedProgram } from '../../src/engine/model/packed_program.ts';
import { type PromptGroup, packGroups, predictTokens } from '../../src/engine/model/packing.ts';
import { rotaryDim } from '../../src/engine/model/rope.ts';
import type { HostTensor } from '../../src/engine/runtime/session.ts';
import { elementType } from '../../src/engine/runtime/session.ts';
import { sampleOutputs } from '../../src/engine/training/evaluation_sampling.ts';
import type { EncodedQuestion } from '../../src/engine/training/question_encoder.ts';
import { rollOut, trainingGroup } from '../../src/engine/training/rollout.ts';
import { temporaryFolder } from '../support/model_fixtures.ts';
import { bindAdapter, TINY_CONFIG, tinyAdapter, tinyModel, tinyWeights } from '../support/tiny_model.ts';

const PROMPT = 7;
const ANSWER = 4;
const K = 5;
const LONGEST = 20;
const never = (): StopDetector => ({ push: () => null });

function question(seed: number): EncodedQuestion {
  const ids = (length: number, offset: number): number[] =>
    Array.from({ length }, (_, i) => 3 + ((seed * 5 + i * 7 + offset) % 19));
  return {
    row: { line: seed, rowKey: `00000000${seed}`.padEnd(16, '0'), question: '', answer: '' },
    prompt: '',
    promptIds: ids(PROMPT, 0),
    answer: '',
    answerIds: ids(ANSWER, 3),
    answerParts: ['template', 'template', 'answer', 'template'],
  };
}

/** Σ B·(P + K·T) over micro-batches of questions whose longest continuations these are: those of like length share one, up to the budget. */
function padded(longest: readonly number[], tokenBudget: number): number {
  let [full, questions, width] = [0, 0, 0];
  for (const length of longest.toSorted((a, b) => a - b)) {
    if (questions > 0 && (questions + 1) * (PROMPT + K * length) > tokenBudget) {
      full += questions * (PROMPT + K * width);
      questions = 0;
    }
    questions++;
    width = length;
  }
  return full + questions * (PROMPT + K * width);
}

describe('tokens per update', () => {
  let model: LanguageModel;
  beforeEach(() => {
    model = tinyModel('adapter', 3);
  });
  afterEach(() => model.dispose());

  it('each program computes every token once', () => computesOnce(3, 10_000, [2]));

  it('and so it is in the micro-batches of a smaller budget, each padded to its own longest', async () => {
    const { longestTrained, step } = await computesOnce(24, 1024, [2, 5, 8, 11, 14]);
    assert.ok(step < padded(longestTrained, 100_000), `${step} in one batch`);
  });

  it('an evaluation: prompts once, outputs once, answers on the cache they left, after the rationale part of each', async () => {
    const questions = [1, 2, 3, 4].map(question);
    const samples = [0, 1, 2];
    const policy = { model, config: TINY_CONFIG, drawnBelow: TINY_CONFIG.vocabSize };
    const task = { rationaleLength: (ids: readonly number[]) => Math.floor(ids.length / 2) };
    const settings = { temperature: 1, maxTokens: LONGEST, seed: 3, bareAnswers: true };
    const requests = questions.map((each) => ({ question: each, samples }));
    const generated = await sampleOutputs(policy, task, requests, settings, undefined);

    const { tokensRun } = model.programs;
    const outputs = generated.flatMap((each) => each.samples);
    const drawn = outputs.reduce((sum, { ids, stopIds }) => sum + ids.length + stopIds.length, 0);
    assert.ok(new Set(outputs.map(({ ids }) => ids.length)).size > 1, 'outputs of different lengths');
    assert.deepEqual(tokensRun, {
      extend: questions.length * PROMPT,
      decode: drawn - outputs.length,
      'extend-score': (outputs.length + questions.length) * (1 + ANSWER),
      score: 0,
      reference: 0,
      step: 0,
    });

    const sequences = generated.map((each, q) => {
      const { promptIds, answerIds } = questions[q]!;
      const rationales = [[], ...each.samples.map(({ ids }) => ids.slice(0, task.rationaleLength(ids)))];
      const continuations = rationales.map((rationale) => {
        const ids = [...rationale, ...answerIds];
        return { ids, predictions: predictTokens(ids, 1, rationale.length) };
      });
      return { prompt: promptIds, continuations };
    });
    const scores = await model.score(sequences);
    generated.forEach(({ answerLogProbsWithoutRationale, samples }, q) => {
      [answerLogProbsWithoutRationale, ...samples.map(({ answerLogProbs }) => answerLogProbs)].forEach((found, k) => {
        assert.equal(found.length, ANSWER);
        found.forEach((value, t) => {
          assert.ok(Math.abs(value - scores[q]![k]![t]!) < 1e-5, `${q}, ${k}, ${t}: ${value} ${scores[q]![k]![t]}`);
        });
      });
    });

    // Nobody asked for it, nobody computes it.
    const others = await sampleOutputs(policy, task, requests, { ...settings, bareAnswers: false }, undefined);
    assert.deepEqual(others[0]!.answerLogProbsWithoutRationale, []);
    assert.equal(tokensRun['extend-score'], (2 * outputs.length + questions.length) * (1 + ANSWER));
  });

  it('an evaluation with LongRoPE: prompts, outputs and answers by the same factors, where only with its answer one is long', async () => {
    const half = rotaryDim(TINY_CONFIG) / 2;
    const factors = (value: number): number[] => new Array<number>(half).fill(value);
    const rope = { kind: 'longrope', shortFactor: factors(1), longFactor: factors(3), attentionFactor: 1 } as const;
    const config = { ...TINY_CONFIG, rope: { ...rope, originalMaxPositions: PROMPT + LONGEST } };
    const long = tinyModel('adapter', 1, config);
    const asked = question(1);
    const generated = await sampleOutputs(
      { model: long, config: { ...config, eosTokenIds: [] }, drawnBelow: config.vocabSize },
      { rationaleLength: (ids) => ids.length },
      [{ question: asked, samples: [0] }],
      { temperature: 0, maxTokens: LONGEST, seed: 3, bareAnswers: false },
      undefined,
    );
    const { ids, logProbs, answerLogProbs } = generated[0]!.samples[0]!;
    const whole = [...ids, ...asked.answerIds];
    const group = { prompt: asked.promptIds, continuations: [{ ids: whole, predictions: predictTokens(whole) }] };
    const [[expected]] = (await long.score([group])) as [[number[]]];
    assert.equal(ids.length, LONGEST);
    [...logProbs, ...answerLogProbs].forEach((value, t) => {
      assert.ok(Math.abs(value - expected[t]!) < 1e-5, `${t}: ${value} ${expected[t]}`);
    });
    await long.dispose();
  });

  async function computesOnce(q: number, tokenBudget: number, stopTokens: readonly number[]) {
    const questions = Array.from({ length: q }, (_, i) => question(i + 1));
    const sampled = await rollOut(
      model,
      questions,
      {
        generate: {
          temperature: 1,
          topP: 1,
          topK: 0,
          maxTokens: LONGEST,
          maxAnswerTokens: 0,
          stopTokenIds: new Set(stopTokens),
          maxRows: q * K,
        },
        rationales: K,
        countStopTokens: true,
        tokenBudget,
      },
      { seed: 1, step: 2 },
      (groups) => model.score(groups, { policy: 'reference', tokenBudget }),
      never,
    );
    const rationales = sampled.flatMap((question) => question.rationales);
    const lengths = rationales.map(({ ids }) => ids.length);
    assert.ok(new Set(lengths).size > 1, 'rationales of different lengths');
    const drawn = rationales.reduce((sum, { ids, stopIds }) => sum + ids.length + stopIds.length, 0);
    const { tokensRun } = model.programs;

    // Prefill once per question, then every drawn token but the last of its rationale is fed back once.
    assert.equal(tokensRun.extend, q * PROMPT);
    assert.equal(tokensRun.decode, drawn - q * K);
    // Each answer once per rationale and once per question without one, each on top of one token of the cache.
    assert.equal(tokensRun['extend-score'], (q * K + q) * (1 + ANSWER));
    // π_0: each prompt once, each rationale once, padded to the longest.
    const longestScored = sampled.map((each) =>
      Math.max(
        ...each.rationales.map(({ ids, stopReason }) => (stopReason === 'length' ? ids.length - 1 : ids.length)),
      ),
    );
    assert.equal(tokensRun.reference, padded(longestScored, tokenBudget));
    assert.equal(tokensRun.score, 0);

    const weights = rationales.map(() => ({
      rationaleWeight: 0.1,
      answerWeights: { answer: [0.2], template: [0.2, 0.2, 0.2] },
    }));
    await model.step(
      sampled.map((question) => trainingGroup(question, weights.slice(0, K), true)),
      { tokenBudget },
    );
    const longestTrained = sampled.map(
      (each) => Math.max(...each.rationales.map(({ ids }) => ids.length)) + ANSWER - 1,
    );
    assert.equal(tokensRun.step, padded(longestTrained, tokenBudget));

    // The reference implementation generates L tokens always, then runs three scoring and two training forwards over everything.
    const recipe = q * K * (PROMPT + LONGEST) + 5 * q * K * (PROMPT + LONGEST + ANSWER);
    const ours = Object.values(tokensRun).reduce((sum, tokens) => sum + tokens, 0);
    console.log(
      `      ${ours} tokens here, ${recipe} in the reference recipe: ${(recipe / ours).toFixed(1)} times fewer`,
    );
    assert.ok(ours * 2 < recipe, `${ours} ${recipe}`);
    return { longestTrained, step: tokensRun.step };
  }
});

describe('the head', () => {
  const folder = temporaryFolder();
  const { vocabSize, hiddenSize } = TINY_CONFIG;
  /** Of 12 tokens in 18 padded ones, which is no size of the model, three are wanted. */
  const groups: readonly PromptGroup[] = [
    { prompt: [3, 9, 4, 6], continuations: [{ ids: [5, 6, 7, 8, 9], predictions: [{ at: 2, target: 7, weight: 1 }] }] },
    {
      prompt: [8],
      continuations: [{ ids: [4, 13], predictions: [1, 2].map((at) => ({ at, target: 13, weight: -2 })) }],
    },
  ];

  /** Shapes with a dimension of the vocabulary, but for the table itself, of every tensor that enters or leaves an operator. */
  async function headShapes(trainable: 'nothing' | 'adapter' | 'all-weights'): Promise<Set<string>> {
    const weights = tinyWeights(1);
    const adapter = trainable === 'adapter' ? bindAdapter(tinyAdapter(1)) : null;
    const { inputs, positions } = packGroups(groups, TINY_CONFIG);
    const angles = { shape: [positions.length, TINY_CONFIG.headDim / 2], data: new Float32Array(positions.length * 2) };
    const given = new Map<string, HostTensor>([
      ...weights,
      ...(adapter?.tensors ?? []),
      ...Object.entries(inputs),
      ['cos', angles],
      ['sin', angles],
      [ADAPTER_SCALE, { shape: [1], data: Float32Array.of(1) }],
    ]);
    const { model } = buildPackedProgram(TINY_CONFIG, adapter?.shape ?? null, trainable);
    const prefix = `${trainable}-`;
    const session = await ort.InferenceSession.create(model, {
      enableProfiling: true,
      profileFilePrefix: join(folder.path, prefix),
    });
    await session.run(
      Object.fromEntries(
        session.inputNames.map((name) => {
          const { shape, data } = given.get(name)!;
          return [name, new ort.Tensor(elementType(data), data as never, shape)];
        }),
      ),
    );
    session.endProfiling();
    await session.release();
    const profile = (await readdir(folder.path)).find((name) => name.startsWith(prefix))!;
    const events: readonly { args?: Record<string, Record<string, number[]>[]> }[] = JSON.parse(
      await readFile(join(folder.path, profile), 'utf8'),
    );
    const shapes = events.flatMap(({ args = {} }) =>
      [...(args.input_type_shape ?? []), ...(args.output_type_shape ?? [])].flatMap((each) => Object.values(each)),
    );
    const table = [vocabSize, hiddenSize].sort().join();
    return new Set(
      shapes
        .filter((shape) => shape.includes(vocabSize) && shape.toSorted().join() !== table)
        .map((shape) => shape.join(' × ')),
    );
  }

  for (const trainable of ['nothing', 'adapter', 'all-weights'] as const) {
    it(`computes wanted predictions and no other position, with ${trainable} trained`, async () => {
      const shapes = await headShapes(trainable);
      assert.ok(shapes.has(`3 × ${vocabSize}`), [...shapes].join(', '));
      for (const shape of shapes) assert.match(shape, /^(3 × 23|23 × 3)$/);
    });
  }
});
