/** What grows, and how its points are measured: one that fails costs no other its figures. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import * as v from 'valibot';
import { parameterShapes } from '../../src/engine/model/config.ts';
import type { GrowthRequest } from './growth_measure.ts';
import { type Curve, CurveSchema, type Measured } from './growth_page.ts';
import { describeMachine, round } from './report.ts';
import { type ShapeName, shapeConfig } from './shapes.ts';
import type { UpdateSizes } from './update.ts';

export const BASE: UpdateSizes = { questions: 4, rationales: 4, prompt: 48, rationale: 32, answer: 8 };
export const SHAPE: ShapeName = 'minimind2-small';

export interface PlannedCurve {
  readonly about: Omit<Curve, 'points' | 'failed' | 'machine'>;
  readonly points: readonly { readonly at: number; readonly request: GrowthRequest }[];
}

export interface GrowthPlan {
  readonly curves: readonly PlannedCurve[];
  /** The folder of the page; its charts and figures lie in `growth/`. */
  readonly out: string;
  readonly machine: string;
  /** Figures of an earlier time, of curves that are not measured now. */
  readonly kept: readonly Curve[];
}

/** Errors: in plain words, what is not possible and what is. */
export function growthPlan(args: readonly string[]): GrowthPlan {
  const { values } = parseArgs({
    args: [...args],
    options: {
      curve: { type: 'string', multiple: true },
      threads: { type: 'string', default: '1' },
      out: { type: 'string', default: join('docs', 'bench') },
      processor: { type: 'string' },
    },
  });
  const threads = Number(values.threads);
  if (!Number.isInteger(threads) || threads < 0) throw new Error('--threads is a whole number; 0: one per core');
  const all = plannedCurves(threads);
  const names = all.map(({ about }) => about.name);
  const unknown = values.curve?.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new Error(`--curve is one of ${names.join(', ')}; '${unknown}' is none`);
  const { processor, cores, system, node, onnxruntime } = describeMachine({ device: 'cpu', threads });
  return {
    curves: all.filter(({ about }) => values.curve?.includes(about.name) ?? true),
    out: values.out,
    machine: `${values.processor ?? processor}, ${cores} cores, ${system}, Node ${node}, onnxruntime ${onnxruntime}`,
    kept: keptFigures(values.out),
  };
}

export const figuresFile = (out: string): string => join(out, 'growth', 'figures.json');

function keptFigures(out: string): readonly Curve[] {
  const path = figuresFile(out);
  return existsSync(path) ? v.parse(v.array(CurveSchema), JSON.parse(readFileSync(path, 'utf8'))) : [];
}

/** In the order of the page, with those that were measured before. */
export function withKept(measured: readonly Curve[], kept: readonly Curve[]): Curve[] {
  return plannedCurves(1).flatMap(({ about: { name } }) => {
    const curve = [...measured, ...kept].find((one) => one.name === name);
    return curve ?? [];
  });
}

/**
 * Measures every point and says on `say` which one it is at, and which failed.
 * @param onCurve after each: what follows may take the whole machine down with it
 */
export async function measuredCurves(
  { curves, machine }: Pick<GrowthPlan, 'curves' | 'machine'>,
  measure: (request: GrowthRequest, name: string) => Promise<Measured>,
  say: (line: string) => void,
  onCurve: (measured: readonly Curve[]) => void,
): Promise<readonly Curve[]> {
  const measured: Curve[] = [];
  for (const { about, points } of curves) {
    const done: Curve['points'][number][] = [];
    const failed: number[] = [];
    for (const { at, request } of points) {
      const name = `${about.name} ${at}`;
      say(`${name} …`);
      try {
        done.push({ at, ...(await measure(request, name)) });
      } catch (error) {
        say((error as Error).message);
        failed.push(at);
      }
    }
    measured.push({ ...about, machine, points: done, ...(failed.length > 0 && { failed }) });
    onCurve(measured);
  }
  return measured;
}

function plannedCurves(threads: number): readonly PlannedCurve[] {
  const sized =
    (size: keyof UpdateSizes) =>
    (at: number): PlannedCurve['points'][number] => {
      return { at, request: { kind: 'update', shape: SHAPE, sizes: { ...BASE, [size]: at }, threads } };
    };
  const shapes: readonly ShapeName[] = ['starter', 'minimind2-small', 'smollm2-135m'];
  const rows = [1000, 10_000, 100_000];
  return [
    {
      about: {
        name: 'rationales',
        title: 'Rationales per question',
        across: 'K',
        expectation: 'linear; the prompt is paid once',
        baseAt: BASE.rationales,
      },
      points: [2, 4, 8, 16].map(sized('rationales')),
    },
    {
      about: {
        name: 'length',
        title: 'Rationale length',
        across: 'L (tokens)',
        expectation: 'more than linear, because attention looks back',
        baseAt: BASE.rationale,
      },
      points: [16, 32, 64, 128].map(sized('rationale')),
    },
    {
      about: {
        name: 'questions',
        title: 'Questions per update',
        across: 'questions',
        expectation: 'linear',
        baseAt: BASE.questions,
      },
      points: [2, 4, 8, 16].map(sized('questions')),
    },
    {
      about: {
        name: 'model',
        title: 'Model size',
        across: 'parameters (millions)',
        expectation: 'linear',
        baseAt: millions(SHAPE),
      },
      points: shapes.map((shape) => {
        return { at: millions(shape), request: { kind: 'update', shape, sizes: BASE, threads } };
      }),
    },
    {
      about: {
        name: 'dataset',
        title: 'Dataset size: one update',
        across: 'rows',
        expectation: 'constant; only choosing its questions looks at every row, and memory holds them',
      },
      points: rows.map((at) => {
        return { at, request: { kind: 'update', shape: SHAPE, sizes: BASE, threads, rows: at } };
      }),
    },
    {
      about: {
        name: 'dataset-choosing',
        title: 'Dataset size: choosing the questions of one update',
        across: 'rows',
        expectation: 'linear, because the order of an epoch is drawn anew',
      },
      points: rows.map((at) => {
        return { at, request: { kind: 'choosing', rows: at, perUpdate: BASE.questions } };
      }),
    },
    {
      about: {
        name: 'dataset-reading',
        title: 'Dataset size: reading the file, once per run',
        across: 'rows',
        expectation: 'linear',
      },
      points: rows.map((at) => {
        return { at, request: { kind: 'reading', rows: at, perUpdate: BASE.questions } };
      }),
    },
  ];
}

function millions(shape: ShapeName): number {
  const sizes = [...parameterShapes(shapeConfig(shape)).values()];
  const count = sizes.reduce((sum, size) => sum + size.reduce((product, one) => product * one, 1), 0);
  return round(count / 1e6, 1);
}
