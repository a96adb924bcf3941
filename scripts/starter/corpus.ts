/** The endless text the starter is trained on: problems of every kind of all tasks, in turn, with writers of mixed quality. */
import { RandomStream } from '../../src/engine/common/random.ts';
import { leftoverProblemsOf, problemsOf, waysProblemsOf } from './generate.ts';
import { LEFTOVER_SCENES } from './leftovers.ts';
import {
  type Example,
  LEFTOVER_HABIT,
  type LeftoverHabit,
  writeExample,
  writeLeftoverExample,
  writeWaysExample,
} from './mixture.ts';
import { SCENES } from './scenes.ts';
import { WAYS_SCENES } from './ways.ts';

/** One problem of the corpus: every call writes it out as another writer would. */
export type Page = () => Example;

/** Problems of the train side alone: none of them shares its plot with a validation or test problem. */
export function* corpus(seed: number): Generator<Page, never> {
  const random = new RandomStream(seed, 0);
  const problems = problemsOf('train', new RandomStream(seed, 1));
  const leftovers = leftoverProblemsOf('train', new RandomStream(seed, 2));
  const ways = waysProblemsOf('train', new RandomStream(seed, 3));
  for (;;) {
    for (let i = 0; i < SCENES.length; i++) {
      const problem = problems.next().value;
      yield () => writeExample(problem, random);
    }
    for (let i = 0; i < LEFTOVER_SCENES.length; i++) {
      const problem = leftovers.next().value;
      yield () => writeLeftoverExample(problem, LEFTOVER_HABIT, random);
    }
    for (let i = 0; i < WAYS_SCENES.length; i++) {
      const problem = ways.next().value;
      yield () => writeWaysExample(problem, random);
    }
  }
}

/** The second task alone, written by people of one habit. */
export function* leftoverCorpus(seed: number, habit: LeftoverHabit): Generator<Page, never> {
  const random = new RandomStream(seed, 0);
  const problems = leftoverProblemsOf('train', new RandomStream(seed, 2));
  for (;;) {
    const problem = problems.next().value;
    yield () => writeLeftoverExample(problem, habit, random);
  }
}
