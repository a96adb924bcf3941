import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { corpus } from '../../scripts/starter/corpus.ts';
import {
  jsonLines,
  leftoverProblemsOf,
  starterLeftoverProblems,
  starterWaysProblems,
  waysProblemsOf,
} from '../../scripts/starter/generate.ts';
import { splitOf } from '../../scripts/starter/problem.ts';
import { WAYS } from '../../scripts/starter/ways.ts';
import { RandomStream } from '../../src/engine/common/random.ts';

const SPLITS = ['train', 'validation', 'test'] as const;

interface Row {
  readonly kind: string;
  readonly question: string;
  readonly answer: number;
  readonly plot: string;
}

function numbersIn(text: string): number[] {
  return Array.from(text.matchAll(/\d+/g), ([digits]) => Number(digits));
}

function take<T>(count: number, items: Iterator<T, never>): T[] {
  return Array.from({ length: count }, () => items.next().value);
}

describe('starter task where guessing beats reasoning', () => {
  const problems = take(1000, leftoverProblemsOf('train', new RandomStream(3)));

  it('asks for a remainder: computed without slips, every equation holds and the answer follows', () => {
    const random = new RandomStream(0);
    for (const problem of problems) {
      const { rationale, answer } = problem.reason(0, random);
      for (const [, left, operator, right, result] of rationale.matchAll(/(\d+) ([-+]) (\d+) = (\d+)/g)) {
        assert.equal(Number(left) + (operator === '+' ? 1 : -1) * Number(right), Number(result), rationale);
      }
      const sharers = numbersIn(problem.question).at(-1) as number;
      const [total, by, left] = numbersIn(rationale).slice(-3) as [number, number, number];
      assert.equal(by, sharers);
      assert.equal(left, total % sharers);
      assert.equal(answer, left);
      assert.equal(problem.answer, answer);
    }
  });

  it('is right for a lucky guess once in two to four times, for careless reasoning in about three of four', () => {
    const random = new RandomStream(1);
    const share = (right: (problem: (typeof problems)[number]) => boolean) =>
      problems.filter(right).length / problems.length;
    for (let answer = 0; answer < 4; answer++) assert.ok(share((problem) => problem.answer === answer) < 0.5);
    const careless = share((problem) => problem.reason(0.1, random).answer === problem.answer);
    assert.ok(careless > 0.7 && careless < 0.85, String(careless));
  });
});

describe('starter task with three sound ways', () => {
  const problems = take(300, waysProblemsOf('train', new RandomStream(4)));

  it('comes to the same answer every way, with three different rationales', () => {
    for (const problem of problems) {
      const worked = WAYS.map((way) => problem.reason(way, true));
      assert.equal(new Set(worked.map(({ rationale }) => rationale)).size, WAYS.length);
      const sum = numbersIn(problem.question).reduce((total, part) => total + part, 0);
      for (const { rationale, answer } of worked) {
        assert.equal(answer, sum);
        assert.equal(numbersIn(rationale).at(-1), sum);
        for (const [, left, right, result] of rationale.matchAll(/(\d+) \+ (\d+) = (\d+)/g)) {
          assert.equal(Number(left) + Number(right), Number(result));
        }
      }
    }
  });

  it('falls short when it stops early, each kind of story in another way', () => {
    for (const problem of problems) {
      for (const way of WAYS) {
        const { rationale, answer } = problem.reason(way, false);
        assert.ok(answer < problem.answer);
        assert.equal(numbersIn(rationale).at(-1), answer);
      }
    }
    assert.equal(new Set(problems.map(({ kind, blindSpot }) => `${kind} ${blindSpot}`)).size, WAYS.length);
  });
});

describe('starter files of the other tasks', () => {
  for (const [folder, problemsOfFile] of [
    ['starter-guessing', starterLeftoverProblems],
    ['starter-forking', starterWaysProblems],
  ] as const) {
    it(`${folder} shares nothing between its splits and can be made again`, () => {
      const all = SPLITS.flatMap((split): readonly Row[] => {
        const problems: readonly Row[] = problemsOfFile(split);
        for (const { plot } of problems) assert.equal(splitOf(plot), split);
        const file = join(import.meta.dirname, '../../media', folder, `${split}.jsonl`);
        assert.equal(readFileSync(file, 'utf8'), jsonLines(problems));
        return problems;
      });
      assert.equal(new Set(all.map(({ plot }) => plot)).size, all.length);
      assert.equal(new Set(all.map(({ question }) => question)).size, all.length);
    });
  }

  it('train the same model: every kind of every task is in its corpus, and only train plots', () => {
    const writers = take(28, corpus(9));
    const prompts = new Set(writers.map((write) => write().prompt));
    assert.equal(prompts.size, writers.length);
    for (const task of [leftoverProblemsOf, waysProblemsOf]) {
      for (const { plot } of take<{ plot: string }>(50, task('train', new RandomStream(2)))) {
        assert.equal(splitOf(plot), 'train');
      }
    }
  });
});
