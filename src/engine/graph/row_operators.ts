/** Rows of a table by their ids, and the sum of rows back into it: what an embedding is, and its gradient. */
import type { GraphBuilder, Value } from './graph_builder.ts';
import type { Dim } from './onnx_model.ts';

/** One row of `table` (V, D) per id: ids (N) → (N, D). The gradient sums the rows that share an id. */
export function embed(graph: GraphBuilder, table: Value, ids: Value): Value {
  const [rows, width] = table.shape as [Dim, Dim];
  const y = graph.single('Gather', [table, ids], table.type, [...ids.shape, width], { axis: 0 });
  graph.record([table], [y], ([dy]) => [scatterRows(graph, ids, rows, dy!)]);
  return y;
}

/**
 * Σ over n of the rows dy_n into row ids_n: ids (N), dy (N, D) → (rows, D). Elsewhere than on the CPU, which goes row by row, a scatter
 * with repeated ids is not deterministic; onehotᵀ × dy is.
 * @param ids all within [0, rows), or with 'some-outside' also above: those rows are left out
 */
export function scatterRows(
  graph: GraphBuilder,
  ids: Value,
  rows: Dim,
  dy: Value,
  range: 'all-inside' | 'some-outside' = 'all-inside',
): Value {
  const shape = [rows, dy.shape[1]!];
  if (graph.operators === 'portable' || range === 'some-outside')
    return graph.single('Gemm', [oneHot(graph, ids, rows), dy], dy.type, shape, { transA: 1 });
  const column = graph.single('Unsqueeze', [ids, graph.integers([1])], 'int64', [ids.shape[0]!, 1]);
  const places = graph.single('Expand', [column, graph.single('Shape', [dy], 'int64', [2])], 'int64', dy.shape);
  const nothing = graph.single('Expand', [graph.scalar(0), graph.shape(shape)], dy.type, shape);
  return graph.single('ScatterElements', [nothing, places, dy], dy.type, shape, { axis: 0, reduction: 'add' });
}

/** ids (N) → (N, rows), 1 where the column is the id. */
function oneHot(graph: GraphBuilder, ids: Value, rows: Dim): Value {
  const shape = [ids.shape[0]!, rows];
  if (graph.operators === 'cpu')
    return graph.single('OneHot', [ids, graph.size(rows), graph.floats([0, 1])], 'float32', shape, { axis: -1 });
  // Ids are compared as float32, which holds every integer up to 2²⁴.
  const FLOAT = 1;
  const real = (x: Value): Value => graph.single('Cast', [x], 'float32', x.shape, { to: FLOAT });
  const zero = graph.integers([0], []);
  const limit = graph.single('Squeeze', [graph.size(rows)], 'int64', []);
  const columns = graph.single('Range', [zero, limit, graph.integers([1], [])], 'int64', [rows]);
  const id = graph.single('Unsqueeze', [real(ids), graph.integers([1])], 'float32', [ids.shape[0]!, 1]);
  return real(graph.single('Equal', [id, real(columns)], 'bool', shape));
}
