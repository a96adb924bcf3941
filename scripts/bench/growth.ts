/**
 * `npm run bench:growth`: how the cost of a LaTRO update grows with K, L, questions and model size, and what a larger dataset costs.
 * Writes docs/bench/growth.md, its charts and its figures. Each point is one process: its memory is its own. Seconds are of processor time, so
 * that what else the machine does matters little.
 *   --curve NAME       (repeatable) instead of all; the others keep their figures
 *   --threads N
 *   --processor TEXT   what the page calls it, where the system says too little
 *   --out FOLDER       instead of docs/bench
 * Ends with 1 when a point failed (the others are measured all the same) and with 2 when it cannot do what it is asked for.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type GrowthRequest, measureGrowth } from './growth_measure.ts';
import { type Curve, growthPage, type Measured } from './growth_page.ts';
import { BASE, figuresFile, type GrowthPlan, growthPlan, measuredCurves, SHAPE, withKept } from './growth_plan.ts';
import { inOwnProcess } from './own_process.ts';
import { plannedOrRefused } from './planned.ts';

const MARK = 'growth-result:';

const [first, request] = process.argv.slice(2);
if (first === '--child') console.log(MARK + JSON.stringify(await measureGrowth(JSON.parse(request!) as GrowthRequest)));
else await run(plannedOrRefused(growthPlan));

async function run(plan: GrowthPlan): Promise<void> {
  const write = (measured: readonly Curve[]): void => writePage(plan.out, withKept(measured, plan.kept));
  const measured = await measuredCurves(
    plan,
    (one, name) => inOwnProcess<Measured>(one, MARK, name),
    (line) => process.stderr.write(`${line}\n`),
    write,
  );
  if (measured.some(({ failed }) => failed !== undefined)) process.exitCode = 1;
}

function writePage(out: string, curves: readonly Curve[]): void {
  mkdirSync(join(out, 'growth'), { recursive: true });
  const { text, charts } = growthPage(curves, BASE, SHAPE);
  writeFileSync(figuresFile(out), `${JSON.stringify(curves, null, 2)}\n`);
  writeFileSync(join(out, 'growth.md'), text);
  for (const [name, svg] of Object.entries(charts)) writeFileSync(join(out, 'growth', `${name}.svg`), svg);
}
