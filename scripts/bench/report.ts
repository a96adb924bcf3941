/** The bench's JSON, its table, and the comparison of two of them. */
import { cpus, release, totalmem } from 'node:os';
import * as v from 'valibot';
import type { ProgramOptions } from '../../src/engine/model/programs.ts';
import { RUNTIME_VERSION } from '../../src/engine/runtime/devices.ts';

const seconds = v.pipe(v.number(), v.minValue(0));
const FloorsSchema = v.object({ matmulGflops: v.number(), memoryGBs: v.number() });
const StageSchema = v.object({
  tokensPerSecond: v.number(),
  /** Of the fastest that the floors of the same process allow; the median over rounds of the ratio of neighbours. */
  shareOfFloor: v.number(),
  rounds: v.number(),
  peakMemoryGB: v.number(),
  floors: FloorsSchema,
});
const UpdateSchema = v.object({
  seconds,
  phases: v.record(v.string(), seconds),
  shareOfFloor: v.number(),
  /** Share of the seconds spent outside onnxruntime. */
  overhead: v.number(),
  rounds: v.number(),
  peakMemoryGB: v.number(),
  floors: FloorsSchema,
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

export function table(report: Report): string {
  const { device, precision } = report.machine;
  const lines = [
    `${device}, ${precision}; floors: ${report.floors.matmulGflops} GFLOP/s (products), ${report.floors.memoryGBs} GB/s (reading)`,
  ];
  for (const [name, shape] of Object.entries(report.shapes)) {
    lines.push('', `${name} (peak memory ${shape.peakMemoryGB} GB)`);
    lines.push(row(['stage', 'tokens/s', 'of the floor', 'memory', 'rounds']));
    for (const [stage, figures] of stageEntries(shape)) {
      const { tokensPerSecond, shareOfFloor, peakMemoryGB, rounds } = figures;
      lines.push(row([stage, String(tokensPerSecond), percent(shareOfFloor), `${peakMemoryGB} GB`, String(rounds)]));
    }
    if (shape.update !== undefined) {
      const { update } = shape;
      const cells = [`${update.seconds} s`, percent(update.shareOfFloor), `${update.peakMemoryGB} GB`];
      lines.push(row(['update', ...cells, String(update.rounds)]));
      for (const [phase, value] of Object.entries(update.phases)) lines.push(row([`  ${phase}`, `${value} s`]));
      lines.push(row(['  outside onnxruntime', percent(update.overhead)]));
    }
  }
  return lines.join('\n');
}

/** Speed now against speed then: above 1 is faster. Shares are compared beside it, because machines differ. */
export function comparison(now: Report, then: Report): string {
  const lines = [row(['', 'speed, times', 'share of floor', 'then'])];
  for (const [name, shape] of Object.entries(now.shapes)) {
    const before = then.shapes[name];
    if (before === undefined) continue;
    const old = new Map(stageEntries(before));
    const line = (stage: string, ratio: number, share: number, oldShare: number): string =>
      row([`${name} ${stage}`, ratio.toFixed(2), percent(share), percent(oldShare)]);
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
  return lines.join('\n');
}

function stageEntries({ update: _, peakMemoryGB: __, ...stages }: ShapeReport): [string, StageReport][] {
  return Object.entries(stages).filter((entry): entry is [string, StageReport] => entry[1] !== undefined);
}

const row = ([first, ...rest]: readonly string[]): string =>
  `${first!.padEnd(28)}${rest.map((cell) => cell.padStart(14)).join('')}`;
