/**
 * Traces for the forking experiment: what three writers, one for each way, wrote to the training questions. Nobody checked them: each
 * writer often stops early in one kind of story, as does the starter that has read such texts. So they teach it nothing it does not do
 * already, and what a method gains is owed to its tags alone. (Of right traces only, all methods learn to finish: see the notes.)
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { RandomStream } from '../../src/engine/common/random.ts';
import { starterWaysProblems } from '../starter/generate.ts';
import { writeWay } from '../starter/mixture.ts';
import { END_TOKEN } from '../starter/tokenizer.ts';
import { WAYS, type Way, type WaysProblem } from '../starter/ways.ts';

const SEED = 20_261_127;
const OPENINGS: Readonly<Record<Way, string>> = {
  forwards: 'From the first on:',
  backwards: 'From the last back:',
  pairs: 'In pairs:',
};

/** The way a text of the third starter task reasons; null when it says none. */
export function wayOf(text: string): Way | null {
  return WAYS.find((way) => text.includes(OPENINGS[way])) ?? null;
}

/** A whole text of each writer, its own answer and the end token included. */
export function writtenTraces(problem: WaysProblem, random: RandomStream): Record<string, string> {
  return Object.fromEntries(WAYS.map((way) => [way, `${writeWay(problem, way, random).completion}${END_TOKEN}`]));
}

/** Writes `path` unless it is there. */
export function writeTraces(path: string): void {
  if (existsSync(path)) return;
  const random = new RandomStream(SEED);
  const rows = starterWaysProblems('train').map((problem) => ({
    question: problem.question,
    answer: String(problem.answer),
    rationales: writtenTraces(problem, random),
  }));
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
}
