/**
 * What follows the final hidden states of sampling, in programs of their own: `logits`, and two that draw inside, so that the logits (B, V)
 * never leave the runtime: `draw` by the inverse distribution function, `draw-greedy` the most likely token. The last two know no added tokens.
 */
import { logitsExtended } from '../graph/extended_vocabulary.ts';
import { GraphBuilder, type OperatorSet, type Value } from '../graph/graph_builder.ts';
import { cast, type Precision } from '../graph/precision.ts';
import { logSoftmax } from '../graph/token_log_probabilities.ts';
import { addedRowsInput } from './added_rows_input.ts';
import { type ModelConfig, parameterShapes } from './config.ts';
import type { AdapterShape } from './decoder_graph.ts';
import { headName } from './head_pieces.ts';

export type HeadProgramName = 'logits' | 'draw' | 'draw-greedy';

/** A row is searched block by block: a running sum over its blocks, then one over the block found. */
const LARGEST_BLOCK = 512;

/**
 * Inputs: hidden (B, D); for `draw` uniform (B, 1) in [0, 1) and inverse_temperature (1); without `constants` the head (V, D).
 * Outputs: logits (B, V + N); or token (B, 1) as float32, exact below 2²⁴, and log_prob (B, 1), its log-probability over the vocabulary.
 * Only the head may be float16: it is widened before the product.
 * @param options.constants whether the head is part of the program: only while nothing changes it
 * @returns also the weights that are part of the program
 */
export function buildHeadProgram(
  config: ModelConfig,
  adapter: AdapterShape | null,
  name: HeadProgramName,
  {
    constants,
    operators = 'cpu',
    precision = 'float32',
  }: { readonly constants: boolean; readonly operators?: OperatorSet; readonly precision?: Precision },
): { readonly model: Uint8Array; readonly constants: ReadonlyMap<string, readonly string[]> } {
  const graph = new GraphBuilder(name, operators);
  const headParameter = headName(config);
  const shape = parameterShapes(config).get(headParameter)!;
  const hidden = graph.input('hidden', 'float32', ['B', config.hiddenSize]);
  const held = constants ? graph.constantTensor(headParameter, shape) : graph.input(headParameter, precision, shape);
  const head = cast(graph, held, 'float32');
  if (name === 'logits') {
    graph.output('logits', logitsExtended(graph, hidden, head, addedRowsInput(graph, config, adapter, 'output')));
  } else {
    const { token, logProb } = name === 'draw' ? draw(graph, hidden, head) : drawGreedily(graph, hidden, head);
    graph.output('token', graph.single('Cast', [token], 'float32', ['B', 1], { to: FLOAT }));
    graph.output('log_prob', logProb);
  }
  return { model: graph.serialise(), constants: new Map(constants ? [[headParameter, [headParameter]]] : []) };
}

const FLOAT = 1;
const INT64 = 7;

interface Drawn {
  /** int64 (B, 1) */
  readonly token: Value;
  readonly logProb: Value;
}

/**
 * The token at which the running sum of p = softmax(h Wᵀ / temperature) passes u: first the block, by the sums of blocks, then the
 * token in it. Where rounding makes u reach a total, it is the last one that adds to that total.
 */
function draw(graph: GraphBuilder, hidden: Value, head: Value): Drawn {
  const vocabulary = head.shape[0] as number;
  const size = blockSize(vocabulary);
  const count = vocabulary / size;
  const uniform = graph.input('uniform', 'float32', ['B', 1]);
  const inverse = graph.input('inverse_temperature', 'float32', [1]);
  const column = ['B', 1] as const;
  const axis = graph.integers([1], []);

  const cooled = graph.single('Mul', [hidden, inverse], 'float32', hidden.shape);
  const p = graph.single('Softmax', [logitsExtended(graph, cooled, head, null)], 'float32', ['B', vocabulary], {
    axis: 1,
  });
  const blocks = graph.single('Reshape', [p, graph.integers([-1, count, size])], 'float32', ['B', count, size]);
  const sums = graph.single('ReduceSum', [blocks, graph.integers([2])], 'float32', ['B', count], { keepdims: 0 });
  const running = graph.single('CumSum', [sums, axis], 'float32', ['B', count]);
  const total = last(graph, running, count);
  const point = graph.single('Mul', [uniform, total], 'float32', column);
  const block = firstPassing(graph, running, point, total);

  const before = graph.single('CumSum', [sums, axis], 'float32', ['B', count], { exclusive: 1 });
  const rest = graph.single('Sub', [point, pick(graph, before, block)], 'float32', column);
  const found = graph.single('GatherND', [blocks, block], 'float32', ['B', size], { batch_dims: 1 });
  const within = graph.single('CumSum', [found, axis], 'float32', ['B', size]);
  const place = firstPassing(graph, within, rest, last(graph, within, size));

  const start = graph.single('Mul', [block, graph.integers([size])], 'int64', column);
  return {
    token: graph.single('Add', [start, place], 'int64', column),
    logProb: graph.single('Log', [pick(graph, found, place)], 'float32', column),
  };
}

/** int64 (B, 1): the first index whose running sum is above `point`, at most the first that reaches `total`. running (B, n). */
function firstPassing(graph: GraphBuilder, running: Value, point: Value, total: Value): Value {
  const countOf = (operator: 'LessOrEqual' | 'Less', limit: Value): Value => {
    const isBelow = graph.single(operator, [running, limit], 'bool', running.shape);
    const ones = graph.single('Cast', [isBelow], 'int64', running.shape, { to: INT64 });
    return graph.single('ReduceSum', [ones, graph.integers([1])], 'int64', ['B', 1], { keepdims: 1 });
  };
  return graph.single('Min', [countOf('LessOrEqual', point), countOf('Less', total)], 'int64', ['B', 1]);
}

const last = (graph: GraphBuilder, x: Value, size: number): Value =>
  graph.single('Gather', [x, graph.integers([size - 1])], 'float32', ['B', 1], { axis: 1 });

const pick = (graph: GraphBuilder, x: Value, index: Value): Value =>
  graph.single('GatherElements', [x, index], 'float32', ['B', 1], { axis: 1 });

/** The largest divisor that is small enough: every row is a whole number of blocks. */
function blockSize(vocabulary: number): number {
  for (let size = Math.min(LARGEST_BLOCK, vocabulary); size > 1; size--) if (vocabulary % size === 0) return size;
  return 1;
}

function drawGreedily(graph: GraphBuilder, hidden: Value, head: Value): Drawn {
  const logits = logitsExtended(graph, hidden, head, null);
  const token = graph.single('ArgMax', [logits], 'int64', ['B', 1], { axis: 1, keepdims: 1 });
  return { token, logProb: pick(graph, logSoftmax(graph, logits), token) };
}
