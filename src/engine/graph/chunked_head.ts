/**
 * log π of tokens without ever holding all logits: rows go through the head chunk by chunk, so that memory does not grow with
 * vocabulary × tokens. What the gradient needs of a chunk is computed while its probabilities are there.
 */
import type { GraphBuilder, Value } from './graph_builder.ts';
import type { Dim } from './onnx_model.ts';
import { scatterRows } from './row_operators.ts';

/** Logits that exist at a time, at most: (rows of a chunk) · V. Measured: more gains no speed, a quarter of it costs 15 %. */
export const LOGITS_AT_A_TIME = 2 ** 25;

export const rowsPerChunk = (vocabulary: number): number => Math.max(64, Math.floor(LOGITS_AT_A_TIME / vocabulary));

interface Chunk {
  readonly graph: GraphBuilder;
  /** (m, D) and (m) */
  readonly hidden: Value;
  readonly targets: Value;
  /** (m, V) */
  readonly logProbs: Value;
  /** Rows [start, start + m) of another value of M rows. */
  readonly rows: (value: Value) => Value;
}

/** Goes through all rows in chunks of nearly equal size; what `body` returns is joined row by row, or replaces the sum it was given. */
function overChunks(
  graph: GraphBuilder,
  { hidden, head, targets }: { readonly hidden: Value; readonly head: Value; readonly targets: Value },
  largest: number,
  initial: readonly Value[],
  body: (chunk: Chunk, carried: readonly Value[]) => readonly Value[],
): Value[] {
  const whole = (operator: string, a: Value, b: Value): Value => graph.single(operator, [a, b], 'int64', [1]);
  const one = graph.integers([1]);
  const up = (a: Value, b: Value): Value => whole('Div', whole('Add', a, whole('Sub', b, one)), b);
  const shape = graph.single('Shape', [hidden], 'int64', [2]);
  const count = graph.single('Gather', [shape, graph.integers([0])], 'int64', [1], { axis: 0 });
  const rounds = whole('Max', up(count, graph.integers([largest])), one);
  const size = up(count, rounds);
  return graph.loop(graph.single('Squeeze', [rounds], 'int64', []), initial, (inner, round, carried) => {
    const index = inner.single('Unsqueeze', [round, inner.integers([0])], 'int64', [1]);
    const start = inner.single('Mul', [index, size], 'int64', [1]);
    const end = inner.single('Add', [start, size], 'int64', [1]);
    const rows = (value: Value): Value => {
      const sliced: Dim[] = ['m', ...value.shape.slice(1)];
      return inner.single('Slice', [value, start, end, inner.integers([0])], value.type, sliced);
    };
    const vocabulary = head.shape[0]!;
    const part = rows(hidden);
    const logits = inner.single('Gemm', [part, head], 'float32', ['m', vocabulary], { transB: 1 });
    const logProbs = inner.single('LogSoftmax', [logits], 'float32', ['m', vocabulary], { axis: 1 });
    return body({ graph: inner, hidden: part, targets: rows(targets), logProbs, rows }, carried);
  });
}

/**
 * `tokenLogProbabilities` in chunks: h (M, D), head W (V, D), targets int64 (M) → (M). With p = softmax(h Wᵀ):
 * h̄ = ȳ ⊙ (W[target] − p W), whose second factor the forward pass leaves behind, (M, D);
 * W̄ = Σ_m (onehot(target_m) − p_m) ȳ_m h_mᵀ, which goes over the chunks once more.
 */
export function tokenLogProbabilitiesInChunks(
  graph: GraphBuilder,
  hidden: Value,
  head: Value,
  targets: Value,
  largest: number = rowsPerChunk(head.shape[0] as number),
): Value {
  const rows = hidden.shape[0]!;
  const width = hidden.shape[1]!;
  const parts = { hidden, head, targets };
  const withSlope = graph.requiresGradient(hidden);
  const nothing = (value: Value, shape: readonly Dim[]): Value =>
    graph.single('Slice', [value, ...[0, 0, 0].map((at) => graph.integers([at]))], 'float32', shape);
  const noRows = nothing(hidden, ['joined', width]);
  const noProbabilities = graph.single('ReduceSum', [noRows, graph.integers([1])], 'float32', ['joined'], {
    keepdims: 0,
  });

  const [joined, slope] = overChunks(
    graph,
    parts,
    largest,
    withSlope ? [noProbabilities, noRows] : [noProbabilities],
    (chunk, [before, slopesBefore]) => {
      const inner = chunk.graph;
      const column = inner.single('Unsqueeze', [chunk.targets, inner.integers([1])], 'int64', ['m', 1]);
      const picked = inner.single('GatherElements', [chunk.logProbs, column], 'float32', ['m', 1], { axis: 1 });
      const flat = inner.single('Squeeze', [picked, inner.integers([1])], 'float32', ['m']);
      const append = (all: Value, more: Value): Value =>
        inner.single('Concat', [all, more], 'float32', all.shape, { axis: 0 });
      const probabilities = append(before!, flat);
      if (slopesBefore === undefined) return [probabilities];
      const p = inner.single('Exp', [chunk.logProbs], 'float32', chunk.logProbs.shape);
      const expected = inner.single('Gemm', [p, head], 'float32', ['m', width]);
      const wanted = inner.single('Gather', [head, chunk.targets], 'float32', ['m', width], { axis: 0 });
      return [probabilities, append(slopesBefore, inner.single('Sub', [wanted, expected], 'float32', ['m', width]))];
    },
  );
  const y: Value = { ...joined!, shape: [rows] };

  graph.record([hidden, head], [y], ([dy]) => {
    const upstream = graph.single('Unsqueeze', [dy!, graph.integers([1])], 'float32', [rows, 1]);
    const scaled = (value: Value): Value => graph.single('Mul', [value, upstream], 'float32', hidden.shape);
    return [
      slope === undefined ? null : scaled({ ...slope, shape: hidden.shape }),
      graph.requiresGradient(head) ? headGradient(scaled(hidden)) : null,
    ];
  });
  return y;

  /** @param weighted ȳ_m h_m, (M, D) */
  function headGradient(weighted: Value): Value {
    const pulled = scatterRows(graph, targets, head.shape[0]!, weighted);
    const [total] = overChunks(graph, parts, largest, [pulled], (chunk, [sum]) => {
      const p = chunk.graph.single('Exp', [chunk.logProbs], 'float32', chunk.logProbs.shape);
      const pushed = chunk.graph.single('Gemm', [p, chunk.rows(weighted), sum!], 'float32', head.shape, {
        transA: 1,
        alpha: { float: -1 },
      });
      return [pushed];
    });
    return total!;
  }
}
