/** One point of a curve of growth, measured in a process of its own: its peak memory is then its own too. */
import { appendFileSync, rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readDataset, requireSoundRows } from '../../src/engine/datasets/read_dataset.ts';
import type { DatasetRow } from '../../src/engine/datasets/row.ts';
import { questionsOfStep } from '../../src/engine/training/trainer.ts';
import type { Measured } from './growth_page.ts';
import { round } from './report.ts';
import { type ShapeName, shapeConfig } from './shapes.ts';
import { benchModel } from './stages.ts';
import { median } from './statistics.ts';
import { newOptimizer, timedUpdate, type UpdateSizes } from './update.ts';

/** `rows`: of the dataset that each update chooses its questions from. */
export type GrowthRequest =
  | {
      readonly kind: 'update';
      readonly shape: ShapeName;
      readonly sizes: UpdateSizes;
      readonly threads: number;
      readonly rows?: number;
    }
  | { readonly kind: 'reading' | 'choosing'; readonly rows: number; readonly perUpdate: number };

const TOKEN_BUDGET = 1024;
const SEED = 1;
/** Choosing once is too short to be timed, and at first it is compiled. */
const CHOICES = 200;
/** Lines written at a time: a whole file in memory would count as the reader's. */
const LINES = 1000;

export async function measureGrowth(request: GrowthRequest): Promise<Measured> {
  const seconds = await secondsOf(request);
  return { seconds: round(seconds, 6), peakMemoryGB: round((process.resourceUsage().maxRSS * 1024) / 1e9, 3) };
}

async function secondsOf(request: GrowthRequest): Promise<number> {
  if (request.kind === 'update') return round(await updateSeconds(request), 3);
  const { rows, seconds } = await readRows(request.rows);
  if (request.kind === 'reading') return round(seconds, 3);
  const choose = (): void => {
    for (let step = 1; step <= CHOICES; step++) questionsOfStep(rows, step, request.perUpdate, SEED);
  };
  choose();
  const start = processorSeconds();
  choose();
  return (processorSeconds() - start) / CHOICES;
}

async function updateSeconds({ shape, sizes, threads, rows = 0 }: Extract<GrowthRequest, { kind: 'update' }>) {
  const dataset = rows === 0 ? null : (await readRows(rows)).rows;
  const model = benchModel(shapeConfig(shape), { device: 'cpu', threads });
  const optimizer = newOptimizer(model);
  await timedUpdate(model, optimizer, { ...sizes, questions: 1, rationale: 4 }, 0, TOKEN_BUDGET);
  const all: number[] = [];
  const start = performance.now();
  while (all.length < 1 || (all.length < 3 && performance.now() - start < 4000)) {
    const step = all.length + 1;
    const before = processorSeconds();
    if (dataset !== null) questionsOfStep(dataset, step, sizes.questions, SEED);
    // Whatever the rows say, their tokens are as many: only the choice among them may cost more.
    await timedUpdate(model, optimizer, sizes, step, TOKEN_BUDGET);
    all.push(processorSeconds() - before);
  }
  return median(all);
}

/** Reads a file of that many rows as a run does, into what a run holds of it. */
async function readRows(count: number): Promise<{ readonly rows: readonly DatasetRow[]; readonly seconds: number }> {
  const folder = await mkdtemp(join(tmpdir(), 'latro-growth-'));
  try {
    const path = join(folder, 'rows.jsonl');
    for (let start = 0; start < count; start += LINES) {
      const lines = Array.from({ length: Math.min(LINES, count - start) }, (_, i) => line(start + i));
      appendFileSync(path, `${lines.join('\n')}\n`);
    }
    const start = processorSeconds();
    const rows = requireSoundRows(await readDataset(path));
    const seconds = processorSeconds() - start;
    if (rows.length !== count) throw new Error(`${rows.length} of ${count} rows were read`);
    return { rows, seconds };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const line = (i: number): string =>
  JSON.stringify({
    question: `A shelf holds ${i} books, and ${i % 13} more are put on it. How many books does it hold now?`,
    answer: `${i} + ${i % 13} = ${i + (i % 13)}.\n#### ${i + (i % 13)}`,
  });

function processorSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
