/**
 * `npm run bench`: how fast every stage of an update is, and how close to what this machine can do.
 *   --shape NAME     (repeatable) instead of all four; mistral-7b is measured only when asked for
 *   --stage NAME     (repeatable) instead of all
 *   --quick          the two small shapes, few rounds
 *   --json FILE      writes the report, after every shape
 *   --compare OLD    prints the ratios to an older report
 *   --device NAME, --threads N
 *   --precision float16   on a device that has it; int8 on the CPU
 * Ends with 1 when a stage failed (the others are measured all the same) and with 2 when it cannot do what it is asked for.
 */
import { writeFileSync } from 'node:fs';
import { type ChildRequest, runStage } from './child.ts';
import { inOwnProcess } from './own_process.ts';
import { type BenchPlan, benchPlan } from './plan.ts';
import { plannedOrRefused } from './planned.ts';
import {
  comparison,
  describeMachine,
  type Report,
  type ShapeReport,
  type StageReport,
  table,
  type UpdateReport,
} from './report.ts';
import type { ShapeName } from './shapes.ts';

const MARK = 'bench-result:';

const [first, request] = process.argv.slice(2);
if (first === '--child') console.log(MARK + JSON.stringify(await runStage(JSON.parse(request!) as ChildRequest)));
else await runBench(plannedOrRefused(benchPlan));

async function runBench(plan: BenchPlan): Promise<void> {
  const results: Record<string, ShapeReport> = {};
  const start = performance.now();
  for (const shape of plan.shapes) {
    results[shape] = await measured(shape, plan);
    // A later shape may take the whole machine down with it.
    if (plan.json !== null) writeFileSync(plan.json, `${JSON.stringify(reportOf(results, plan.options), null, 2)}\n`);
  }
  const report = reportOf(results, plan.options);
  console.log(table(report));
  console.log(`\n${((performance.now() - start) / 1000).toFixed(0)} s in all`);
  if (plan.compare !== null) console.log(`\n${comparison(report, plan.compare)}`);
  if (Object.values(results).some(({ failed }) => failed !== undefined)) process.exitCode = 1;
}

/** A stage that fails, for want of memory as a rule, costs no other stage its figures. */
async function measured(shape: ShapeName, { stages, options, patience }: BenchPlan): Promise<ShapeReport> {
  const figures: Record<string, StageReport | UpdateReport> = {};
  const failed: string[] = [];
  for (const stage of stages) {
    process.stderr.write(`${shape} ${stage} …\n`);
    const request: ChildRequest = { shape, stage, options, patience };
    try {
      figures[stage] = await inOwnProcess(request, MARK, `${shape} ${stage}`);
    } catch (error) {
      process.stderr.write(`${(error as Error).message}\n`);
      failed.push(stage);
    }
  }
  const peakMemoryGB = Math.max(0, ...Object.values(figures).map((figure) => figure.peakMemoryGB));
  return { ...figures, ...(failed.length > 0 && { failed }), peakMemoryGB } as ShapeReport;
}

function reportOf(shapes: Readonly<Record<string, ShapeReport>>, options: BenchPlan['options']): Report {
  const all = Object.values(shapes).flatMap(({ peakMemoryGB: _, failed: __, ...figures }) =>
    Object.values(figures).filter((figure) => figure !== undefined),
  );
  return {
    machine: describeMachine(options),
    measured: new Date().toISOString(),
    floors: {
      matmulGflops: Math.max(0, ...all.map(({ floors }) => floors.matmulGflops)),
      memoryGBs: Math.max(0, ...all.map(({ floors }) => floors.memoryGBs)),
    },
    shapes,
  };
}
