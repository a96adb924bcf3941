/** Changing between float32 and float16 within a graph. */
import type { GraphBuilder, Value } from './graph_builder.ts';

/** What products of frozen matrices, and the activations between them, are computed in. */
export type Precision = 'float32' | 'float16';
/** What frozen matrices are held in: with int8 they are widened to float32 for most products. */
export type WeightFormat = Precision | 'int8';

export const computedIn = (format: WeightFormat): Precision => (format === 'float16' ? 'float16' : 'float32');

/** What a frozen tensor of a shape is held in: matrices are worth halving, vectors are not. */
export const weightPrecision = (shape: readonly (number | string)[], precision: Precision): Precision =>
  shape.length === 2 ? precision : 'float32';

/** ONNX's TensorProto.DataType. */
const TYPE_CODES: Readonly<Record<Precision, number>> = { float32: 1, float16: 10 };

/** x in another precision, rounded to the nearest; its gradient comes back in that of x. x itself where it has that precision. */
export function cast(graph: GraphBuilder, x: Value, to: Precision): Value {
  if (x.type === to) return x;
  if (x.type !== 'float32' && x.type !== 'float16') throw new Error(`graph ${graph.name}: ${x.name} is ${x.type}`);
  const from = x.type;
  const y = graph.single('Cast', [x], to, x.shape, { to: TYPE_CODES[to] });
  graph.record([x], [y], ([dy]) => [cast(graph, dy!, from)]);
  return y;
}
