/**
 * `npm run bench`: how fast every stage of an update is, and how close to what this machine can do.
 *   --shape NAME     (repeatable) instead of all four; mistral-7b is measured only when asked for
 *   --quick          the two small shapes, few rounds
 *   --json FILE      writes the report
 *   --compare OLD    prints the ratios to an older report
 *   --device NAME, --threads N
 *   --precision float16   on a device that has it; int8 on the CPU
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import * as v from 'valibot';
import type { ProgramOptions } from '../../src/engine/model/programs.ts';
import { type ChildRequest, runStage } from './child.ts';
import { inOwnProcess } from './own_process.ts';
import {
  comparison,
  describeMachine,
  type Report,
  ReportSchema,
  type ShapeReport,
  type StageReport,
  table,
  type UpdateReport,
} from './report.ts';
import { DEFAULT_SHAPES, isShapeName, SHAPE_NAMES, type ShapeName } from './shapes.ts';
import { STAGES } from './stages.ts';

const MARK = 'bench-result:';
const DEVICES = ['cpu', 'webgpu', 'cuda', 'dml'] as const;
const PRECISIONS = ['float32', 'float16', 'int8'] as const;
/** Seconds of rounds per stage; an update of the larger models takes longer than that and is measured once. */
const PATIENCE = { whole: 6, quick: 1 };

const { values } = parseArgs({
  options: {
    shape: { type: 'string', multiple: true },
    stage: { type: 'string', multiple: true },
    quick: { type: 'boolean', default: false },
    json: { type: 'string' },
    compare: { type: 'string' },
    device: { type: 'string', default: 'cpu' },
    precision: { type: 'string', default: 'float32' },
    threads: { type: 'string', default: '0' },
    child: { type: 'string' },
  },
});

if (values.child === undefined) await runBench();
else console.log(MARK + JSON.stringify(await runStage(JSON.parse(values.child) as ChildRequest)));

async function runBench(): Promise<void> {
  const then =
    values.compare === undefined ? null : v.parse(ReportSchema, JSON.parse(readFileSync(values.compare, 'utf8')));
  const options = programOptions();
  const shapes = chosenShapes();
  const patience = values.quick ? PATIENCE.quick : PATIENCE.whole;
  // The ceiling of decoding is asked about on processors, where `decode` is a program of its own.
  const measured = STAGES.filter((stage) => stage !== 'products64' || options.device === 'cpu');
  const stages = ([...measured, 'update'] as const).filter((stage) => values.stage?.includes(stage) ?? true);
  const results: Record<string, ShapeReport> = {};
  const start = performance.now();
  for (const shape of shapes) {
    const figures: Record<string, StageReport | UpdateReport> = {};
    for (const stage of stages) {
      process.stderr.write(`${shape} ${stage} …\n`);
      figures[stage] = await inOwnProcess(
        { shape, stage, options, patience } satisfies ChildRequest,
        MARK,
        `${shape} ${stage}`,
      );
    }
    const peakMemoryGB = Math.max(0, ...Object.values(figures).map((figure) => figure.peakMemoryGB));
    results[shape] = { ...figures, peakMemoryGB } as ShapeReport;
  }
  const all = Object.values(results).flatMap(({ peakMemoryGB: _, ...figures }) =>
    Object.values(figures).filter((figure) => figure !== undefined),
  );
  const report: Report = {
    machine: describeMachine(options),
    measured: new Date().toISOString(),
    floors: {
      matmulGflops: Math.max(0, ...all.map(({ floors }) => floors.matmulGflops)),
      memoryGBs: Math.max(0, ...all.map(({ floors }) => floors.memoryGBs)),
    },
    shapes: results,
  };
  console.log(table(report));
  console.log(`\n${((performance.now() - start) / 1000).toFixed(0)} s in all`);
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
  if (then !== null) console.log(`\n${comparison(report, then)}`);
}

function programOptions(): ProgramOptions {
  const device = DEVICES.find((name) => name === values.device);
  const threads = Number(values.threads);
  const precision = PRECISIONS.find((name) => name === values.precision);
  if (precision === undefined) throw new Error(`--precision is one of ${PRECISIONS.join(', ')}`);
  if (precision === 'float16' && device === 'cpu') throw new Error('the CPU does not compute in float16');
  if (device === undefined) throw new Error(`--device is one of ${DEVICES.join(', ')}`);
  if (!Number.isInteger(threads) || threads < 0) throw new Error('--threads is a whole number; 0: one per core');
  return { device, threads, precision };
}

function chosenShapes(): readonly ShapeName[] {
  if (values.shape === undefined) return values.quick ? DEFAULT_SHAPES.slice(0, 2) : DEFAULT_SHAPES;
  return values.shape.map((name) => {
    if (!isShapeName(name)) throw new Error(`--shape is one of ${SHAPE_NAMES.join(', ')}`);
    return name;
  });
}
