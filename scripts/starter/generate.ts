/**
 * The starter's files of questions: `node --import=tsx scripts/starter/generate.ts [folder]` writes train, validation and test
 * rows `{"question","answer","kind"}` under `media/`. Everything follows from the seeds below; running it again changes nothing.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RandomStream } from '../../src/engine/common/random.ts';
import { makeProblem, type Problem, type Split, splitOf } from './problem.ts';
import { SCENES } from './scenes.ts';

const SEED = 20241108;
const SPLITS: readonly Split[] = ['train', 'validation', 'test'];
const ROWS: Readonly<Record<Split, number>> = { train: 1024, validation: 128, test: 512 };

/** Endless problems of one split, the kinds in turn. */
export function* problemsOf(split: Split, random: RandomStream): Generator<Problem, never> {
  for (let drawn = 0; ; ) {
    const scene = SCENES[drawn % SCENES.length];
    if (scene === undefined) throw new Error('there is no scene');
    const problem = makeProblem(scene, random);
    if (splitOf(problem.plot) !== split) continue;
    drawn++;
    yield problem;
  }
}

/** The problems of one of the starter's files; no plot occurs twice. */
export function starterProblems(split: Split): Problem[] {
  const byPlot = new Map<string, Problem>();
  for (const problem of problemsOf(split, new RandomStream(SEED, SPLITS.indexOf(split)))) {
    if (!byPlot.has(problem.plot)) byPlot.set(problem.plot, problem);
    if (byPlot.size === ROWS[split]) break;
  }
  return [...byPlot.values()];
}

export function jsonLines(problems: readonly Problem[]): string {
  return problems
    .map(({ question, answer, kind }) => `${JSON.stringify({ question, answer: String(answer), kind })}\n`)
    .join('');
}

function main(folder: string): void {
  mkdirSync(join(folder, 'starter'), { recursive: true });
  for (const split of SPLITS) {
    const problems = starterProblems(split);
    writeFileSync(join(folder, 'starter', `${split}.jsonl`), jsonLines(problems));
    console.log(`${split}: ${problems.length} problems`);
  }
}

const media = join(dirname(fileURLToPath(import.meta.url)), '../../media');
if (process.argv[1] === fileURLToPath(import.meta.url)) main(resolve(process.argv[2] ?? media));
