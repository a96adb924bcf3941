/**
 * A vocabulary of V + N tokens whose last N rows are a tensor of their own: ids 0 … V−1 are rows of `table` (V, D), id V + i is row i of
 * `extra` (N, D). Joining the two would copy V·D numbers in every run; instead each side is computed where it lies. For ids and
 * logits below V the very same products run as without extra rows, so those values are the same bit for bit.
 */
import type { GraphBuilder, Value } from './graph_builder.ts';
import type { Dim } from './onnx_model.ts';
import { cast } from './precision.ts';
import { embed, scatterRows } from './row_operators.ts';
import { logSoftmax } from './token_log_probabilities.ts';

interface Places {
  /** bool (M): whether the id is one of the extra rows. */
  readonly isExtra: Value;
  /** Row of the table; the last one where the id is extra. */
  readonly tableRow: Value;
  /** Row of the extra tensor; the first one where the id is of the table. */
  readonly extraRow: Value;
  /** Row of the extra tensor, or N where the id is of the table: OneHot makes that a row of zeros. */
  readonly extraRowOrNone: Value;
}

function placesOf(graph: GraphBuilder, ids: Value, base: number, count: number): Places {
  const whole = (value: number): Value => graph.integers([value], []);
  const isExtra = graph.single('GreaterOrEqual', [ids, whole(base)], 'bool', ids.shape);
  const offset = graph.single('Sub', [ids, whole(base)], 'int64', ids.shape);
  return {
    isExtra,
    tableRow: graph.single('Min', [ids, whole(base - 1)], 'int64', ids.shape),
    extraRow: graph.single('Max', [offset, whole(0)], 'int64', ids.shape),
    extraRowOrNone: graph.single('Where', [isExtra, offset, whole(count)], 'int64', ids.shape),
  };
}

/** The rows of `ids` from both tensors: (M, D). */
function gatherRows(graph: GraphBuilder, table: Value, extra: Value, ids: Value, places: Places): Value {
  const shape = [ids.shape[0]!, table.shape[1]!];
  const gather = (from: Value, rows: Value): Value =>
    cast(graph, graph.single('Gather', [from, rows], from.type, shape, { axis: 0 }), 'float32');
  const mask = graph.single('Unsqueeze', [places.isExtra, graph.integers([1])], 'bool', [ids.shape[0]!, 1]);
  const both = [mask, gather(extra, places.extraRow), gather(table, places.tableRow)];
  return graph.single('Where', both, 'float32', shape);
}

/** `embed` with extra rows: ids (M) → (M, D). Without any (`extra` null) it is `embed`. */
export function embedExtended(graph: GraphBuilder, table: Value, extra: Value | null, ids: Value): Value {
  if (extra === null) return embed(graph, table, ids);
  const [base, count] = [table.shape[0] as number, extra.shape[0] as number];
  const places = placesOf(graph, ids, base, count);
  const y = gatherRows(graph, table, extra, ids, places);
  graph.record([table, extra], [y], ([dy]) => [
    // OneHot leaves out ids ≥ V.
    graph.requiresGradient(table) ? scatterRows(graph, ids, base, dy!, 'some-outside') : null,
    graph.requiresGradient(extra) ? scatterRows(graph, places.extraRowOrNone, count, dy!, 'some-outside') : null,
  ]);
  return y;
}

/** Logits over the whole vocabulary: hidden (M, D) → (M, V + N). No gradient: see `tokenLogProbabilitiesExtended`. */
export function logitsExtended(graph: GraphBuilder, hidden: Value, table: Value, extra: Value | null): Value {
  const rows = hidden.shape[0]!;
  const product = (head: Value): Value =>
    graph.single('Gemm', [hidden, head], hidden.type, [rows, head.shape[0]!], { transB: 1 });
  if (extra === null) return product(table);
  const size = (table.shape[0] as number) + (extra.shape[0] as number);
  return graph.single('Concat', [product(table), product(extra)], hidden.type, [rows, size], { axis: 1 });
}

/**
 * log π(target | …) over V + N tokens from final hidden states: h (M, D), head [W; E] with W (V, D) and E (N, D), targets int64 (M) → (M).
 * With p = softmax(h [W; E]ᵀ) = [p_W, p_E]: h̄ = ȳ ([W; E][target] − p_W W − p_E E); W̄ and Ē as in `tokenLogProbabilities`, each with
 * its own columns of p.
 */
export function tokenLogProbabilitiesExtended(
  graph: GraphBuilder,
  hidden: Value,
  table: Value,
  extra: Value,
  targets: Value,
): Value {
  const rows = hidden.shape[0]!;
  const [base, count] = [table.shape[0] as number, extra.shape[0] as number];
  const all: readonly Dim[] = [rows, base + count];
  const logits = logitsExtended(graph, hidden, table, extra);
  const logProbs = logSoftmax(graph, logits);
  const column = graph.single('Unsqueeze', [targets, graph.integers([1])], 'int64', [rows, 1]);
  const picked = graph.single('GatherElements', [logProbs, column], 'float32', [rows, 1], { axis: 1 });
  const y = graph.single('Squeeze', [picked, graph.integers([1])], 'float32', [rows]);
  graph.record([hidden, table, extra], [y], ([dy]) => {
    const times = (a: Value, b: Value, shape: readonly Dim[]): Value => graph.single('Mul', [a, b], 'float32', shape);
    const minus = (a: Value, b: Value): Value => graph.single('Sub', [a, b], 'float32', a.shape);
    const places = placesOf(graph, targets, base, count);
    const upstream = graph.single('Unsqueeze', [dy!, graph.integers([1])], 'float32', [rows, 1]);
    const weighted = times(graph.single('Exp', [logProbs], 'float32', all), upstream, all);
    const [onTable, onExtra] = graph.node(
      'Split',
      [weighted, graph.integers([base, count])],
      [base, count].map((size) => ({ type: 'float32', shape: [rows, size] })),
      { axis: 1 },
    ) as [Value, Value];
    const gradientOf = (head: Value, weights: Value, rowsOfTargets: Value): Value | null => {
      if (!graph.requiresGradient(head)) return null;
      const size = head.shape[0]!;
      const pulled = scatterRows(graph, rowsOfTargets, size, times(hidden, upstream, hidden.shape), 'some-outside');
      return minus(pulled, graph.single('Gemm', [weights, hidden], 'float32', head.shape, { transA: 1 }));
    };
    let dHidden: Value | null = null;
    if (graph.requiresGradient(hidden)) {
      const wanted = times(gatherRows(graph, table, extra, targets, places), upstream, hidden.shape);
      const expected = graph.single('Gemm', [onTable, table], 'float32', hidden.shape);
      dHidden = minus(wanted, graph.single('Gemm', [onExtra, extra, expected], 'float32', hidden.shape));
    }
    return [dHidden, gradientOf(table, onTable, targets), gradientOf(extra, onExtra, places.extraRowOrNone)];
  });
  return y;
}
