/** What the hover of a row says about the rewards beside it. */
import assert from 'node:assert/strict';
import { selfRewardText } from '../../src/extension/inline/self_reward_text.ts';
import { ENGLISH, speak } from '../support/languages.ts';

describe('what the self-rewards beside a row are', () => {
  const made = { kind: 'log-probability', over: 'answer', subtractNoRationale: false } as const;

  it('is said with the tokens they count', () => {
    assert.equal(
      selfRewardText(made, ENGLISH),
      "The self-reward is the log-probability of the gold answer, in nats. It counts the answer's own tokens.",
    );
    assert.match(selfRewardText({ ...made, over: 'answer-and-template' }, ENGLISH), /It counts answer and template\.$/);
    assert.match(selfRewardText({ ...made, subtractNoRationale: true }, ENGLISH), /without a rationale is subtracted/);
  });

  it('is no log-probability where the run had another reward', () => {
    for (const kind of ['probability', 'mean-token-probability', 'verifier'] as const)
      assert.doesNotMatch(selfRewardText({ ...made, kind }, ENGLISH), /log-probability|nats/);
    assert.doesNotMatch(selfRewardText({ ...made, kind: 'verifier' }, ENGLISH), /It counts/);
    assert.match(selfRewardText({ ...made, kind: 'spread-weighted' }, ENGLISH), /weighted/);
  });

  it('is left open where an older record does not say it', () => {
    assert.match(selfRewardText(null, ENGLISH), /does not say/);
  });

  it('is said in other languages as a whole', () => {
    assert.equal(
      selfRewardText(made, speak('zh-cn').l10n),
      '自奖励是标准答案的对数概率，单位为 nat。只计入答案自身的词元。',
    );
  });
});
