/** What the preview of a prompt says of the answer and of the reward. */
import assert from 'node:assert/strict';
import { promptPreviewText } from '../../src/extension/inline/prompt_preview_text.ts';
import type { PromptPreview } from '../../src/protocol/engine_rpc.ts';
import { ENGLISH } from '../support/languages.ts';

const made: NonNullable<PromptPreview['made']> = {
  kind: 'log-probability',
  over: 'answer',
  subtractNoRationale: false,
};
const preview: PromptPreview = {
  ...{ prompt: 'Q: 27 - 8?\nA:', promptTokens: 9, answer: '\nThe answer is 19.</s>', answerTokens: 7 },
  ...{ made, counted: ' 19', countedTokens: 1 },
};

describe('the preview of a prompt', () => {
  it('says which tokens of the answer make the reward, and what it is', () => {
    const text = promptPreviewText(preview, ENGLISH);
    assert.equal(
      text,
      [
        '──── prompt x, 9 tokens ────',
        'Q: 27 - 8?\nA:',
        '──── here the model writes its rationale z ────',
        '──── answer y, 7 tokens ────',
        '\nThe answer is 19.</s>',
        '──── counted in the reward, 1 of 7 tokens ────',
        ' 19',
        '──── end ────',
        "The self-reward is the log-probability of the gold answer, in nats. It counts the answer's own tokens.",
        '',
      ].join('\n'),
    );
  });

  it('names no tokens where the reward is of all of them, or of none', () => {
    const whole = { ...preview, made: { ...made, over: 'answer-and-template' as const }, countedTokens: 7 };
    const judged = { ...preview, made: { ...made, kind: 'verifier' as const }, counted: '', countedTokens: 0 };
    for (const each of [whole, judged]) assert.doesNotMatch(promptPreviewText(each, ENGLISH), /made of/);
    assert.match(promptPreviewText(whole, ENGLISH), /It counts answer and template\.\n$/);
    const text = promptPreviewText(judged, ENGLISH);
    assert.match(text, /1 for a right answer and 0 for a wrong one\.\n$/);
    assert.doesNotMatch(text, /log/);
  });

  it('says of supervised fine-tuning that it has no self-reward', () => {
    const text = promptPreviewText({ ...preview, made: null, counted: '', countedTokens: 0 }, ENGLISH);
    assert.doesNotMatch(text, /made of|log-probability/);
    assert.match(text, /\nThere is no self-reward: .*\n$/);
  });
});
