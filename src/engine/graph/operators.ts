/**
 * Differentiable operators over the graph builder: each adds its forward nodes and records how its gradient is built.
 * Standard ONNX throughout. Notation: y = f(x), ḡ(v) is the gradient of the scalar objective with respect to v.
 */
import type { GraphBuilder, Value } from './graph_builder.ts';
import type { Dim } from './onnx_model.ts';
import { cast } from './precision.ts';

const swapLastTwo = (rank: number): number[] => [...Array(rank - 2).keys(), rank - 1, rank - 2];

/** Shape of an elementwise operator's result under numpy broadcasting; a symbol only broadcasts against itself or 1. */
export function broadcastShape(a: readonly Dim[], b: readonly Dim[]): Dim[] {
  const rank = Math.max(a.length, b.length);
  const out: Dim[] = [];
  for (let axis = 0; axis < rank; axis++) {
    const left = a[a.length - rank + axis] ?? 1;
    const right = b[b.length - rank + axis] ?? 1;
    if (left !== right && left !== 1 && right !== 1)
      throw new Error(`cannot broadcast [${a.join()}] with [${b.join()}]`);
    out.push(left === 1 ? right : left);
  }
  return out;
}

/** Sums a gradient over the axes along which its value had been broadcast. */
function reduceTo(graph: GraphBuilder, gradient: Value, shape: readonly Dim[]): Value {
  const extra = gradient.shape.length - shape.length;
  const axes = gradient.shape.flatMap((dim, axis) =>
    axis < extra || (shape[axis - extra] === 1 && dim !== 1) ? [axis] : [],
  );
  if (axes.length === 0) return gradient;
  const kept = gradient.shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim));
  const sum = graph.single('ReduceSum', [gradient, graph.integers(axes)], gradient.type, kept, { keepdims: 1 });
  return extra === 0 ? sum : graph.single('Reshape', [sum, graph.shape(shape)], gradient.type, shape);
}

export function elementwise(graph: GraphBuilder, operator: string, a: Value, b: Value): Value {
  return graph.single(operator, [a, b], a.type, broadcastShape(a.shape, b.shape));
}

export function add(graph: GraphBuilder, a: Value, b: Value): Value {
  const y = elementwise(graph, 'Add', a, b);
  graph.record([a, b], [y], ([dy]) => [reduceTo(graph, dy!, a.shape), reduceTo(graph, dy!, b.shape)]);
  return y;
}

export function subtract(graph: GraphBuilder, a: Value, b: Value): Value {
  const y = elementwise(graph, 'Sub', a, b);
  graph.record([a, b], [y], ([dy]) => [
    reduceTo(graph, dy!, a.shape),
    graph.requiresGradient(b) ? reduceTo(graph, graph.single('Neg', [dy!], b.type, dy!.shape), b.shape) : null,
  ]);
  return y;
}

export function multiply(graph: GraphBuilder, a: Value, b: Value): Value {
  const y = elementwise(graph, 'Mul', a, b);
  const side = (mine: Value, other: Value, dy: Value): Value | null =>
    graph.requiresGradient(mine) ? reduceTo(graph, elementwise(graph, 'Mul', dy, other), mine.shape) : null;
  graph.record([a, b], [y], ([dy]) => [side(a, b, dy!), side(b, a, dy!)]);
  return y;
}

/**
 * y = x Wᵀ (+ addend): x (N, in), W (out, in) as Hugging Face stores it, y (N, out). x̄ = ȳ W; W̄ = ȳᵀ x.
 * The addend is a bias (out) or a residual (N, out), which the product then adds up in place of a pass of its own.
 */
export function linear(graph: GraphBuilder, x: Value, weight: Value, bias: Value | null = null): Value {
  const [rows, outputs] = [x.shape[0]!, weight.shape[0]!];
  const y = graph.single('Gemm', bias === null ? [x, weight] : [x, weight, bias], x.type, [rows, outputs], {
    transB: 1,
  });
  graph.record(bias === null ? [x, weight] : [x, weight, bias], [y], ([dy]) => [
    graph.requiresGradient(x) ? graph.single('Gemm', [dy!, weight], x.type, x.shape) : null,
    graph.requiresGradient(weight) ? graph.single('Gemm', [dy!, x], weight.type, weight.shape, { transA: 1 }) : null,
    ...(bias === null ? [] : [reduceTo(graph, dy!, bias.shape)]),
  ]);
  return y;
}

