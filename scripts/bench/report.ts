/** The bench's JSON, its table, and the comparison of two of them. */
import { cpus, release, totalmem } from 'node:os';
import * as v from 'valibot';
import type { ProgramOptions } from '../../src/engine/model/programs.ts';
import { RUNTIME_VERSION } from '../../src/engine/runtime/devices.ts';

const seconds = v.pipe(v.number(), v.minValue(0));
const FloorsSchema = v.object({ matmulGflops: v.number(), memoryGBs: v.number() });
const RangeSchema = v.tuple([v.number(), v.number()]);
/** The least and the greatest that a floor was measured at, round by round. Older reports do not say. */
const FloorRangesSchema = v.optional(v.object({ matmulGflops: RangeSchema, memoryGBs: RangeSchema }));
const StageSchema = v.object({
  tokensPerSecond: v.number(),
  /** Of the fastest that the floors of the same process allow; the median over rounds of the ratio of neighbours. */
  shareOfFloor: v.number(),
  rounds: v.number(),
  peakMemoryGB: v.number(),
  floors: FloorsSchema,
  floorRanges: FloorRangesSchema,
});
const UpdateSchema = v.object({
  seconds,
  phases: v.record(v.string(), seconds),
  shareOfFloor: v.number(),
  /** Share of the seconds spent outside onnxruntime. */
  overhead: v.number(),
  /** Of all its programs, before the first update; not part of `seconds`. Older reports do not say. */
  compileSeconds: v.optional(seconds),
  rounds: v.number(),
  peakMemoryGB: v.number(),
  floors: FloorsSchema,
  floorRanges: FloorRangesSchema,
});
const ShapeSchema = v.object({
  prefill: v.optional(StageSchema),
  decode1: v.optional(StageSchema),
  decode8: v.optional(StageSchema),
  decode64: v.optional(StageSchema),
  products64: v.optional(StageSchema),
  score: v.optional(StageSchema),
  step: v.optional(StageSchema),
  update: v.optional(UpdateSchema),
  /** Stages that could not be measured. */
  failed: v.optional(v.array(v.string())),
  /** The largest of all stages' processes. */
  peakMemoryGB: v.number(),
});
export const ReportSchema = v.object({
  machine: v.object({
    processor: v.string(),
    cores: v.number(),
    memoryGB: v.number(),
    system: v.string(),
    node: v.string(),
    onnxruntime: v.string(),
    device: v.string(),
    /** Older reports do not say: float32. */
    precision: v.optional(v.string(), 'float32'),
    threads: v.number(),
  }),
  measured: v.string(),
  /** The best of all shapes. */
  floors: FloorsSchema,
  shapes: v.record(v.string(), ShapeSchema),
});
export type Report = v.InferOutput<typeof ReportSchema>;
export type ShapeReport = v.InferOutput<typeof ShapeSchema>;
export type StageReport = v.InferOutput<typeof StageSchema>;
export type UpdateReport = v.InferOutput<typeof UpdateSchema>;

export function describeMachine({ device, threads, precision = 'float32' }: ProgramOptions): Report['machine'] {
  return {
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGB: round(totalmem() / 1e9, 1),
    system: `${process.platform} ${process.arch} ${release()}`,
    node: process.version,
    onnxruntime: RUNTIME_VERSION ?? 'unknown',
    device,
    precision,
    threads,
  };
}

export const round = (value: number, digits: number): number => Number(value.toFixed(digits));
const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;

/** Nothing is faster than the fastest: the floor beside it was measured at another speed of the machine. */
const isAboveFloor = (share: number): boolean => share > 1;
const ofFloor = (share: number): string => `${percent(share)}${isAboveFloor(share) ? ' *' : ''}`;
const ABOVE_FLOOR = '* above 1: the floor was measured while the machine was slower';

