import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { Cancelled } from '../../src/engine/common/errors.ts';
import { prefixLengths } from '../../src/engine/server/trace_prefixes.ts';
import type { EngineRequestError } from '../../src/extension/engine/engine_client.ts';
import type { RowReference, Weights } from '../../src/protocol/engine_rpc.ts';
import type { QuestionRollout, RationaleRecord } from '../../src/protocol/records.ts';
import { assertClose } from '../support/close.ts';
import { Studio } from '../support/studio_harness.ts';
import { TINY_VOCABULARY } from '../support/tiny_model_folder.ts';

const sum = (values: readonly (number | null)[]): number => values.reduce<number>((total, value) => total + value!, 0);
/** What a rationale is worth by itself, apart from how it ended and from its siblings. */
const ownFigures = ({ tokens, answerTokens, answerLogProb, templateLogProb, selfReward }: RationaleRecord) => ({
  tokens,
  answerTokens,
  answerLogProb,
  templateLogProb,
  selfReward,
});

describe('studio service: questions', function () {
  this.timeout(120_000);
  let studio: Studio;
  let row: RowReference;
  /** Two updates of a LoRA run and of full fine-tuning. */
  let lora: string;
  let full: string;

  before(async () => {
    studio = await Studio.start();
    row = await studio.row('train.jsonl', 3);
    const train = async (trainable: object): Promise<string> => {
      const { runDirectory, ended } = await studio.train({ trainable, steps: 2, checkpoints: { every: 1 } });
      assert.deepEqual((await ended).outcome, { type: 'ok' });
      return runDirectory;
    };
    lora = await train({ kind: 'lora' });
    full = await train({ kind: 'full' });
  });
  after(() => studio.close());

  const model = (): Weights => ({ kind: 'model', model: join(studio.folder, 'model'), adapter: null });
  const checkpoint = (runDirectory: string, name: string): Weights => ({
    kind: 'run',
    runDirectory,
    checkpoint: name,
  });
  const everyKind = (): Weights[] => [
    model(),
    checkpoint(lora, 'base'),
    checkpoint(lora, 'step-2'),
    checkpoint(full, 'step-2'),
  ];
  const sample = (
    weights: Weights,
    changes: { row?: RowReference; k?: number; seed?: number; randomStep?: number } = {},
  ) =>
    studio.client.request('sampleQuestion', {
      jobId: studio.nextJob(),
      weights,
      row,
      k: 6,
      temperature: 1,
      maxTokens: 20,
      seed: 11,
      ...changes,
    });
  const score = (weights: Weights, text: string) =>
    studio.client.request('scoreRationale', { jobId: studio.nextJob(), weights, row, text });
  const trace = async (weights: Weights, text: string) => {
    const { scores } = await studio.client.request('tracePrefixes', { jobId: studio.nextJob(), weights, row, text });
    return scores;
  };

  it('previews exactly what is sampled from and scored, under every kind of weights', async () => {
    for (const weights of everyKind()) {
      const jobId = studio.nextJob();
      const preview = await studio.client.request('previewPrompt', { jobId, weights, row });
      const { prompt } = await sample(weights, { k: 2 });
      const { answerTokens } = await score(weights, 'one and one');
      assert.equal(preview.prompt, prompt);
      assert.equal(preview.answerTokens, answerTokens.length);
      assert.equal(preview.answer, answerTokens.map(({ text }) => text).join(''));
      // One token per character, but for the end token.
      assert.equal(preview.promptTokens, preview.prompt.length);
      const counted = answerTokens.filter(({ part }) => part === 'answer').map(({ text }) => text);
      assert.ok(counted.length > 0 && counted.length < answerTokens.length);
      assert.deepEqual([preview.counted, preview.countedTokens], [counted.join(''), counted.length], "y's own answer");
      assert.deepEqual(preview.made, { kind: 'log-probability', over: 'answer', subtractNoRationale: false });
    }
  });

  it('previews the reward of the run whose weights they are', async () => {
    const previewOf = async (config: object) => {
      const { runDirectory, ended } = await studio.train({ steps: 1, ...config });
      assert.deepEqual((await ended).outcome, { type: 'ok' });
      const weights = checkpoint(runDirectory, 'base');
      return await studio.client.request('previewPrompt', { jobId: studio.nextJob(), weights, row });
    };
    const whole = await previewOf({ reward: { over: 'answer-and-template', subtractNoRationale: true } });
    assert.deepEqual([whole.counted, whole.countedTokens], [whole.answer, whole.answerTokens]);
    assert.deepEqual([whole.made?.over, whole.made?.subtractNoRationale], ['answer-and-template', true]);
    const judged = await previewOf({ method: 'grpo' });
    assert.deepEqual([judged.made?.kind, judged.counted, judged.countedTokens], ['verifier', '', 0]);
    const taught = await previewOf({ method: 'sft', sft: { target: 'answer' } });
    assert.deepEqual([taught.made, taught.counted, taught.countedTokens], [null, '', 0]);
  });

  it('describes a model folder from its headers', async () => {
    const folder = join(studio.folder, 'model');
    const found = await studio.client.request('describeModel', { jobId: studio.nextJob(), model: folder });
    assert.equal(found.architecture, 'LlamaForCausalLM');
    assert.equal(found.vocabularySize, TINY_VOCABULARY);
    assert.equal(found.chatTemplate, false);
    assert.equal(found.weightBytes, 4 * found.parameters);
    assert.ok((await stat(join(folder, 'model.safetensors'))).size > found.weightBytes);
    assert.ok(found.trainingBytes > found.weightBytes);
  });

  it('samples rationales with leave-one-out advantages, the same for the same seed', async () => {
    for (const weights of everyKind()) {
      const rollout = await sample(weights);
      assert.equal(rollout.line, 3);
      assert.equal(rollout.rationales.length, 6);
      const rewards = rollout.rationales.map(({ reward }) => reward);
      rollout.rationales.forEach(({ reward, baseline, advantage }, k) => {
        const others = rewards.filter((_, j) => j !== k);
        assertClose(baseline, sum(others) / others.length, 1e-9);
        assertClose(advantage, reward - baseline!, 1e-9);
      });
      assert.deepEqual(await sample(weights), rollout);
      const texts = ({ rationales }: QuestionRollout) => rationales.map(({ text }) => text);
      assert.notDeepEqual(texts(await sample(weights, { seed: 12 })), texts(rollout));
    }
  });

  it('draws other weights with the same random numbers when asked for those of the same update, and says with which β', async () => {
    // Before training the two runs are the model itself: what differs is only which update's numbers are drawn.
    const texts = async (weights: Weights, randomStep?: number) => {
      const rollout = await sample(weights, randomStep === undefined ? {} : { randomStep });
      assert.equal(rollout.klCoefficient, 0.05);
      return { step: rollout.step, texts: rollout.rationales.map(({ text }) => text) };
    };
    const base = checkpoint(lora, 'base');
    const [own, third] = [await texts(base), await texts(base, 3)];
    assert.deepEqual([own.step, third.step], [1, 3]);
    assert.notDeepEqual(third.texts, own.texts);
    assert.deepEqual(await texts(checkpoint(full, 'base'), 3), third);
    assert.deepEqual(await texts(checkpoint(lora, 'step-2'), 3), await texts(checkpoint(lora, 'step-2')));
  });

  it('scores a text as the sample that it was: the same numbers, token by token', async () => {
    for (const weights of everyKind()) {
      const { rationales } = await sample(weights);
      for (const rationale of rationales) {
        const scored = await score(weights, rationale.text);
        assertClose(ownFigures(scored), ownFigures(rationale), 1e-5);
        assert.deepEqual([scored.baseline, scored.advantage], [null, null]);
        assertClose(scored.reward, scored.selfReward - scored.klPenalty, 1e-9);
      }
    }
  });

  it('measures the KL share against the weights the run began with, adapter or not', async () => {
    for (const run of [lora, full]) {
      for (const { text } of (await sample(checkpoint(run, 'step-2'))).rationales) {
        const [trained, base] = [await score(checkpoint(run, 'step-2'), text), await score(model(), text)];
        assertClose(trained.referenceLogProb, base.logProb, 1e-4);
        assertClose(trained.klPenalty, 0.05 * (trained.logProb - base.logProb), 1e-5);
        assert.notEqual(trained.logProb, base.logProb);
      }
    }
    for (const { klPenalty } of (await sample(checkpoint(full, 'base'))).rationales) assert.equal(klPenalty, 0);
  });

  it('says which answer the model itself gives after a rationale a person wrote', async () => {
    const { extractedAnswer, correct, stopReason, text } = await score(model(), 'two and nine is eleven.');
    assert.equal(text, 'two and nine is eleven.');
    assert.equal(stopReason, 'stop-phrase');
    assert.equal(typeof correct, 'boolean');
    assert.ok(extractedAnswer === null || /^-?[\d.]+$/.test(extractedAnswer), `${extractedAnswer}`);
  });

  it('traces the answer from the bare question to the whole rationale', async () => {
    const text = 'take 2. add 9 to it.\nthat is 1 more than ten. so it is eleven. check it twice.';
    for (const weights of everyKind()) {
      const scores = await trace(weights, text);
      const whole = await score(weights, text);
      assert.deepEqual(
        scores.map(({ tokens }) => tokens),
        prefixLengths([...text]),
      );
      assertClose(scores.at(-1)!.logProb, whole.selfReward, 1e-5);
      const own = whole.answerTokens.filter(({ part }) => part === 'answer');
      assertClose(scores[0]!.logProb, sum(own.map(({ logProbWithoutRationale }) => logProbWithoutRationale)), 1e-5);
      const { tokens, logProb } = scores[2]!;
      assertClose(logProb, (await score(weights, text.slice(0, tokens))).selfReward, 1e-5);
    }
  });

  it('answers for a row that was never saved', async () => {
    const unsaved = { ...row, dataset: join(studio.folder, 'untitled.jsonl'), line: 1 };
    assertClose((await sample(model(), { row: unsaved })).rationales, (await sample(model())).rationales, 1e-5);
    const edited = { ...row, row: '{"question": "what is 1 + 1?", "answer": 2}' };
    assert.equal((await sample(model(), { row: edited })).question, 'what is 1 + 1?');
  });

  for (const [what, change, code, reason] of [
    ['a row that is not JSON', { row: { row: '{"question": "what' } }, 'dataset-row', /train\.jsonl:3:/],
    ['a row without an answer', { row: { row: '{"question": "what is 1?"}' } }, 'dataset-row', /answer/],
    ['an empty line', { row: { row: '' } }, 'dataset-row', /Line 3 .* empty/],
    ['a checkpoint that is not there', { weights: { checkpoint: 'step-7' } }, 'run-damaged', /update 7/],
    ['a folder that is no run', { weights: { runDirectory: 'nowhere' } }, 'run-not-found', /nowhere/],
  ] as const) {
    it(`refuses ${what}`, async () => {
      const weights = { ...checkpoint(lora, 'step-2'), ...('weights' in change ? change.weights : {}) } as Weights;
      const changed = { ...row, ...('row' in change ? change.row : {}) };
      await assert.rejects(sample(weights, { row: changed }), (error: EngineRequestError) => {
        assert.equal(error.failure.code, code);
        assert.match(error.failure.reason, reason);
        assert.notEqual(error.failure.nextStep, '');
        return true;
      });
    });
  }

  it('stops sampling between two tokens when its client changes its mind', async () => {
    const controller = new AbortController();
    const jobId = studio.nextJob();
    const started = studio.next('progress', jobId);
    const endless = { weights: model(), row, k: 64, temperature: 1, maxTokens: 420, seed: 1 };
    const answer = studio.client.request('sampleQuestion', { jobId, ...endless }, controller.signal);
    const last = { done: 0 };
    const listener = studio.client.on('progress', (progress) => Object.assign(last, progress));
    await started;
    controller.abort();
    await assert.rejects(answer, Cancelled);
    listener.dispose();
    assert.ok(last.done < 64, `${last.done} of 64 rationales were sampled before it stopped`);
    assert.deepEqual(studio.log, []);
  });
});

describe('prefix lengths', () => {
  const pieces = fc.array(fc.constantFrom(' a', 'b', '.', '\n', '.\n', ' 3', '!'), { maxLength: 400 });

  it('rise from 0 to the whole rationale, at most 50 of them', () => {
    fc.assert(
      fc.property(pieces, (texts) => {
        const lengths = prefixLengths(texts);
        assert.equal(lengths[0], 0);
        assert.equal(lengths.at(-1), texts.length);
        assert.ok(lengths.length <= 50);
        for (let i = 1; i < lengths.length; i++) assert.ok(lengths[i]! > lengths[i - 1]!);
      }),
    );
  });

  it('stand at the ends of sentences and lines where there are enough, never inside a number', () => {
    const texts = ['one', '.', ' two', '\n', 'three', ' 3', '.', '5', '.', ' four', '!', ' five'];
    assert.deepEqual(prefixLengths(texts), [0, 2, 4, 9, 11, 12]);
  });
});
