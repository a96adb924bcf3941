/**
 * The starter's files of questions: `node --import=tsx scripts/starter/generate.ts [folder]` writes train, validation and test
 * rows `{"question","answer","kind"}` of every task under `media/`. Everything follows from the seeds below; running it again
 * changes nothing.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RandomStream } from '../../src/engine/common/random.ts';
import { LEFTOVER_SCENES, type LeftoverProblem, makeLeftoverProblem } from './leftovers.ts';
import { makeProblem, type Problem, type Split, splitOf } from './problem.ts';
import { SCENES } from './scenes.ts';
import { makeWaysProblem, WAYS_SCENES, type WaysProblem } from './ways.ts';

const SEED = 20241108;
const SPLITS: readonly Split[] = ['train', 'validation', 'test'];
const ROWS: Readonly<Record<Split, number>> = { train: 1024, validation: 128, test: 512 };

/** What the problems of all tasks have in common. */
type Row = { readonly question: string; readonly answer: number; readonly kind: string; readonly plot: string };

/** Endless problems of one split, the scenes in turn. */
function* inTurn<S, P extends Row>(
  scenes: readonly S[],
  make: (scene: S, random: RandomStream) => P,
  split: Split,
  random: RandomStream,
): Generator<P, never> {
  for (let drawn = 0; ; ) {
    const problem = make(scenes[drawn % scenes.length] as S, random);
    if (splitOf(problem.plot) !== split) continue;
    drawn++;
    yield problem;
  }
}

export function problemsOf(split: Split, random: RandomStream): Generator<Problem, never> {
  return inTurn(SCENES, makeProblem, split, random);
}

export function leftoverProblemsOf(split: Split, random: RandomStream): Generator<LeftoverProblem, never> {
  return inTurn(LEFTOVER_SCENES, makeLeftoverProblem, split, random);
}

export function waysProblemsOf(split: Split, random: RandomStream): Generator<WaysProblem, never> {
  return inTurn(WAYS_SCENES, makeWaysProblem, split, random);
}

/** As many problems as a file of the split holds; no plot occurs twice. */
function fileOf<P extends Row>(split: Split, problems: Generator<P, never>): P[] {
  const byPlot = new Map<string, P>();
  while (byPlot.size < ROWS[split]) {
    const problem = problems.next().value;
    if (!byPlot.has(problem.plot)) byPlot.set(problem.plot, problem);
  }
  return [...byPlot.values()];
}

/** The problems of one of the starter's files. */
export function starterProblems(split: Split): Problem[] {
  return fileOf(split, problemsOf(split, new RandomStream(SEED, SPLITS.indexOf(split))));
}

/** The same for the second task, where guessing beats reasoning at first. */
export function starterLeftoverProblems(split: Split): LeftoverProblem[] {
  return fileOf(split, leftoverProblemsOf(split, new RandomStream(SEED, 100 + SPLITS.indexOf(split))));
}

/** The same for the third, which can be reasoned about in three ways. */
export function starterWaysProblems(split: Split): WaysProblem[] {
  return fileOf(split, waysProblemsOf(split, new RandomStream(SEED, 200 + SPLITS.indexOf(split))));
}

export function jsonLines(problems: readonly Row[]): string {
  return problems
    .map(({ question, answer, kind }) => `${JSON.stringify({ question, answer: String(answer), kind })}\n`)
    .join('');
}

function main(media: string): void {
  for (const split of SPLITS) {
    for (const [folder, problems] of [
      ['starter', starterProblems(split)],
      ['starter-guessing', starterLeftoverProblems(split)],
      ['starter-forking', starterWaysProblems(split)],
    ] as const) {
      mkdirSync(join(media, folder), { recursive: true });
      writeFileSync(join(media, folder, `${split}.jsonl`), jsonLines(problems));
      console.log(`${folder}/${split}.jsonl: ${problems.length} problems`);
    }
  }
}

const media = join(dirname(fileURLToPath(import.meta.url)), '../../media');
if (process.argv[1] === fileURLToPath(import.meta.url)) main(resolve(process.argv[2] ?? media));
