import assert from 'node:assert/strict';
import fc from 'fast-check';
import { findStop, StopWatcher } from '../../src/engine/evaluate/stop.ts';
import { answerLeakIndex } from '../../src/engine/latro/answer_leak.ts';
import { PAPER_STOP_PHRASES, STOP_PHRASES } from '../../src/protocol/stop_phrases.ts';

/** The stop strings of LaTRO's code, in its order (trainer_config.py:67-87), which it looks for as token ids. */
const REFERENCE_STOP_STRINGS = [
  'Answer:',
  ' Answer:',
  '\nAnswer:',
  'The answer is',
  ' The answer is',
  '\nThe answer is',
  'The answer is:',
  ' The answer is:',
  '\nThe answer is:',
  ' the answer is',
  'so the final answer is',
  'So, the answer is',
  'Therefore, the answer is',
  'The function call is:',
  '\nThe function call is:',
  'The function call is',
  '\nThe function call is',
  'the function call is',
];

describe('evaluate: where a rationale stops', () => {
  const stopped: [text: string, rationale: string, phrase: string][] = [
    // Test anchor 6 of the design.
    ['So 64.\n\nThe answer is 64', 'So 64.', 'the answer is'],
    ['So 64. **The answer is 64**', 'So 64.', 'the answer is'],
    ['So 64, and the final answer is 64', 'So 64, and', 'the final answer is'],
    ['The answer is 64', '', 'the answer is'],
    [' \n**The answer is** 64', '', 'the answer is'],
    // Case, markdown and white space within the phrase.
    ['64\nTHE ANSWER IS', '64', 'the answer is'],
    ['64\n**The** *answer*  is', '64', 'the answer is'],
    ['64\nThe\nanswer is', '64', 'the answer is'],
    ['64\n### Answer: 64', '64', 'answer:'],
    ['64\n> **Final Answer**: 64', '64', 'final answer:'],
    ['64\n__Answer__ : 64', '64\n__Answer__ : 64', ''],
    // The lead-in goes with the phrase.
    ['64. Therefore, the answer is 64', '64.', 'therefore, the answer is'],
    ['64. So the final answer is 64', '64.', 'so the final answer is'],
    ['64 The function call is: f(1)', '64', 'the function call is'],
    // Earlier ones win.
    ['Answer: 3. The answer is 4', '', 'answer:'],
    // Whole words only.
    ['I breathe answer is', 'I breathe answer is', ''],
    ['The answer isotope', 'The answer isotope', ''],
    ["The answer isn't known", "The answer isn't known", ''],
    ['The answers: many', 'The answers: many', ''],
    ['What is the answer? Let us see', 'What is the answer? Let us see', ''],
    ['unfinished', 'unfinished', ''],
    ['', '', ''],
  ];
  for (const [text, rationale, phrase] of stopped) {
    it(JSON.stringify(text), () => {
      const stop = findStop(text, STOP_PHRASES);
      assert.equal(stop?.phrase ?? '', phrase);
      assert.equal(text.slice(0, stop?.index ?? text.length), rationale);
      if (stop) {
        assert.ok(stop.phraseIndex >= stop.index);
        assert.match(text.slice(stop.index, stop.phraseIndex), /^[\s*_`~#>]*$/);
        assert.match(text.slice(stop.phraseIndex), /^(?:the|answer|final|so|therefore)/i);
      }
    });
  }

  it('finds every phrase of the reference list wherever it stands, and nothing when there are no phrases', () => {
    for (const phrase of REFERENCE_STOP_STRINGS) {
      const start = 10 + phrase.length - phrase.trimStart().length;
      const text = `2 + 2 = 4.${phrase} 4`;
      assert.equal(findStop(text, STOP_PHRASES)?.phraseIndex, start, phrase);
      // "So, the answer is" is found by what it ends with.
      assert.ok((findStop(text, PAPER_STOP_PHRASES)?.phraseIndex ?? 0) >= start, phrase);
    }
    assert.equal(findStop('The answer is', []), null);
    assert.equal(findStop('The answer is', ['', '  ']), null);
  });

  it('takes phrases literally, whatever characters they hold', () => {
    for (const phrase of ['a+b', '(x)', '[y]', 'p|q', '\\boxed{', '答案是', '$^.*?', 'C#', '-', '</think>']) {
      const found = findStop(`.. ${phrase}!`, [phrase]);
      assert.equal(found?.phraseIndex, 3, phrase);
      assert.equal(findStop('.. nothing here', [phrase]), null, phrase);
    }
  });

  it('token by token, it stops with the piece that completes the phrase, where the whole text so far says', () => {
    const words = fc.constantFrom(
      'So ',
      '64',
      '.',
      '.\n\n',
      '\n',
      ' ',
      '**',
      'The',
      ' the',
      ' answer',
      ' an',
      'swer',
      ' is',
      ' final',
      'is',
      ':',
      ' Answer',
      ',',
      'Therefore',
      '#',
      '答',
    );
    fc.assert(
      fc.property(fc.array(words, { maxLength: 25 }), (pieces) => {
        const watcher = new StopWatcher(STOP_PHRASES);
        let text = '';
        for (const [i, piece] of pieces.entries()) {
          text += piece;
          const stop = watcher.push(piece);
          const whole = findStop(text, STOP_PHRASES);
          assert.deepEqual(stop && { index: stop.index, phraseIndex: stop.phraseIndex, phrase: stop.phrase }, whole);
          if (!stop) continue;
          const kept = pieces.slice(0, stop.pieces).join('');
          assert.ok(stop.pieces <= i, 'the piece that completes the phrase is never part of z');
          assert.ok(kept.length <= stop.phraseIndex, 'z holds nothing of the phrase');
          // What is left of z's text lies in a piece that also holds part of the phrase.
          if (kept.length < stop.index)
            assert.ok(kept.length + (pieces[stop.pieces] as string).length > stop.phraseIndex);
          return;
        }
      }),
      { numRuns: 2000 },
    );
  }).timeout(20_000);

  it('keeps the token ".\\n\\n" that ends the last sentence, and drops one that begins the phrase', () => {
    const stopAt = (...pieces: string[]) => {
      const watcher = new StopWatcher(STOP_PHRASES);
      return pieces.map((piece) => watcher.push(piece)).at(-1)?.pieces;
    };
    assert.equal(stopAt('So', ' 64', '.\n\n', 'The', ' answer', ' is'), 3);
    assert.equal(stopAt('So', ' 64', '.', '\n\n', 'The', ' answer', ' is'), 3);
    assert.equal(stopAt('So', ' 64', '.', ' **', 'The', ' answer', ' is'), 3);
    assert.equal(stopAt('So', ' 64', '.The', ' answer', ' is'), 2);
    assert.equal(stopAt('The', ' answer', ' is'), 0);
    assert.equal(stopAt('\n', 'The', ' answer', ' is'), 0);
    assert.equal(stopAt('', 'So', '', ' 64', '', ' The answer is'), 4);
  });

  it('costs the same per token however long the rationale is', () => {
    // Looking through the whole text at every token would run into the time limit.
    const watcher = new StopWatcher(STOP_PHRASES);
    for (let i = 0; i < 100_000; i++) assert.equal(watcher.push(' the answer of '), null);
    assert.deepEqual(watcher.push(' is'), null);
    assert.equal(watcher.push('\n**Answer:')?.index, 100_000 * 15 + 3);
  }).timeout(60_000);
});

describe('an answer that leaks into the rationale', () => {
  it('is what a stop phrase would have cut off: nothing of what is left announces an answer', () => {
    for (const text of [
      'The answer is 72',
      'I guess the answer: 72. Now let me check: 48 + 24 = 72.',
      '48 + 24 = 72. So the final answer is 72',
      '**Answer:** $72',
      'Work.\n\nTherefore, the answer is seventy-two',
    ]) {
      assert.notEqual(answerLeakIndex(text), null, text);
      const stop = findStop(text, STOP_PHRASES);
      assert.ok(stop !== null, text);
      assert.equal(answerLeakIndex(text.slice(0, stop.index)), null, text);
    }
  });
});
