/** Products with matrices held in 8 bits (model/quantise.ts): whole numbers multiplied as such, or widened for a product in float32. */
import type { GraphBuilder, Value } from './graph_builder.ts';

const MICROSOFT = 'com.microsoft';
/** Of the bytes that stand for a row of x: 128 is zero. */
const ZERO = 128;
const LARGEST = 127;

/**
 * W = diag(s) Q in float32, once `x` is there: q int8 (out, in), scales (out). The runtime would otherwise widen all matrices of a model
 * first, and find that one it needs again has been widened before and keep it. Records nothing: nothing frozen has a gradient.
 * @param x float32 (N, in), of which only that it has been computed counts
 */
export function widened(graph: GraphBuilder, q: Value, scales: Value, x: Value): Value {
  const shape = graph.single('Shape', [x], 'int64', [x.shape.length]);
  const rows = graph.single('Gather', [shape, graph.integers([0], [])], 'int64', [], { axis: 0 });
  // True, which only a run knows.
  const always = graph.single('GreaterOrEqual', [rows, graph.integers([0], [])], 'bool', []);
  const any = graph.single('GatherND', [x, graph.integers(x.shape.map(() => 0))], 'float32', []);
  const later = graph.single('Where', [always, scales, any], 'float32', scales.shape);
  return graph.single('DequantizeLinear', [q, later], 'float32', q.shape, { axis: 0 });
}

/**
 * y = x Wᵀ in whole numbers, W = diag(s) Q: each row of x gets a scale of its own, t_n = max_j |x_nj|, so that what stands beside it in
 * the batch changes nothing: y_ni = t_n/127 · s_i · Σ_j round(127 x_nj / t_n) Q_ij, the sum exact.
 * @param x float32 (N, in); @param q int8 (in, out), transposed; @param scales (out)
 */
export function wholeNumberProduct(graph: GraphBuilder, x: Value, q: Value, scales: Value): Value {
  const column = [x.shape[0]!, 1];
  const size = graph.single('Abs', [x], 'float32', x.shape);
  const largest = graph.single('ReduceMax', [size, graph.integers([1])], 'float32', column, { keepdims: 1 });
  const range = graph.single('Max', [largest, graph.floats([1e-30])], 'float32', column);
  const unit = graph.single('Div', [x, range], 'float32', x.shape);
  const step = graph.scalar(1 / LARGEST);
  const zero = graph.bytes([ZERO], []);
  const bytes = graph.single('QuantizeLinear', [unit, step, zero], 'uint8', x.shape);
  const shape = [x.shape[0]!, q.shape[1]!];
  const product = graph.single('MatMulIntegerToFloat', [bytes, q, step, scales, zero], 'float32', shape, {}, MICROSOFT);
  return graph.single('Mul', [product, range], 'float32', shape);
}
