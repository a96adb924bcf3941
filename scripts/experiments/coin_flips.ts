/**
 * Coin flips with rationales: the side that is up after each person. The dataset has none, but what happens stands in the question:
 * "A coin is heads up. Whitney flips the coin. Erika does not flip the coin. …" → "Whitney: down\nErika: down". Ours, in no paper.
 */
import { readFileSync } from 'node:fs';
import type { WordProblem } from './word_problems.ts';

const TURN = /(\p{L}+) (flips|does not flip) the coin\./gu;

interface Row {
  readonly question: string;
  readonly answer: 'yes' | 'no';
}

export function readCoinFlips(path: string): WordProblem[] {
  const { examples } = JSON.parse(readFileSync(path, 'utf8')) as { examples: Row[] };
  return examples.map(({ question, answer }) => {
    const { rationale, side } = followCoin(question);
    if ((side === 'up') !== (answer === 'yes')) throw new Error(`${answer} is not where the coin ends: ${question}`);
    return { question, answer, rationale, equation: '' };
  });
}

export function followCoin(question: string): { readonly rationale: string; readonly side: 'up' | 'down' } {
  let side: 'up' | 'down' = 'up';
  const steps = [...question.matchAll(TURN)].map(([, name, does]) => {
    if (does === 'flips') side = side === 'up' ? 'down' : 'up';
    return `${name}: ${side}`;
  });
  return { rationale: steps.join('\n'), side };
}