/**
 * `linear` with a low-rank update of a frozen weight, Hu et al. 2021 eq. 3: y = x W'ᵀ (+ addend), W' = W + s B A; A (r, in), B (out, r), s (1).
 * x̄ = ȳ W'; B̄ = s ȳᵀ (x Aᵀ); Ā = s (ȳ B)ᵀ x. Forming W' costs as much as r/(2 N) of the products with it, for N rows; adding x Aᵀ Bᵀ to y
 * instead takes further passes over y and x̄, which measured as 8 % of a step.
 */
export function adaptedLinear(
  graph: GraphBuilder,
  x: Value,
  frozen: { readonly weight: Value; readonly scale: Value },
  adapter: { readonly a: Value; readonly b: Value },
  addend: Value | null = null,
): Value {
  const { a, b } = adapter;
  const [rows, outputs] = [x.shape[0]!, b.shape[0]!];
  const rank = a.shape[0]!;
  const product = (left: Value, right: Value, shape: readonly Dim[], attributes = {}): Value =>
    graph.single('Gemm', [left, right], x.type, shape, attributes);
  const scaledA = graph.single('Mul', [a, frozen.scale], a.type, a.shape);
  const weight = graph.single('Gemm', [b, scaledA, frozen.weight], x.type, frozen.weight.shape);
  const y = graph.single('Gemm', addend === null ? [x, weight] : [x, weight, addend], x.type, [rows, outputs], {
    transB: 1,
  });
  graph.record(addend === null ? [x, a, b] : [x, a, b, addend], [y], ([dy]) => {
    const inner = product(x, scaledA, [rows, rank], { transB: 1 });
    const outer = graph.single('Mul', [product(dy!, b, [rows, rank]), frozen.scale], x.type, [rows, rank]);
    return [
      graph.requiresGradient(x) ? product(dy!, weight, x.shape) : null,
      product(outer, x, a.shape, { transA: 1 }),
      product(dy!, inner, b.shape, { transA: 1 }),
      ...(addend === null ? [] : [reduceTo(graph, dy!, addend.shape)]),
    ];
  });
  return y;
}

/**
 * Inverted dropout with a mask that follows from two vectors: element (n, i) is kept, and divided by 1 − p, where
 * frac(rows_n · columns_i) ≥ p. For random rows in [0, 2¹²) and columns in [0, 1) these are uniform and pairwise independent, and the
 * mask of a token does not depend on the batch around it. x (N, D), rows (N, 1), columns (D).
 */
export function dropout(graph: GraphBuilder, x: Value, rows: Value, columns: Value, probability: number): Value {
  const product = elementwise(graph, 'Mul', rows, columns);
  const fraction = elementwise(graph, 'Sub', product, graph.single('Floor', [product], 'float32', product.shape));
  const kept = graph.single('GreaterOrEqual', [fraction, graph.scalar(probability)], 'bool', product.shape);
  const mask = graph.single(
    'Where',
    [kept, graph.scalar(1 / (1 - probability)), graph.scalar(0)],
    x.type,
    product.shape,
  );
  const y = elementwise(graph, 'Mul', x, mask);
  graph.record([x], [y], ([dy]) => [elementwise(graph, 'Mul', dy!, mask)]);
  return y;
}

/** Batched product of equal leading dimensions: (…, M, K) × (…, K, N); with `transposeB`, b is (…, N, K). */
export function matmul(graph: GraphBuilder, a: Value, b: Value, options?: { transposeB?: boolean }): Value {
  const transposeB = options?.transposeB ?? false;
  const product = (left: Value, right: Value, shape: readonly Dim[]): Value =>
    graph.single('MatMul', [left, right], left.type, shape);
  const flip = (v: Value): Value => {
    const perm = swapLastTwo(v.shape.length);
    return graph.single(
      'Transpose',
      [v],
      v.type,
      perm.map((axis) => v.shape[axis]!),
      { perm },
    );
  };
  const batch = a.shape.slice(0, -2);
  const y = product(a, transposeB ? flip(b) : b, [...batch, a.shape.at(-2)!, b.shape.at(transposeB ? -2 : -1)!]);
  graph.record([a, b], [y], ([dy]) => [
    graph.requiresGradient(a) ? product(dy!, transposeB ? b : flip(b), a.shape) : null,
    graph.requiresGradient(b) ? (transposeB ? product(flip(dy!), a, b.shape) : product(flip(a), dy!, b.shape)) : null,
  ]);
  return y;
}

