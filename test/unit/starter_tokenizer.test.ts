import assert from 'node:assert/strict';
import { Tokenizer } from '@huggingface/tokenizers';
import fc from 'fast-check';
import { problemsOf } from '../../scripts/starter/generate.ts';
import { writeExample } from '../../scripts/starter/mixture.ts';
import { buildTokenizer, END_ID, END_TOKEN } from '../../scripts/starter/tokenizer.ts';
import { RandomStream } from '../../src/engine/common/random.ts';

describe('starter tokenizer', () => {
  const random = new RandomStream(5);
  const texts: string[] = [];
  for (const problem of problemsOf('train', random)) {
    const { prompt, completion } = writeExample(problem, random);
    texts.push(prompt + completion);
    if (texts.length === 1500) break;
  }
  const files = buildTokenizer(texts, 1024);
  const tokenizer = new Tokenizer(files.tokenizer, files.config);
  const encode = (text: string) => tokenizer.encode(text, { add_special_tokens: false });

  it('has the vocabulary it was asked for', () => {
    assert.equal(tokenizer.get_vocab().size, 1024);
    assert.equal(tokenizer.token_to_id(END_TOKEN), END_ID);
  });

  it('gives back any text, byte for byte', () => {
    for (const text of texts.slice(0, 200)) assert.equal(tokenizer.decode(encode(text).ids), text);
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (text) => {
        fc.pre(!/<\|(end|pad)\|>/.test(text));
        assert.equal(tokenizer.decode(encode(text).ids), text);
      }),
    );
  });

  it('keeps every number from 0 to 99 in one token after a space, and splits longer ones', () => {
    for (let number = 0; number < 100; number++) assert.equal(encode(` ${number}`).ids.length, 1);
    assert.equal(encode(' 123').ids.length, 2);
  });

  it('is short on its own kind of text', () => {
    const lengths = texts.map((text) => encode(text).ids.length);
    assert.ok(Math.max(...lengths) < 160);
    assert.ok(lengths.reduce((sum, length) => sum + length, 0) / lengths.length < 115);
  });

  it('ends a rationale and begins the answer at a token boundary', () => {
    const rationale = '\nHalf of them is 18 / 2 = 9.';
    const answer = '\nThe answer is 9.';
    assert.deepEqual(encode(rationale + answer).ids, [...encode(rationale).ids, ...encode(answer).ids]);
  });

  it('is the same for the same text', () => {
    assert.deepEqual(buildTokenizer(texts, 1024), files);
  });
});
