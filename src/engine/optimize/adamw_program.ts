/** AdamW as programs of a device: what adamw.ts computes, in float32, on tensors that never leave it. */
import { GraphBuilder, type Value } from '../graph/graph_builder.ts';
import type { AdamWSettings } from './adamw.ts';

type Shapes = ReadonlyMap<string, readonly number[]>;

export const PARTS = ['parameter', 'first', 'second', 'gradient'] as const;
export type Part = (typeof PARTS)[number];
export const partName = (part: Part, parameter: string): string => `${part}:${parameter}`;
/** The part after the update; given the very buffer of the part to write into, it takes its place. */
export const updatedName = (part: Exclude<Part, 'gradient'>, parameter: string): string =>
  `updated_${part}:${parameter}`;

/**
 * Loshchilov & Hutter 2019, algorithm 2. Inputs: per parameter its four parts, of its shape; and as (1) scale: factor of clipping,
 * learning_rate, decay: 1 − lr·λ, correction1: 1/(1 − β₁ᵗ), correction2: 1/√(1 − β₂ᵗ).
 * Outputs: per parameter θ, m and v after the update.
 */
export function buildAdamWProgram(shapes: Shapes, settings: AdamWSettings): Uint8Array {
  const graph = new GraphBuilder('adamw', 'portable');
  const scalar = (name: string): Value => graph.input(name, 'float32', [1]);
  const [scale, learningRate, decay] = [scalar('scale'), scalar('learning_rate'), scalar('decay')];
  const [correction1, correction2] = [scalar('correction1'), scalar('correction2')];
  const [beta1, beta2] = [graph.scalar(settings.beta1), graph.scalar(settings.beta2)];
  const [rest1, rest2] = [graph.scalar(1 - settings.beta1), graph.scalar(1 - settings.beta2)];
  const epsilon = graph.scalar(settings.epsilon);
  for (const [name, shape] of shapes) {
    const [theta, m, v, raw] = PARTS.map((part) => graph.input(partName(part, name), 'float32', shape)) as [
      Value,
      Value,
      Value,
      Value,
    ];
    const apply = (operator: string, ...inputs: Value[]): Value => graph.single(operator, inputs, 'float32', shape);
    const g = apply('Mul', raw, scale);
    // Each result goes into the buffer of an input that nothing reads any more: never of one that the same operator reads.
    const first = graph.produce(updatedName('first', name), 'Add', [apply('Mul', m, beta1), apply('Mul', g, rest1)], m);
    const squares = apply('Mul', apply('Mul', g, g), rest2);
    const second = graph.produce(updatedName('second', name), 'Add', [apply('Mul', v, beta2), squares], v);
    const root = apply('Mul', apply('Sqrt', second), correction2);
    const step = apply('Div', apply('Mul', first, correction1), apply('Add', root, epsilon));
    const move = [apply('Mul', theta, decay), apply('Mul', step, learningRate)];
    graph.produce(updatedName('parameter', name), 'Sub', move, theta);
  }
  return graph.serialise();
}

/** Inputs: tensors of these shapes under their names. Output: sum (1), the sum of the squares of all their elements. */
export function buildSquaresProgram(shapes: Shapes): Uint8Array {
  const graph = new GraphBuilder('squares', 'portable');
  const sums = [...shapes].map(([name, shape]) => {
    let sum = graph.input(name, 'float32', shape);
    // One axis after the other, from the last: the first pass is the long one, and is done row by row.
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const reduced = [...shape.slice(0, axis), ...shape.slice(axis).map(() => 1)];
      const operator = axis === shape.length - 1 ? 'ReduceSumSquare' : 'ReduceSum';
      sum = graph.single(operator, [sum, graph.integers([axis])], 'float32', reduced, { keepdims: 1 });
    }
    return graph.single('Reshape', [sum, graph.integers([1])], 'float32', [1]);
  });
  const all = graph.single('Concat', sums, 'float32', [sums.length], { axis: 0 });
  graph.output('sum', graph.single('ReduceSum', [all, graph.integers([0])], 'float32', [1], { keepdims: 1 }));
  return graph.serialise();
}

/** Inputs: per parameter sum and more, of its shape. Outputs: per parameter total, sum + more. */
export function buildAccumulateProgram(shapes: Shapes): Uint8Array {
  const graph = new GraphBuilder('accumulate', 'portable');
  const one = graph.scalar(1);
  for (const [name, shape] of shapes) {
    const sum = graph.input(`sum:${name}`, 'float32', shape);
    const more = graph.input(`more:${name}`, 'float32', shape);
    // The total goes back into the sum's buffer, which WebGPU does not let the same operator read and write.
    const copy = graph.single('Mul', [sum, one], 'float32', shape);
    graph.produce(`total:${name}`, 'Add', [copy, more], sum);
  }
  return graph.serialise();
}
