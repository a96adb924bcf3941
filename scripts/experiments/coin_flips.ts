/**
 * Coin flips with rationales: the side that is up after each person. The dataset has none, but what happens stands in the question:
 * "A coin is heads up. Whitney flips the coin. Erika does not flip the coin. …" → "flip: down\nno flip: down". Ours, in no paper.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RandomStream } from '../../src/engine/common/random.ts';
import type { QuestionRollout } from '../../src/protocol/records.ts';
import type { WordProblem } from './word_problems.ts';

const TURN = /\b(flips|does not flip) the coin\./g;

interface Row {
  readonly question: string;
  readonly answer: 'yes' | 'no';
}

export function readCoinFlips(path: string): WordProblem[] {
  const { examples } = JSON.parse(readFileSync(path, 'utf8')) as { examples: Row[] };
  return examples.map(({ question, answer }) => {
    const followed = followCoin(question);
    if (followed.answer !== answer) throw new Error(`${answer} is not where the coin ends: ${question}`);
    return { question, equation: '', ...followed };
  });
}

export function followCoin(question: string): Pick<WordProblem, 'rationale' | 'answer'> {
  let up = true;
  const steps = [...question.matchAll(TURN)].map(([, does]) => {
    if (does === 'flips') up = !up;
    return `${does === 'flips' ? 'flip' : 'no flip'}: ${up ? 'up' : 'down'}`;
  });
  return { rationale: steps.join('\n'), answer: up ? 'yes' : 'no' };
}

/** The same people, who flip or do not flip as it comes. */
export function withOtherFlips({ question }: Pick<WordProblem, 'question'>, random: RandomStream): WordProblem {
  const other = question.replace(TURN, () => `${random.pick(['flips', 'does not flip'])} the coin.`);
  return { question: other, equation: '', ...followCoin(other) };
}

/** Of the rationales a run sampled in updates `from` to `to` that end on the right word: the share that followed the coin there. */
export function soundShare(run: string, from: number, to: number): number {
  const folder = join(run, 'rollouts');
  const right = readdirSync(folder)
    .sort()
    .slice(from - 1, to)
    .flatMap((file) => readFileSync(join(folder, file), 'utf8').trimEnd().split('\n'))
    .map((line) => JSON.parse(line) as QuestionRollout)
    .flatMap(({ question, rationales }) =>
      rationales
        .filter(({ correct }) => correct)
        .map(({ text }) => Number(text.trim() === followCoin(question).rationale)),
    );
  return right.reduce((sum, sound) => sum + sound, 0) / right.length;
}
