/** log π of tokens with all logits in memory at once; `chunked_head.ts` holds a part of them at a time. */
import type { GraphBuilder, Value } from './graph_builder.ts';
import { elementwise } from './operators.ts';
import { scatterRows } from './row_operators.ts';

/** log softmax(x) over the last axis. Records nothing: its users know the gradient. */
export function logSoftmax(graph: GraphBuilder, x: Value): Value {
  const axis = x.shape.length - 1;
  if (graph.operators === 'cpu') return graph.single('LogSoftmax', [x], 'float32', x.shape, { axis });
  const reduce = (operator: string, value: Value): Value =>
    graph.single(operator, [value, graph.integers([axis])], 'float32', [...x.shape.slice(0, -1), 1], { keepdims: 1 });
  const shifted = elementwise(graph, 'Sub', x, reduce('ReduceMax', x));
  const total = reduce('ReduceSum', graph.single('Exp', [shifted], 'float32', x.shape));
  return elementwise(graph, 'Sub', shifted, graph.single('Log', [total], 'float32', total.shape));
}

/**
 * log π(target | …) from final hidden states: h (M, D), head W (V, D), targets int64 (M) → (M).
 * With p = softmax(h Wᵀ): h̄ = ȳ (W[target] − p W); W̄ = Σ_m ȳ_m (onehot(target_m) − p_m) h_mᵀ. The logits (M, V) are built once.
 */
export function tokenLogProbabilities(graph: GraphBuilder, hidden: Value, head: Value, targets: Value): Value {
  const rows = hidden.shape[0]!;
  const vocabulary = head.shape[0]!;
  const logits = graph.single('Gemm', [hidden, head], hidden.type, [rows, vocabulary], { transB: 1 });
  const logProbs = logSoftmax(graph, logits);
  const column = graph.single('Unsqueeze', [targets, graph.integers([1])], 'int64', [rows, 1]);
  const picked = graph.single('GatherElements', [logProbs, column], 'float32', [rows, 1], { axis: 1 });
  const y = graph.single('Squeeze', [picked, graph.integers([1])], 'float32', [rows]);
  graph.record([hidden, head], [y], ([dy]) => {
    const upstream = graph.single('Unsqueeze', [dy!, graph.integers([1])], 'float32', [rows, 1]);
    const p = graph.single('Exp', [logProbs], 'float32', [rows, vocabulary]);
    const weighted = elementwise(graph, 'Mul', p, upstream);
    const expected = graph.single('Gemm', [weighted, head], hidden.type, hidden.shape);
    const targetRows = graph.single('Gather', [head, targets], head.type, hidden.shape, { axis: 0 });
    const dHidden = graph.requiresGradient(hidden)
      ? elementwise(graph, 'Sub', elementwise(graph, 'Mul', targetRows, upstream), expected)
      : null;
    let dHead: Value | null = null;
    if (graph.requiresGradient(head)) {
      const pulled = scatterRows(graph, targets, vocabulary, elementwise(graph, 'Mul', hidden, upstream));
      const pushed = graph.single('Gemm', [weighted, hidden], head.type, head.shape, { transA: 1 });
      dHead = elementwise(graph, 'Sub', pulled, pushed);
    }
    return [dHidden, dHead];
  });
  return y;
}
