/**
 * MultiArith for the MiniMind experiment: split by wording, rationales of small steps, and the same stories with other numbers. MultiArith
 * is sorted by the form of its equations, (a + b) − c first and (a − b) / c last, so that its last rows hold a form that its first rows
 * never show; and it tells some stories several times with other numbers. So rows of one wording stay together here, and every fifth
 * wording goes to test. Ours, in no paper.
 */
import { readFileSync } from 'node:fs';
import type { RandomStream } from '../../src/engine/common/random.ts';
import { equationSteps } from '../../src/engine/datasets/equation_steps.ts';

/** What an experiment trains and evaluates on; `answer` as in the dataset, `rationale` one equation per line. */
export interface WordProblem {
  readonly question: string;
  readonly answer: string;
  readonly rationale: string;
  /** "(29 + 16) - 38", for other numbers. */
  readonly equation: string;
}

export interface Parts {
  readonly train: WordProblem[];
  readonly validation: WordProblem[];
  readonly test: WordProblem[];
}

const NUMBER = /\d+(?:\.\d+)?/g;

interface Row {
  readonly sQuestion: string;
  readonly lEquations: readonly [string];
  readonly lSolutions: readonly [number];
}

/** Of every five wordings, in order of their first row: three to train, one to validation, one to test. */
export function readMultiArith(path: string): Parts {
  const rows = JSON.parse(readFileSync(path, 'utf8')) as Row[];
  const wordings = new Map<string, number>();
  const parts: Parts = { train: [], validation: [], test: [] };
  for (const row of rows) {
    const question = row.sQuestion.trim();
    const wording = question.replace(NUMBER, '#');
    const number = wordings.get(wording) ?? wordings.size;
    wordings.set(wording, number);
    const part = (['train', 'train', 'train', 'validation', 'test'] as const)[number % 5]!;
    const problem = wordProblem(question, row.lEquations[0].replace(/^\s*X\s*=/i, ''));
    if (problem.answer !== String(row.lSolutions[0]))
      throw new Error(`${problem.answer} is not the answer: ${question}`);
    parts[part].push(problem);
  }
  return parts;
}

function wordProblem(question: string, equation: string): WordProblem {
  const rationale = smallSteps(equation);
  if (rationale === null) throw new Error(`no steps for ${equation}`);
  return { question, equation, rationale, answer: rationale.slice(rationale.lastIndexOf('= ') + 2) };
}

/**
 * The steps of an equation, none of which carries over more than one digit: "29 + 16" is "29 + 10 = 39\n39 + 6 = 45". A small model
 * learns those from far fewer examples than sums of two-digit numbers. null: not plain arithmetic.
 */
export function smallSteps(equation: string): string | null {
  const steps = equationSteps(equation);
  return steps === null ? null : steps.split('\n').flatMap(smallStep).join('\n');
}

function smallStep(step: string): string[] {
  const [, left, operator, right, result] = /^(\d+) ([-+*/]) (\d+) = (\d+)$/.exec(step) ?? [];
  if (left === undefined || (operator !== '+' && operator !== '-')) return [step];
  const units = Number(right) % 10;
  const tens = Number(right) - units;
  if (tens === 0 || units === 0) return [step];
  const between = operator === '+' ? Number(left) + tens : Number(left) - tens;
  return [`${left} ${operator} ${tens} = ${between}`, `${between} ${operator} ${units} = ${result}`];
}

/**
 * The same story with other numbers of the dataset's size, each as small or large as the one it replaces, and whole results throughout.
 * null: the question's numbers are not those of its equation ("two" is a word), or the draw does not come out whole.
 */
export function withOtherNumbers({ question, equation }: WordProblem, random: RandomStream): WordProblem | null {
  const written = question.match(NUMBER) ?? [];
  const used = (equation.match(NUMBER) ?? []).map((text) => String(Number(text)));
  if ([...written].sort().join() !== [...used].sort().join() || new Set(used).size !== used.length) return null;
  const drawn = new Map(
    used.map((text) => [text, String(Number(text) < 10 ? draw(2, 9, random) : draw(10, 60, random))]),
  );
  const renumbered = equation.replace(NUMBER, (text) => drawn.get(String(Number(text)))!);
  const steps = equationSteps(renumbered);
  if (steps === null || !steps.split('\n').every(isInRange)) return null;
  return wordProblem(
    question.replace(NUMBER, (text) => drawn.get(text)!),
    renumbered,
  );
}

/** Whole, not negative, at most 99; products and quotients within the table of ten. */
export function isInRange(step: string): boolean {
  const [, left, operator, right, result] = /^(\d+) ([-+*/]) (\d+) = (\d+)$/.exec(step) ?? [];
  if (result === undefined || Number(result) > 99) return false;
  if (operator === '*') return Number(left) <= 10 && Number(right) <= 10;
  return operator !== '/' || (Number(right) <= 10 && Number(result) <= 10);
}

export const draw = (from: number, to: number, random: RandomStream): number =>
  from + random.nextInteger(to - from + 1);
