/**
 * `npm run bench:growth`: how the cost of a LaTRO update grows with K, L, questions and model size, and what a larger dataset costs.
 * Writes docs/bench/growth.md and its charts. Each point is one process: its memory is its own. Seconds are of processor time, so that what else
 * the machine does matters little.
 *   --threads N, --json FILE
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readDataset } from '../../src/engine/datasets/read_dataset.ts';
import { parameterShapes } from '../../src/engine/model/config.ts';
import { questionsOfStep } from '../../src/engine/training/trainer.ts';
import { type Curve, growthPage, type Point } from './growth_page.ts';
import { inOwnProcess } from './own_process.ts';
import { describeMachine, round } from './report.ts';
import { type ShapeName, shapeConfig } from './shapes.ts';
import { benchModel } from './stages.ts';
import { median } from './statistics.ts';
import { newOptimizer, timedUpdate, type UpdateSizes } from './update.ts';

type Request =
  | { readonly kind: 'update'; readonly shape: ShapeName; readonly sizes: UpdateSizes; readonly threads: number }
  | { readonly kind: 'dataset'; readonly rows: number };

const MARK = 'growth-result:';
const BASE: UpdateSizes = { questions: 4, rationales: 4, prompt: 48, rationale: 32, answer: 8 };
const SHAPE: ShapeName = 'minimind2-small';
const TOKEN_BUDGET = 1024;

const { values } = parseArgs({
  options: {
    threads: { type: 'string', default: '1' },
    json: { type: 'string' },
    child: { type: 'string' },
  },
});

if (values.child !== undefined) console.log(MARK + JSON.stringify(await measure(JSON.parse(values.child) as Request)));
else await run();

async function run(): Promise<void> {
  const threads = Number(values.threads);
  const curves: Curve[] = [];
  const curve = async (about: Omit<Curve, 'points'>, points: readonly { at: number; request: Request }[]) => {
    const measured: Point[] = [];
    for (const { at, request } of points) {
      process.stderr.write(`${about.name} ${at} …\n`);
      measured.push({ ...(await inOwnProcess<Omit<Point, 'at'>>(request, MARK, JSON.stringify(request))), at });
    }
    curves.push({ ...about, points: measured });
  };
  const sized = (size: keyof UpdateSizes) => (at: number) => {
    return { at, request: { kind: 'update', shape: SHAPE, sizes: { ...BASE, [size]: at }, threads } as const };
  };
  await curve(
    {
      name: 'rationales',
      title: 'Rationales per question',
      across: 'K',
      expectation: 'linear; the prompt is paid once',
      baseAt: BASE.rationales,
    },
    [2, 4, 8, 16].map(sized('rationales')),
  );
  await curve(
    {
      name: 'length',
      title: 'Rationale length',
      across: 'L (tokens)',
      expectation: 'more than linear, because attention looks back',
      baseAt: BASE.rationale,
    },
    [16, 32, 64, 128].map(sized('rationale')),
  );
  await curve(
    {
      name: 'questions',
      title: 'Questions per update',
      across: 'questions',
      expectation: 'linear',
      baseAt: BASE.questions,
    },
    [2, 4, 8, 16].map(sized('questions')),
  );
  const shapes: readonly ShapeName[] = ['starter', 'minimind2-small', 'smollm2-135m'];
  const millions = (shape: ShapeName): number => round(parameterCount(shape) / 1e6, 1);
  await curve(
    {
      name: 'model',
      title: 'Model size',
      across: 'parameters (millions)',
      expectation: 'linear',
      baseAt: millions(SHAPE),
    },
    shapes.map((shape) => {
      const at = millions(shape);
      return { at, request: { kind: 'update', shape, sizes: BASE, threads } as const };
    }),
  );
  await curve(
    {
      name: 'dataset',
      title: 'Dataset size',
      across: 'rows',
      expectation: 'reading is linear; an update does not depend on it',
    },
    [1000, 10_000, 50_000, 100_000].map((rows) => ({ at: rows, request: { kind: 'dataset', rows } as const })),
  );

  const machine = describeMachine({ device: 'cpu', threads });
  mkdirSync('docs/bench/growth', { recursive: true });
  const { text, charts } = growthPage(machine, curves, BASE, SHAPE);
  writeFileSync('docs/bench/growth.md', text);
  for (const [name, svg] of Object.entries(charts)) writeFileSync(`docs/bench/growth/${name}.svg`, svg);
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({ machine, curves }, null, 2)}\n`);
  console.log(text);
}

function parameterCount(shape: ShapeName): number {
  const sizes = [...parameterShapes(shapeConfig(shape)).values()];
  return sizes.reduce((sum, size) => sum + size.reduce((product, one) => product * one, 1), 0);
}

async function measure(request: Request): Promise<Omit<Point, 'at'>> {
  const seconds = request.kind === 'update' ? await updateSeconds(request) : await datasetSeconds(request.rows);
  return { seconds: round(seconds, 3), peakMemoryGB: round((process.resourceUsage().maxRSS * 1024) / 1e9, 3) };
}

async function updateSeconds({ shape, sizes, threads }: Extract<Request, { kind: 'update' }>): Promise<number> {
  const model = benchModel(shapeConfig(shape), { device: 'cpu', threads });
  const optimizer = newOptimizer(model);
  await timedUpdate(model, optimizer, { ...BASE, questions: 1, rationale: 4 }, 0, TOKEN_BUDGET);
  const all: number[] = [];
  const start = performance.now();
  while (all.length < 1 || (all.length < 3 && performance.now() - start < 4000)) {
    const before = processorSeconds();
    await timedUpdate(model, optimizer, sizes, all.length + 1, TOKEN_BUDGET);
    all.push(processorSeconds() - before);
  }
  return median(all);
}

function processorSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** Reads a dataset of that many rows and chooses the questions of one update in its first epoch. */
async function datasetSeconds(rows: number): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'latro-growth-'));
  const path = join(folder, 'rows.jsonl');
  const line = (i: number): string =>
    JSON.stringify({
      question: `A shelf holds ${i} books, and ${i % 13} more are put on it. How many books does it hold now?`,
      answer: `${i} + ${i % 13} = ${i + (i % 13)}.\n#### ${i + (i % 13)}`,
    });
  writeFileSync(path, `${Array.from({ length: rows }, (_, i) => line(i)).join('\n')}\n`);
  const start = processorSeconds();
  const dataset = await readDataset(path);
  questionsOfStep(dataset.rows, 1, 8, 1);
  const seconds = processorSeconds() - start;
  rmSync(folder, { recursive: true });
  if (dataset.rows.length !== rows) throw new Error(`${dataset.rows.length} of ${rows} rows were read`);
  return seconds;
}
