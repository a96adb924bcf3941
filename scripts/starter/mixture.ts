/**
 * What the starter reads before anyone tunes it: worked examples of mixed quality. Some writers take every event into account,
 * some pass over a detail, some just guess. In some kinds of problem most writers are careful, in others few are. So the
 * starter can reason soundly about every kind, but does not do so by habit: what LaTRO then has to teach it.
 */
import type { RandomStream } from '../../src/engine/common/random.ts';
import type { LeftoverProblem } from './leftovers.ts';
import { LARGEST_TOTAL, type Problem, SMALLEST_TOTAL } from './problem.ts';
import { WAYS, type Way, type WaysProblem } from './ways.ts';

/** Shares of the three ways to answer; they sum to 1. */
export type Habit = { readonly sound: number; readonly hasty: number; readonly guess: number };

const CAREFUL: Habit = { sound: 0.66, hasty: 0.2, guess: 0.14 };
const CARELESS: Habit = { sound: 0.24, hasty: 0.6, guess: 0.16 };

const HABITS: ReadonlyMap<string, Habit> = new Map([
  ['shells', CAREFUL],
  ['bakery', CARELESS],
  ['library', CAREFUL],
  ['bus', CARELESS],
  ['garden', CAREFUL],
  ['pocket money', CARELESS],
  ['train', CAREFUL],
  ['ages', CARELESS],
  ['eggs', CAREFUL],
]);

/** Share of worked examples whose last line does not follow from what stands above it: nobody's text is free of slips. */
const MISCOPIED = 0.02;

/**
 * Share of hasty rationales whose writer notices at the last moment and states the right answer all the same. From these the
 * starter learns not to trust a text that passes over a detail, and so to score its own rationales: without them a hasty text
 * makes the right answer all but impossible, and log π(y|x,z) pays for doubt about every text instead of for sound ones.
 */
const NOTICED = 0.25;

const GUESSES = [
  'That is a lot to keep in mind, so I will guess.',
  'I cannot count that in my head. A guess will have to do.',
  'No idea, really. It feels about right.',
];

export type Example = { readonly prompt: string; readonly completion: string };

export function promptOf(question: string): string {
  return `${question}\nLet's think step by step.`;
}

/** Rationale and answer as they follow the prompt; the end token comes after. An empty rationale leaves the answer alone. */
export function completionOf(rationale: string, answer: number): string {
  return `${rationale === '' ? '' : `\n${rationale}`}\nThe answer is ${answer}.`;
}

/** One worked example of the problem, of the quality that its kind usually has. */
export function writeExample(problem: Problem, random: RandomStream): Example {
  const habit = HABITS.get(problem.kind);
  if (habit === undefined) throw new Error(`no habit is set for the kind "${problem.kind}"`);
  const style = random.next();
  const miscopied = random.next() < MISCOPIED;
  const noticed = random.next() < NOTICED;
  const other = SMALLEST_TOTAL + random.nextInteger(LARGEST_TOTAL - SMALLEST_TOTAL + 1);
  const guess = random.nextInteger(2 * GUESSES.length);
  const prompt = promptOf(problem.question);
  if (style < habit.sound) {
    return { prompt, completion: completionOf(problem.soundRationale, miscopied ? other : problem.answer) };
  }
  if (style < habit.sound + habit.hasty) {
    const stated = noticed ? problem.answer : problem.hastyAnswer;
    return { prompt, completion: completionOf(problem.hastyRationale, miscopied ? other : stated) };
  }
  return { prompt, completion: completionOf(GUESSES[guess] ?? '', problem.answer) };
}

/** In the kinds of `leftovers.ts`: share of writers who guess, and how often one who works it out miscalculates a step. */
export type LeftoverHabit = { readonly guess: number; readonly slip: number };

export const LEFTOVER_HABIT: LeftoverHabit = { guess: 0.35, slip: 0.1 };

export function writeLeftoverExample(problem: LeftoverProblem, habit: LeftoverHabit, random: RandomStream): Example {
  const prompt = promptOf(problem.question);
  if (random.next() < habit.guess) {
    return { prompt, completion: completionOf(GUESSES[random.nextInteger(2 * GUESSES.length)] ?? '', problem.answer) };
  }
  const { rationale, answer } = problem.reason(habit.slip, random);
  return { prompt, completion: completionOf(rationale, answer) };
}

/** In the kinds of `ways.ts`: how often a writer stops before the end where the chosen way has its blind spot. */
const STOPS_EARLY = 0.75;

export function writeWaysExample(problem: WaysProblem, random: RandomStream): Example {
  return writeWay(problem, random.pick(WAYS), random);
}

/** The same by a writer who has that way. */
export function writeWay(problem: WaysProblem, way: Way, random: RandomStream): Example {
  const complete = way !== problem.blindSpot || random.next() >= STOPS_EARLY;
  const { rationale, answer } = problem.reason(way, complete);
  return { prompt: promptOf(problem.question), completion: completionOf(rationale, answer) };
}