/** x with zeros behind each axis up to `shape`, of numbers alone. x̄ is the part of ȳ where x stands. */
export function withZeros(graph: GraphBuilder, x: Value, shape: readonly number[]): Value {
  const missing = shape.map((size, axis) => size - (x.shape[axis] as number));
  if (missing.every((size) => size === 0)) return x;
  const y = graph.single('Pad', [x, graph.integers([...shape.map(() => 0), ...missing])], x.type, shape);
  const axes = graph.integers([...shape.keys()]);
  graph.record([x], [y], ([dy]) => [
    graph.single(
      'Slice',
      [dy!, graph.integers(shape.map(() => 0)), graph.integers(x.shape as readonly number[]), axes],
      x.type,
      x.shape,
    ),
  ]);
  return y;
}

export function reshape(graph: GraphBuilder, x: Value, shape: readonly Dim[]): Value {
  const y = graph.single('Reshape', [x, graph.shape(shape)], x.type, shape);
  graph.record([x], [y], ([dy]) => [graph.single('Reshape', [dy!, graph.shape(x.shape)], x.type, x.shape)]);
  return y;
}

export function transpose(graph: GraphBuilder, x: Value, perm: readonly number[]): Value {
  const y = graph.single(
    'Transpose',
    [x],
    x.type,
    perm.map((axis) => x.shape[axis]!),
    { perm },
  );
  const inverse = perm.map((_, axis) => perm.indexOf(axis));
  graph.record([x], [y], ([dy]) => [graph.single('Transpose', [dy!], x.type, x.shape, { perm: inverse })]);
  return y;
}

export function concat(graph: GraphBuilder, parts: readonly Value[], axis: number, size: Dim): Value {
  const shape = parts[0]!.shape.map((dim, i) => (i === axis ? size : dim));
  const y = graph.single('Concat', parts, parts[0]!.type, shape, { axis });
  graph.record(parts, [y], ([dy]) =>
    splitNodes(
      graph,
      dy!,
      axis,
      parts.map((part) => part.shape[axis]!),
    ),
  );
  return y;
}

function splitNodes(graph: GraphBuilder, x: Value, axis: number, sizes: readonly Dim[]): Value[] {
  return graph.node(
    'Split',
    [x, graph.shape(sizes)],
    sizes.map((size) => ({ type: x.type, shape: x.shape.map((dim, i) => (i === axis ? size : dim)) })),
    { axis },
  );
}

/** Cuts x along an axis into parts of the given sizes, which must add up to the axis. */
export function split(graph: GraphBuilder, x: Value, axis: number, sizes: readonly Dim[]): Value[] {
  const parts = splitNodes(graph, x, axis, sizes);
  graph.record([x], parts, (gradients) => {
    const filled = gradients.map((gradient, i) => gradient ?? zeros(graph, parts[i]!));
    return [graph.single('Concat', filled, x.type, x.shape, { axis })];
  });
  return parts;
}

function zeros(graph: GraphBuilder, like: Value): Value {
  const zero = cast(graph, graph.scalar(0), like.type === 'float16' ? 'float16' : 'float32');
  return graph.single('Expand', [zero, graph.shape(like.shape)], like.type, like.shape);
}

/** Softmax over the last axis. x̄ = p ⊙ (p̄ − Σ p̄ ⊙ p). */
export function softmax(graph: GraphBuilder, x: Value): Value {
  const axis = x.shape.length - 1;
  const p = graph.single('Softmax', [x], x.type, x.shape, { axis });
  graph.record([x], [p], ([dp]) => {
    const weighted = elementwise(graph, 'Mul', dp!, p);
    const total = graph.single('ReduceSum', [weighted, graph.integers([axis])], x.type, [...x.shape.slice(0, -1), 1], {
      keepdims: 1,
    });
    return [elementwise(graph, 'Sub', weighted, elementwise(graph, 'Mul', p, total))];
  });
  return p;
}

/**
 * SwiGLU: y = g·σ(g)·u. With s = σ(g): ū = ȳ g s; ḡ = ȳ u s (1 + g (1 − s)) = ȳ (y + s (u − y)), which needs g no more.
 */
