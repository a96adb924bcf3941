import assert from 'node:assert/strict';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { followCoin, readCoinFlips, withOtherFlips } from '../../scripts/experiments/coin_flips.ts';
import { drill } from '../../scripts/experiments/drills.ts';
import { arithmeticOutcome } from '../../scripts/experiments/errors.ts';
import { isInRange, readMultiArith, smallSteps, withOtherNumbers } from '../../scripts/experiments/word_problems.ts';
import { RandomStream } from '../../src/engine/common/random.ts';
import { requireShared } from '../support/shared_folder.ts';

/** Every equation of a rationale holds and is in range. */
function assertSound(rationale: string): void {
  for (const step of rationale.split('\n')) {
    const [, left, operator, right, result] = /^(\d+) ([-+*/]) (\d+) = (\d+)$/.exec(step) ?? [];
    const [a, b, c] = [Number(left), Number(right), Number(result)];
    const value = operator === '+' ? a + b : operator === '-' ? a - b : operator === '*' ? a * b : a / b;
    assert.equal(c, value, step);
    assert.ok(isInRange(step), step);
  }
}

describe('what the MiniMind experiment trains on', () => {
  it('sums take the tens first, then the units', () => {
    assert.equal(smallSteps('((29.0+16.0)-38.0)'), '29 + 10 = 39\n39 + 6 = 45\n45 - 30 = 15\n15 - 8 = 7');
    assert.equal(smallSteps('(5.0*(7.0+30.0))'), '7 + 30 = 37\n5 * 37 = 185');
    assert.equal(smallSteps('two + two'), null);
  });

  it('drills hold, and end on their answer', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 4 }), (seed, count) => {
        const { question, rationale, answer } = drill(count, new RandomStream(seed));
        assertSound(rationale);
        assert.ok(rationale.endsWith(`= ${answer}`));
        assert.equal(question.split(', then ').length, count);
      }),
      { numRuns: 300 },
    );
  });

  it('a story with other numbers has its own answer, and none where its numbers are words', () => {
    const story = {
      question: 'Ann had 29 and 16 and ate 38.',
      equation: '((29.0+16.0)-38.0)',
      rationale: '',
      answer: '7',
    };
    const random = new RandomStream(1);
    const others = Array.from({ length: 400 }, () => withOtherNumbers(story, random)).filter((other) => other !== null);
    assert.ok(others.length > 50);
    for (const { question, rationale, answer } of others) {
      assertSound(rationale);
      const [a, b, c] = question.match(/\d+/g)!.map(Number) as [number, number, number];
      assert.equal(Number(answer), a + b - c, question);
    }
    assert.equal(withOtherNumbers({ ...story, question: 'Ann had 29 and sixteen and ate 38.' }, random), null);
  });

  it('MultiArith is split by wording, and every rationale ends on the answer', function () {
    const parts = readMultiArith(join(requireShared(this, 'datasets', 'multiarith'), 'MultiArith.json'));
    const { train, validation, test } = parts;
    assert.deepEqual([train.length, validation.length, test.length], [365, 113, 122]);
    const wording = ({ question }: { question: string }) => question.replace(/\d+(\.\d+)?/g, '#');
    const trained = new Set(train.map(wording));
    const chosenBy = new Set(validation.map(wording));
    assert.ok(test.every((row) => !trained.has(wording(row)) && !chosenBy.has(wording(row))));
    assert.ok(validation.every((row) => !trained.has(wording(row))));
    const form = ({ equation }: { equation: string }) => equation.replace(/\d+(\.\d+)?/g, 'n');
    for (const part of Object.values(parts))
      assert.equal(new Set(part.map(form)).size, 5, 'every form is in every part');
    for (const { rationale, answer } of [...train, ...validation, ...test]) {
      assertSound(rationale);
      assert.ok(rationale.endsWith(`= ${answer}`));
    }
  });

  it('a coin is followed person by person, to the answer of every row', function () {
    assert.deepEqual(
      followCoin('A coin is heads up. Al flips the coin. Bo does not flip the coin. Is the coin still …'),
      {
        rationale: 'flip: down\nno flip: down',
        answer: 'no',
      },
    );
    const random = new RandomStream(2);
    const question = 'A coin is heads up. Al flips the coin. Bo does not flip the coin. Is the coin still heads up?';
    const others = new Set(Array.from({ length: 60 }, () => withOtherFlips({ question }, random).question));
    assert.equal(others.size, 4);
    for (const other of others)
      assert.match(other, /^A coin is heads up\. Al [a-z ]+ the coin\. Bo [a-z ]+ the coin\. Is/);
    const rows = readCoinFlips(join(requireShared(this, 'datasets', 'coin-flip'), 'coin_flip.json'));
    assert.equal(rows.length, 500);
    assert.ok(rows.every(({ rationale, answer }) => rationale.endsWith(answer === 'yes' ? 'up' : 'down')));
  });

  it('an error is one of arithmetic, or of reading', () => {
    const outcome = (text: string, correct = false, extractedAnswer: string | null = '7') =>
      arithmeticOutcome({ greedy: { text, correct, extractedAnswer, tokens: 9, finished: true } });
    assert.equal(outcome('2 + 5 = 8', true), 'right');
    assert.equal(outcome('2 + 5 = 8\n8 * 1 = 8'), 'arithmetic');
    assert.equal(outcome('2 + 5 = 7'), 'reading');
    assert.equal(outcome('9 / 2 = 4'), 'arithmetic');
    assert.equal(outcome('I do not know', false, null), 'no-answer');
  });
});
