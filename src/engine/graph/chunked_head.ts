/**
 * log π of tokens without ever holding all logits: rows go through the head chunk by chunk, so that memory does not grow with
 * vocabulary × tokens. What the gradient needs of a chunk is computed while its probabilities are there.
 */
import type { GraphBuilder, Value } from './graph_builder.ts';
import type { Dim } from './onnx_model.ts';
import { CACHE_LINE_FLOATS, isWholePages } from './page_rows.ts';
import { scatterRows } from './row_operators.ts';

/** Logits that exist at a time, at most: (rows of a chunk) · V. Measured: more gains no speed, a quarter of it costs 15 %. */
export const LOGITS_AT_A_TIME = 2 ** 25;

export const rowsPerChunk = (vocabulary: number): number => Math.max(64, Math.floor(LOGITS_AT_A_TIME / vocabulary));

/**
 * How many tokens each piece of the vocabulary has. Rows of p that are a whole number of pages apart fall into the same few places of
 * every cache, so that p W takes 1.3 times as long (docs/bench/NOTES.md, "The head"): where V is such a number (49,152, 32,768, 128,000),
 * p is two matrices of an odd number of cache lines a row.
 */
export function pieceSizes(vocabulary: number): readonly number[] {
  if (!isWholePages(vocabulary)) return [vocabulary];
  const first = vocabulary / 2 - CACHE_LINE_FLOATS;
  return [first, vocabulary - first];
}

interface Chunk {
  readonly graph: GraphBuilder;
  /** (m, D) and (m) */
  readonly hidden: Value;
  readonly targets: Value;
  /** Rows [start, start + m) of another value of M rows. */
  readonly rows: (value: Value) => Value;
}

/** Goes through all rows in chunks of nearly equal size; what `body` returns is joined row by row, or replaces the sum it was given. */
function overChunks(
  graph: GraphBuilder,
  { hidden, targets }: { readonly hidden: Value; readonly targets: Value },
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
    return body({ graph: inner, hidden: rows(hidden), targets: rows(targets), rows }, carried);
  });
}

interface PieceOfSoftmax {
  /** log softmax over the tokens of the piece alone, (m, V_j). */
  readonly logProbs: Value;
  /** log Σ exp of its logits, (m, 1). */
  readonly total: Value;
}

/** @param piece rows W_j (V_j, D) of the head */
function softmaxWithin({ graph, hidden }: Chunk, piece: Value): PieceOfSoftmax {
  const size = piece.shape[0]!;
  const logits = graph.single('Gemm', [hidden, piece], 'float32', ['m', size], { transB: 1 });
  const logProbs = graph.single('LogSoftmax', [logits], 'float32', ['m', size], { axis: 1 });
  // Any token tells the total, since log p = logit − total.
  const first = (x: Value): Value =>
    graph.single('Slice', [x, ...[0, 1, 1].map((at) => graph.integers([at]))], 'float32', ['m', 1]);
  return { logProbs, total: graph.single('Sub', [first(logits), first(logProbs)], 'float32', ['m', 1]) };
}

/**
 * `tokenLogProbabilities` in chunks: h (M, D), head W (V, D), targets int64 (M) → (M). With p = softmax(h Wᵀ), and p_j what it is
 * among the tokens of piece j, whose logits have the total t_j = log Σ exp: log p = h·W[target] − t with t = log Σ_j exp t_j, and
 * p = exp(t_j − t) p_j on piece j, so that no piece waits for another one.
 * h̄ = ȳ ⊙ (W[target] − p W), whose second factor the forward pass leaves behind, (M, D);
 * W̄ = Σ_m (onehot(target_m) − p_m) ȳ_m h_mᵀ, which goes over the chunks once more.
 * @param pieces W in parts, (V_j, D) each, one above the other; a head that is trained is one piece
 */
export function tokenLogProbabilitiesInChunks(
  graph: GraphBuilder,
  hidden: Value,
  head: Value,
  targets: Value,
  pieces: readonly Value[] = [head],
  largest: number = rowsPerChunk(head.shape[0] as number),
): Value {
  const rows = hidden.shape[0]!;
  const width = hidden.shape[1]!;
  const parts = { hidden, targets };
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
      const wide: readonly Dim[] = ['m', width];
      const narrow: readonly Dim[] = ['m', 1];
      const append = (all: Value, more: Value): Value =>
        inner.single('Concat', [all, more], 'float32', all.shape, { axis: 0 });
      const within = pieces.map((piece) => {
        const { logProbs, total } = softmaxWithin(chunk, piece);
        if (!withSlope) return { total, expected: null };
        const p = inner.single('Exp', [logProbs], 'float32', logProbs.shape);
        return { total, expected: inner.single('Gemm', [p, piece], 'float32', wide) };
      });
      const totals = within.map(({ total }) => total);
      // t_j − t, (m, 1) each.
      const shares = logShares(inner, totals);
      const total = inner.single('Sub', [totals[0]!, shares[0]!], 'float32', narrow);
      const wanted = inner.single('Gather', [head, chunk.targets], 'float32', wide, { axis: 0 });
      const products = inner.single('Mul', [chunk.hidden, wanted], 'float32', wide);
      const logit = inner.single('ReduceSum', [products, inner.integers([1])], 'float32', narrow, { keepdims: 1 });
      const picked = inner.single('Sub', [logit, total], 'float32', narrow);
      const flat = inner.single('Squeeze', [picked, inner.integers([1])], 'float32', ['m']);
      const probabilities = append(before!, flat);
      if (slopesBefore === undefined) return [probabilities];
      const slopes = within.reduce((rest, { expected }, j) => {
        const share = inner.single('Exp', [shares[j]!], 'float32', narrow);
        return inner.single('Sub', [rest, inner.single('Mul', [expected!, share], 'float32', wide)], 'float32', wide);
      }, wanted);
      return [probabilities, append(slopesBefore, slopes)];
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
    if (pieces.length > 1) throw new Error('a head that is trained is one piece');
    const pulled = scatterRows(graph, targets, head.shape[0]!, weighted);
    const [sum] = overChunks(graph, parts, largest, [pulled], (chunk, [before]) => {
      const { logProbs } = softmaxWithin(chunk, head);
      const p = chunk.graph.single('Exp', [logProbs], 'float32', logProbs.shape);
      const pushed = chunk.graph.single('Gemm', [p, chunk.rows(weighted), before!], 'float32', head.shape, {
        transA: 1,
        alpha: { float: -1 },
      });
      return [pushed];
    });
    return sum!;
  }
}

/** t_j (m, 1) → t_j − log Σ_i exp t_i, (m, 1) each. */
function logShares(graph: GraphBuilder, totals: readonly Value[]): readonly Value[] {
  const all: readonly Dim[] = ['m', totals.length];
  const joined = totals.length === 1 ? totals[0]! : graph.single('Concat', totals, 'float32', all, { axis: 1 });
  const shares = graph.single('LogSoftmax', [joined], 'float32', all, { axis: 1 });
  if (totals.length === 1) return [shares];
  return totals.map((_, j) => graph.single('Gather', [shares, graph.integers([j])], 'float32', ['m', 1], { axis: 1 }));
}
