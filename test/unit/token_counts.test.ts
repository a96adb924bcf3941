/** Spend no token twice: what an update pushes through each program, against the closed form. */
import { strict as assert } from 'node:assert';
import type { StopDetector } from '../../src/engine/model/generate.ts';
import type { LanguageModel } from '../../src/engine/model/language_model.ts';
import type { EncodedQuestion } from '../../src/engine/training/question_encoder.ts';
import { rollOut, trainingGroup } from '../../src/engine/training/rollout.ts';
import { tinyModel } from '../support/tiny_model.ts';

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

describe('tokens per update', () => {
  let model: LanguageModel;
  before(() => {
    model = tinyModel('adapter', 3);
  });
  after(() => model.dispose());

  it('each program computes every token once', async () => {
    const questions = [question(1), question(2), question(3)];
    const q = questions.length;
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
          stopTokenIds: new Set([2]),
          contextLength: 0,
          maxRows: 64,
        },
        rationales: K,
        countStopTokens: true,
        tokenBudget: 10_000,
      },
      { seed: 1, step: 2 },
      (groups) => model.score(groups, { policy: 'reference', tokenBudget: 10_000 }),
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
    const longestScored = Math.max(
      ...rationales.map(({ ids, stopReason }) => (stopReason === 'length' ? ids.length - 1 : ids.length)),
    );
    assert.equal(tokensRun.reference, q * (PROMPT + K * longestScored));
    assert.equal(tokensRun.score, 0);

    const weights = rationales.map(() => ({
      rationaleWeight: 0.1,
      answerWeights: { answer: [0.2], template: [0.2, 0.2, 0.2] },
    }));
    await model.step(
      sampled.map((question) => trainingGroup(question, weights.slice(0, K), true)),
      { tokenBudget: 10_000 },
    );
    assert.equal(tokensRun.step, q * (PROMPT + K * (Math.max(...lengths) + ANSWER - 1)));

    // The reference implementation generates L tokens always, then runs three scoring and two training forwards over everything.
    const recipe = q * K * (PROMPT + LONGEST) + 5 * q * K * (PROMPT + LONGEST + ANSWER);
    const ours = Object.values(tokensRun).reduce((sum, tokens) => sum + tokens, 0);
    console.log(
      `      ${ours} tokens here, ${recipe} in the reference recipe: ${(recipe / ours).toFixed(1)} times fewer`,
    );
    assert.ok(ours * 2 < recipe, `${ours} ${recipe}`);
  });
});