export function swiglu(graph: GraphBuilder, gate: Value, up: Value): Value {
  const s = graph.single('Sigmoid', [gate], gate.type, gate.shape);
  const silu = elementwise(graph, 'Mul', gate, s);
  const y = elementwise(graph, 'Mul', silu, up);
  graph.record([gate, up], [y], ([dy]) => {
    const slope = elementwise(graph, 'Add', y, elementwise(graph, 'Mul', s, elementwise(graph, 'Sub', up, y)));
    return [elementwise(graph, 'Mul', dy!, slope), elementwise(graph, 'Mul', dy!, silu)];
  });
  return y;
}

/**
 * RMS normalisation over the last axis, Zhang & Sennrich 2019 eq. 4: y = w ⊙ x̂, x̂ = x·r, r = 1/√(mean(x²) + ε).
 * x̄ = r (ȳ ⊙ w − x · r · mean(ȳ ⊙ y)); w̄ = Σ ȳ ⊙ x̂. x (…, D), w (D).
 */
export function rmsNorm(graph: GraphBuilder, x: Value, weight: Value, epsilon: number): Value {
  const axis = x.shape.length - 1;
  const reduced = [...x.shape.slice(0, -1), 1];
  // onnxruntime's fused kernel also hands out r; the primitive form costs five passes over x instead of one.
  const outputs: { type: 'float32'; shape: readonly Dim[] }[] = [{ type: 'float32', shape: x.shape }];
  if (graph.operators === 'cpu') outputs.push({ type: 'float32', shape: reduced });
  const [y, fused] = graph.node('SimplifiedLayerNormalization', [x, weight], outputs, {
    axis,
    epsilon: { float: epsilon },
    stash_type: 1,
  }) as [Value, Value?];
  graph.record([x, weight], [y], ([dy]) => {
    const times = (a: Value, b: Value): Value => elementwise(graph, 'Mul', a, b);
    const r = fused ?? inverseRootMeanSquare(graph, x, epsilon);
    let dx: Value | null = null;
    if (graph.requiresGradient(x)) {
      const products = [times(dy!, y), graph.integers([axis])];
      const mean = graph.single('ReduceMean', products, x.type, reduced, { keepdims: 1 });
      const along = times(x, times(r, mean));
      dx = times(elementwise(graph, 'Sub', times(dy!, weight), along), r);
    }
    const dWeight = graph.requiresGradient(weight) ? reduceTo(graph, times(dy!, times(x, r)), weight.shape) : null;
    return [dx, dWeight];
  });
  return y;
}

/** 1/√(mean(x²) + ε) over the last axis: (…, D) → (…, 1). */
function inverseRootMeanSquare(graph: GraphBuilder, x: Value, epsilon: number): Value {
  const axis = x.shape.length - 1;
  const shape = [...x.shape.slice(0, -1), 1];
  const squares = elementwise(graph, 'Mul', x, x);
  const mean = graph.single('ReduceMean', [squares, graph.integers([axis])], x.type, shape, { keepdims: 1 });
  const root = graph.single('Sqrt', [elementwise(graph, 'Add', mean, graph.scalar(epsilon))], x.type, shape);
  return graph.single('Reciprocal', [root], x.type, shape);
}

/**
 * Rotary position embedding, Su et al. 2021 eq. 34, half-rotated as transformers has it: x (1, N, heads·d), cos and sin
 * (N, d/2), one row per token. `partial` rotates only the first dimensions of each head. A rotation's transpose turns the other way, so the gradient is the same operator with −sin.
 */
export function rotary(
  graph: GraphBuilder,
  x: Value,
  cos: Value,
  sin: Value,
  partial: { readonly rotaryDim: number; readonly heads: number } | null = null,
): Value {
  const attributes = {
    interleaved: 0,
    ...(partial && { rotary_embedding_dim: partial.rotaryDim, num_heads: partial.heads }),
  };
  const apply = (v: Value, s: Value): Value =>
    graph.single('RotaryEmbedding', [v, graph.integers([0]), cos, s], v.type, v.shape, attributes, 'com.microsoft');
  const y = apply(x, sin);
  graph.record([x], [y], ([dy]) => [apply(dy!, negated(graph, sin))]);
  return y;
}

const negatedValues = new WeakMap<GraphBuilder, Map<string, Value>>();
function negated(graph: GraphBuilder, value: Value): Value {
  const cache = negatedValues.get(graph) ?? new Map<string, Value>();
  negatedValues.set(graph, cache);
  const known = cache.get(value.name) ?? graph.single('Neg', [value], value.type, value.shape);
  cache.set(value.name, known);
  return known;
}