export function table(report: Report): string {
  const { device, precision } = report.machine;
  const lines = [
    `${device}, ${precision}; floors: ${report.floors.matmulGflops} GFLOP/s (products), ${report.floors.memoryGBs} GB/s (reading)`,
  ];
  for (const [name, shape] of Object.entries(report.shapes)) {
    lines.push('', `${name} (peak memory ${shape.peakMemoryGB} GB)`);
    lines.push(row(['stage', 'tokens/s', 'of the floor', 'memory', 'rounds', 'products GFLOP/s', 'reading GB/s']));
    const judged = (stage: string, speed: string, figures: StageReport | UpdateReport): string => {
      const { shareOfFloor, peakMemoryGB, rounds, floors, floorRanges } = figures;
      const cells = [speed, ofFloor(shareOfFloor), `${peakMemoryGB} GB`, String(rounds)];
      const products = withRange(floors.matmulGflops, floorRanges?.matmulGflops);
      return row([stage, ...cells, products, withRange(floors.memoryGBs, floorRanges?.memoryGBs)]);
    };
    for (const [stage, figures] of stageEntries(shape))
      lines.push(judged(stage, String(figures.tokensPerSecond), figures));
    if (shape.update !== undefined) {
      const { update } = shape;
      lines.push(judged('update', `${update.seconds} s`, update));
      for (const [phase, value] of Object.entries(update.phases)) lines.push(row([`  ${phase}`, `${value} s`]));
      lines.push(row(['  outside onnxruntime', percent(update.overhead)]));
      if (update.compileSeconds !== undefined)
        lines.push(row(['  before the first: compile', `${update.compileSeconds} s`]));
    }
    for (const stage of shape.failed ?? []) lines.push(row([stage, 'failed']));
  }
  if (shares(report).some(isAboveFloor)) lines.push('', ABOVE_FLOOR);
  return lines.join('\n');
}

/** Speed now against speed then: above 1 is faster. Shares are compared beside it, because machines differ; where they do, it says so first. */
export function comparison(now: Report, then: Report): string {
  const lines = [...differences(now, then), row(['', 'speed, times', 'share of floor', 'then'])];
  for (const [name, shape] of Object.entries(now.shapes)) {
    const before = then.shapes[name];
    if (before === undefined) continue;
    const old = new Map(stageEntries(before));
    const line = (stage: string, ratio: number, share: number, oldShare: number): string =>
      row([`${name} ${stage}`, ratio.toFixed(2), ofFloor(share), ofFloor(oldShare)]);
    for (const [stage, figures] of stageEntries(shape)) {
      const was = old.get(stage);
      if (was === undefined) continue;
      const ratio = figures.tokensPerSecond / was.tokensPerSecond;
      lines.push(line(stage, ratio, figures.shareOfFloor, was.shareOfFloor));
    }
    if (shape.update !== undefined && before.update !== undefined) {
      const ratio = before.update.seconds / shape.update.seconds;
      lines.push(line('update', ratio, shape.update.shareOfFloor, before.update.shareOfFloor));
    }
  }
  if ([...shares(now), ...shares(then)].some(isAboveFloor)) lines.push('', ABOVE_FLOOR);
  return lines.join('\n');
}

/** What the ratios cannot be put down to the engine alone for. */
function differences({ machine: now }: Report, { machine: then }: Report): string[] {
  const names = Object.keys(now) as (keyof Report['machine'])[];
  const different = names.filter((name) => now[name] !== then[name]);
  if (different.length === 0) return [];
  return [
    'These two were not measured alike, and the ratios mean that too:',
    ...different.map((name) => `  ${name}: ${now[name]}, then ${then[name]}`),
    '',
  ];
}

const shares = ({ shapes }: Report): number[] =>
  Object.values(shapes).flatMap((shape) => {
    const figures = [...stageEntries(shape).map(([, stage]) => stage), ...(shape.update ? [shape.update] : [])];
    return figures.map(({ shareOfFloor }) => shareOfFloor);
  });

const withRange = (value: number, range: readonly [number, number] | undefined): string =>
  range === undefined ? String(value) : `${value} (${range[0]}–${range[1]})`;

function stageEntries({ update: _, peakMemoryGB: __, failed: ___, ...stages }: ShapeReport): [string, StageReport][] {
  return Object.entries(stages).filter((entry): entry is [string, StageReport] => entry[1] !== undefined);
}

/** The floors at the end of a line are ranges, and wider. */
const row = ([first, ...rest]: readonly string[]): string =>
  `${first!.padEnd(28)}${rest.map((cell, i) => cell.padStart(i < 4 ? 16 : 28)).join('')}`.trimEnd();
