import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { jsonLines, problemsOf, starterProblems } from '../../scripts/starter/generate.ts';
import { writeExample } from '../../scripts/starter/mixture.ts';
import { calculate, LARGEST_TOTAL, type Problem, SMALLEST_TOTAL, splitOf } from '../../scripts/starter/problem.ts';
import { SCENES } from '../../scripts/starter/scenes.ts';
import { RandomStream } from '../../src/engine/common/random.ts';

const SPLITS = ['train', 'validation', 'test'] as const;
const media = join(import.meta.dirname, '../../media/starter');

type Equation = { left: number; operator: string; right: number; result: number };

function equationsOf(rationale: string): Equation[] {
  return Array.from(rationale.matchAll(/(\d+) ([-+×/]) (\d+) = (\d+)/g), ([, left, operator, right, result]) => ({
    left: Number(left),
    operator: operator as string,
    right: Number(right),
    result: Number(result),
  }));
}

function recompute({ left, operator, right }: Equation): number {
  switch (operator) {
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '×':
      return left * right;
    default:
      return left / right;
  }
}

function numbersIn(text: string): number[] {
  return Array.from(text.matchAll(/\d+/g), ([digits]) => Number(digits));
}

function take(count: number, problems: Iterable<Problem>): Problem[] {
  const taken: Problem[] = [];
  for (const problem of problems) {
    taken.push(problem);
    if (taken.length === count) break;
  }
  return taken;
}

describe('starter problems', () => {
  const problems = take(1500, problemsOf('train', new RandomStream(7)));

  it('come in at least six kinds, three to six steps each', () => {
    assert.ok(new Set(problems.map(({ kind }) => kind)).size >= 6);
    assert.equal(new Set(SCENES.map(({ kind }) => kind)).size, SCENES.length);
    for (const { steps, soundRationale } of problems) {
      assert.ok(steps >= 3 && steps <= 6);
      assert.equal(equationsOf(soundRationale).length, steps);
    }
  });

  it('have equations that hold, each total carried into the next step, the last one being the answer', () => {
    for (const { soundRationale, hastyRationale, answer, hastyAnswer } of problems) {
      for (const [rationale, end] of [
        [soundRationale, answer],
        [hastyRationale, hastyAnswer],
      ] as const) {
        const [opening, ...sentences] = rationale.split('. ') as [string, ...string[]];
        let total = numbersIn(opening).at(-1);
        for (const sentence of [opening, ...sentences]) {
          for (const equation of equationsOf(sentence)) assert.equal(recompute(equation), equation.result, rationale);
        }
        for (const sentence of sentences) {
          const equations = equationsOf(sentence);
          const step = equations.pop() as Equation;
          assert.equal(step.left, total, rationale);
          for (const { operator, result } of equations) {
            assert.equal(operator, '×', rationale);
            assert.equal(step.right, result, rationale);
          }
          total = step.result;
          assert.ok(total >= SMALLEST_TOTAL && total <= LARGEST_TOTAL, rationale);
        }
        assert.equal(total, end, rationale);
      }
    }
  });

  it('use every number of the question in the sound rationale, and miss some in the hasty one', () => {
    for (const { question, soundRationale, hastyRationale, answer, hastyAnswer } of problems) {
      const used = new Set(numbersIn(soundRationale));
      assert.ok(
        numbersIn(question).every((number) => used.has(number)),
        `${question}\n${soundRationale}`,
      );
      assert.notEqual(answer, hastyAnswer);
      assert.ok(hastyRationale.length < soundRationale.length);
    }
  });

  it('read as plain text: no slot left over, no double space, sentences that start with a capital or a number', () => {
    for (const { question, soundRationale } of problems) {
      for (const text of [question, soundRationale]) {
        assert.doesNotMatch(text, /[{}]|\s\s|undefined|NaN/);
        assert.match(text, /^[A-Z\d][\x20-\x7e×]*[.?]$/);
        for (const sentence of text.split(/(?<=[.?]) /)) assert.match(sentence, /^[A-Z\d]/);
      }
    }
  });

  it('spread their answers so widely that the commonest is right for fewer than one in twenty', () => {
    const counts = new Map<number, number>();
    for (const { answer } of problems) counts.set(answer, (counts.get(answer) ?? 0) + 1);
    assert.ok(Math.max(...counts.values()) < problems.length / 20);
  });

  it('refuse steps that leave whole numbers or the allowed range', () => {
    const event = (operation: 'halve' | 'subtract' | 'double') => ({
      event: { operation, says: [], works: [] },
      amount: 9,
      groups: 1,
    });
    assert.equal(calculate(7, event('halve')), null);
    assert.equal(calculate(10, event('subtract')), null);
    assert.equal(calculate(60, event('double')), null);
    assert.deepEqual(calculate(12, event('subtract')), { after: 3, equation: '12 - 9 = 3' });
  });

  it('are the same for the same seed and other ones for another', () => {
    const again = take(50, problemsOf('train', new RandomStream(7)));
    assert.deepEqual(again, problems.slice(0, 50));
    assert.notDeepEqual(take(50, problemsOf('train', new RandomStream(8))), again);
  });
});

describe('starter splits', () => {
  const byName = new Map(SPLITS.map((split) => [split, starterProblems(split)]));

  it('share no plot and no question, with themselves or with one another', () => {
    const all = SPLITS.flatMap((split) => byName.get(split) as Problem[]);
    assert.equal(new Set(all.map(({ plot }) => plot)).size, all.length);
    assert.equal(new Set(all.map(({ question }) => question)).size, all.length);
    for (const split of SPLITS) {
      for (const { plot } of byName.get(split) as Problem[]) assert.equal(splitOf(plot), split);
    }
  });

  it('hold at least 500 test questions, every kind in about equal share', () => {
    const test = byName.get('test') as Problem[];
    assert.ok(test.length >= 500);
    for (const { kind } of SCENES) {
      const share = test.filter((problem) => problem.kind === kind).length / test.length;
      assert.ok(Math.abs(share - 1 / SCENES.length) < 0.02, `${kind}: ${share}`);
    }
  });

  it('are what media/starter holds, so the files can be made again', () => {
    for (const split of SPLITS) {
      const file = join(media, `${split}.jsonl`);
      assert.ok(existsSync(file), `${file} is missing; run scripts/starter/generate.ts`);
      assert.equal(readFileSync(file, 'utf8'), jsonLines(byName.get(split) as Problem[]));
    }
  });
});

describe('starter worked examples', () => {
  it('mix sound, hasty and guessed ones in every kind; most are sound in some kinds, few in others', () => {
    const random = new RandomStream(11);
    const shares = new Map<string, { sound: number; hasty: number; guess: number; all: number }>();
    for (const problem of take(5400, problemsOf('train', random))) {
      const { completion, prompt } = writeExample(problem, random);
      assert.ok(prompt.startsWith(problem.question));
      const share = shares.get(problem.kind) ?? { sound: 0, hasty: 0, guess: 0, all: 0 };
      shares.set(problem.kind, share);
      share.all++;
      if (completion.includes(problem.soundRationale)) share.sound++;
      else if (completion.includes(problem.hastyRationale)) share.hasty++;
      else share.guess++;
      assert.match(completion, /^\n(.+\n)?The answer is \d+\.$/);
    }
    const soundShares = [...shares.values()].map(({ sound, all }) => sound / all);
    assert.ok(Math.max(...soundShares) > 0.55);
    assert.ok(Math.min(...soundShares) < 0.4);
    for (const { sound, hasty, guess, all } of shares.values()) {
      for (const count of [sound, hasty, guess]) assert.ok(count / all > 0.05);
    }
  });
});
