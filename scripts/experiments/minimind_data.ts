/** Writes the files that `minimind.ts` trains and evaluates on, as JSON lines of question, answer and rationale. The same every time. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RandomStream } from '../../src/engine/common/random.ts';
import { readCoinFlips, withOtherFlips } from './coin_flips.ts';
import { drill } from './drills.ts';
import { readMultiArith, type WordProblem, withOtherNumbers } from './word_problems.ts';

export interface TaskFiles {
  readonly train: string;
  readonly validation: string;
  readonly test: string;
  /** Rows with gold rationales. */
  readonly warmStart: string;
  /** Training questions, and how many of them the warm start has rationales for. */
  readonly questions: number;
  readonly gold: number;
  /** Lines of the warm start's rationales. */
  readonly steps: number;
}

/** Rows of MultiArith's warm start, every other one a story. */
const WARM_START_ROWS = 2_400;
/** Every sixth training question of MultiArith has a gold rationale. */
const GOLD_EVERY = 6;

export function writeMultiArith(dataset: string, folder: string): TaskFiles {
  const { train, validation, test } = readMultiArith(dataset);
  const gold = train.filter((_, i) => i % GOLD_EVERY === 0);
  const rows = { train, validation, test, warmStart: warmStart(gold, new RandomStream(20_261)) };
  return { ...writeAll(folder, rows), questions: train.length, gold: gold.length, steps: lines(rows.warmStart) };
}

/** Drills and gold stories in turn, the latter with other numbers where that can be, so that none is learned by heart. */
function warmStart(gold: readonly WordProblem[], random: RandomStream): WordProblem[] {
  return Array.from({ length: WARM_START_ROWS }, (_, i) => {
    if (i % 2 === 0) return drill(1 + (i % 3), random);
    const story = gold[((i - 1) / 2) % gold.length]!;
    for (let attempt = 0; attempt < 500; attempt++) {
      const renumbered = withOtherNumbers(story, random);
      if (renumbered !== null) return renumbered;
    }
    return story;
  });
}

/** Rows of the coin flips' warm start. */
const COIN_ROWS = 800;

/** The last 120 rows test, the 60 before them validate; the warm start has the first 40, told with other flips as well. */
export function writeCoinFlips(dataset: string, folder: string): TaskFiles {
  const rows = readCoinFlips(dataset);
  const train = rows.slice(0, 320);
  const gold = train.slice(0, 40);
  const random = new RandomStream(20_262);
  const warmStart = Array.from({ length: COIN_ROWS }, (_, i) => withOtherFlips(gold[i % gold.length]!, random));
  const parts = { train, validation: rows.slice(320, 380), test: rows.slice(380), warmStart };
  return { ...writeAll(folder, parts), questions: train.length, gold: gold.length, steps: lines(warmStart) };
}

const lines = (rows: readonly WordProblem[]): number =>
  rows.reduce((total, { rationale }) => total + rationale.split('\n').length, 0);

type Part = 'train' | 'validation' | 'test' | 'warmStart';

function writeAll(folder: string, parts: Readonly<Record<Part, readonly WordProblem[]>>): Record<Part, string> {
  mkdirSync(folder, { recursive: true });
  const write = (part: Part): string => {
    const path = join(folder, `${part}.jsonl`);
    const texts = parts[part].map(({ question, answer, rationale }) => JSON.stringify({ question, answer, rationale }));
    writeFileSync(path, `${texts.join('\n')}\n`);
    return path;
  };
  return {
    train: write('train'),
    validation: write('validation'),
    test: write('test'),
    warmStart: write('warmStart'),
  };
}
