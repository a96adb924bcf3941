/** Attention as one differentiable operator: its gradient takes fewer passes over the weights of all pairs than its parts' would. */
import type { GraphBuilder, Value } from './graph_builder.ts';
import type { Dim } from './onnx_model.ts';
import { cast } from './precision.ts';

/**
 * Vaswani et al. 2017 eq. 1: O = P V with P = softmax(s Q Kᵀ + bias); Q (…, R, d), K and V (…, C, d), s = 1/√d.
 * V̄ = Pᵀ Ō; P̄ = Ō Vᵀ; S̄ = P ⊙ (P̄ − rowsum(Ō ⊙ O)), where rowsum(P̄ ⊙ P) = rowsum(Ō ⊙ O) goes over d numbers a row instead of C
 * (Dao et al. 2022, appendix B.2); Q̄ = s S̄ K; K̄ = s S̄ᵀ Q.
 * Of float16 q, k, v the products are float16; scores, softmax and S̄ are float32 between them, q and S̄ scaled before their product.
 * @param bias added to the scores seen as `scoreShape`, with which it broadcasts; no gradient flows into it
 * @param scoreShape the shape (…, R, C) with R, or what stands before it, taken apart
 */
export function attend(
  graph: GraphBuilder,
  query: Value,
  key: Value,
  value: Value,
  bias: Value,
  scoreShape: readonly Dim[],
): Value {
  const batch = query.shape.slice(0, -2);
  const [rows, width] = query.shape.slice(-2) as [Dim, number];
  const columns = key.shape.at(-2)!;
  const scale = 1 / Math.sqrt(width);
  const type = query.type === 'float16' ? 'float16' : 'float32';
  const pairs = [...batch, rows, columns];
  const elementwise = (operator: string, a: Value, b: Value, shape: readonly Dim[]): Value =>
    graph.single(operator, [a, b], 'float32', shape);
  const reshaped = (x: Value, shape: readonly Dim[]): Value =>
    graph.single('Reshape', [x, graph.shape(shape)], 'float32', shape);
  const product = (a: Value, b: Value, shape: readonly Dim[], options: ProductOptions = {}): Value =>
    batchedProduct(graph, cast(graph, a, type), cast(graph, b, type), [...batch, ...shape], options);
  const wide = (x: Value): Value => cast(graph, x, 'float32');
  // What is small enough for float16 only once it is scaled is scaled first.
  const early = type === 'float16';
  const late = early ? 1 : scale;
  const scaled = (x: Value): Value => (early ? elementwise('Mul', x, graph.scalar(scale), x.shape) : x);

  const small = early ? cast(graph, scaled(wide(query)), type) : query;
  const scores = reshaped(wide(product(small, key, [rows, columns], { flip: 'right', scale: late })), scoreShape);
  const visible = elementwise('Add', scores, bias, scoreShape);
  const softmax = graph.single('Softmax', [visible], 'float32', scoreShape, { axis: scoreShape.length - 1 });
  const p = cast(graph, reshaped(softmax, pairs), type);
  const output = product(p, value, [rows, width]);
  graph.record([query, key, value], [output], ([dOutput]) => {
    const axis = graph.integers([output.shape.length - 1]);
    const weighted = elementwise('Mul', wide(dOutput!), wide(output), output.shape);
    const total = graph.single('ReduceSum', [weighted, axis], 'float32', [...batch, rows, 1], { keepdims: 1 });
    const dWeights = wide(product(dOutput!, value, [rows, columns], { flip: 'right' }));
    const dScores = scaled(elementwise('Mul', wide(p), elementwise('Sub', dWeights, total, pairs), pairs));
    return [
      product(dScores, key, [rows, width], { scale: late }),
      product(dScores, query, [columns, width], { flip: 'left', scale: late }),
      product(p, dOutput!, [columns, width], { flip: 'left' }),
    ];
  });
  return output;
}

interface ProductOptions {
  /** Which factor's last two axes are exchanged. */
  readonly flip?: 'left' | 'right';
  readonly scale?: number;
}

function batchedProduct(
  graph: GraphBuilder,
  a: Value,
  b: Value,
  shape: readonly Dim[],
  { flip, scale = 1 }: ProductOptions,
): Value {
  if (graph.operators === 'cpu' && a.type === 'float32') {
    const attributes = { transA: flip === 'left' ? 1 : 0, transB: flip === 'right' ? 1 : 0, alpha: { float: scale } };
    return graph.single('FusedMatMul', [a, b], 'float32', shape, attributes, 'com.microsoft');
  }
  const flipped = (x: Value): Value => {
    const axes = [...x.shape.keys()];
    const perm = [...axes.slice(0, -2), axes.at(-1)!, axes.at(-2)!];
    const turned = perm.map((axis) => x.shape[axis]!);
    return graph.single('Transpose', [x], x.type, turned, { perm });
  };
  const factors = [flip === 'left' ? flipped(a) : a, flip === 'right' ? flipped(b) : b];
  const plain = graph.single('MatMul', factors, a.type, shape);
  return scale === 1 ? plain : graph.single('Mul', [plain, graph.scalar(scale)], 'float32', shape);
}

/** A new axis of size `count` along which x repeats; its gradient is the sum over it. */
export function repeatAlong(graph: GraphBuilder, x: Value, axis: number, count: Dim): Value {
  const single = [...x.shape.slice(0, axis), 1, ...x.shape.slice(axis)];
  const shape = single.map((size, i) => (i === axis ? count : size));
  const place = graph.integers([axis]);
  const wide = graph.single('Unsqueeze', [x, place], x.type, single);
  const y = graph.single('Expand', [wide, graph.shape(shape)], x.type, shape);
  graph.record([x], [y], ([dy]) => [graph.single('ReduceSum', [dy!, place], x.type, x.shape, { keepdims: 0 })]);
  return y;
}
