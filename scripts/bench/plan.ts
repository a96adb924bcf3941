/** What the bench is asked for, looked through before anything is measured: what would fail after twenty minutes fails at once. */
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import * as v from 'valibot';
import type { ProgramOptions } from '../../src/engine/model/programs.ts';
import { listBackends } from '../../src/engine/runtime/devices.ts';
import { type Report, ReportSchema } from './report.ts';
import { DEFAULT_SHAPES, isShapeName, SHAPE_NAMES, type ShapeName } from './shapes.ts';
import { STAGES, type StageName } from './stages.ts';

const DEVICES = ['cpu', 'webgpu', 'cuda', 'dml'] as const;
const PRECISIONS = ['float32', 'float16', 'int8'] as const;
/** Seconds of rounds per stage; an update of the larger models takes longer than that and is measured once. */
const PATIENCE = { whole: 6, quick: 1 };

export interface BenchPlan {
  readonly shapes: readonly ShapeName[];
  readonly stages: readonly (StageName | 'update')[];
  readonly options: ProgramOptions;
  readonly patience: number;
  /** The file of the report: its folder is there, and it can be written. */
  readonly json: string | null;
  readonly compare: Report | null;
}

/** Errors: in plain words, what is not possible and what is. */
export function benchPlan(args: readonly string[]): BenchPlan {
  const { values } = parseArgs({
    args: [...args],
    options: {
      shape: { type: 'string', multiple: true },
      stage: { type: 'string', multiple: true },
      quick: { type: 'boolean', default: false },
      json: { type: 'string' },
      compare: { type: 'string' },
      device: { type: 'string', default: 'cpu' },
      precision: { type: 'string', default: 'float32' },
      threads: { type: 'string', default: '0' },
    },
  });
  const options = programOptions(values);
  const plan = {
    shapes: chosenShapes(values.shape, values.quick),
    stages: chosenStages(values.stage, options.device),
    options,
    patience: values.quick ? PATIENCE.quick : PATIENCE.whole,
    compare: values.compare === undefined ? null : olderReport(values.compare),
    json: values.json ?? null,
  };
  if (plan.json !== null) makeWritable(plan.json);
  return plan;
}

function programOptions(values: { device: string; precision: string; threads: string }): ProgramOptions {
  const device = DEVICES.find((name) => name === values.device);
  const threads = Number(values.threads);
  const precision = PRECISIONS.find((name) => name === values.precision);
  if (precision === undefined) throw new Error(`--precision is one of ${PRECISIONS.join(', ')}`);
  if (precision === 'float16' && device === 'cpu') throw new Error('the CPU does not compute in float16');
  if (device === undefined) throw new Error(`--device is one of ${DEVICES.join(', ')}`);
  // onnxruntime leaves out a provider that it was built without, and computes on the CPU.
  if (!listBackends().some((backend) => backend.device === device))
    throw new Error(`onnxruntime has no device ${device} on ${process.platform}-${process.arch}`);
  if (!Number.isInteger(threads) || threads < 0) throw new Error('--threads is a whole number; 0: one per core');
  return { device, threads, precision };
}

function chosenShapes(asked: readonly string[] | undefined, quick: boolean): readonly ShapeName[] {
  if (asked === undefined) return quick ? DEFAULT_SHAPES.slice(0, 2) : DEFAULT_SHAPES;
  return asked.map((name) => {
    if (!isShapeName(name)) throw new Error(`--shape is one of ${SHAPE_NAMES.join(', ')}; '${name}' is none`);
    return name;
  });
}

function chosenStages(
  asked: readonly string[] | undefined,
  device: ProgramOptions['device'],
): readonly (StageName | 'update')[] {
  // The ceiling of decoding is asked about on processors, where `decode` is a program of its own.
  const measured = STAGES.filter((stage) => stage !== 'products64' || device === 'cpu');
  const stages = [...measured, 'update'] as const;
  const unknown = asked?.find((name) => !stages.some((stage) => stage === name));
  if (unknown !== undefined)
    throw new Error(`--stage is one of ${stages.join(', ')} on the device ${device}; '${unknown}' is none`);
  return stages.filter((stage) => asked?.includes(stage) ?? true);
}

function olderReport(path: string): Report {
  try {
    return v.parse(ReportSchema, JSON.parse(readFileSync(path, 'utf8')));
  } catch (error) {
    throw new Error(`--compare: ${path} is no report of the bench: ${(error as Error).message}`);
  }
}

/** Leaves a report that is there as it is, until the first shape is measured. */
function makeWritable(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true });
    const isNew = !existsSync(path);
    closeSync(openSync(path, 'a'));
    if (isNew) rmSync(path);
  } catch (error) {
    throw new Error(`--json: ${path} cannot be written: ${(error as Error).message}`);
  }
}
