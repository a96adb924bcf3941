/**
 * `extend` and `extend-score` for a key/value cache that stays on the device (device_cache.ts): the new keys and values are written
 * into the cache first, in place, and attention then reads the cache alone. And `rearrange`, which copies rows of such a cache.
 */
import { GraphBuilder, type Value } from '../graph/graph_builder.ts';
import { add, matmul, multiply, reshape, softmax, transpose } from '../graph/operators.ts';
import { cast, type Precision } from '../graph/precision.ts';
import { embed } from '../graph/row_operators.ts';
import type { ModelConfig } from './config.ts';
import { type AdapterShape, type Attention, DecoderGraph } from './decoder_graph.ts';
import { pastName } from './extend_program.ts';
import { rotaryDim } from './rope.ts';

/** The cache after the run; given the very buffers of `pastName` to write into, nothing of it is copied. */
export const presentName = (kind: 'key' | 'value', layer: number): string => `present_${kind}.${layer}`;

export const cacheNames = (layers: number, name: (kind: 'key' | 'value', layer: number) => string): string[] =>
  Array.from({ length: layers }, (_, layer) => [name('key', layer), name('value', layer)]).flat();

/**
 * Inputs: ids (B, T), bias (B, 1, 1, T, C), cos, sin (B·T, rotaryDim/2), rows (M): flat tokens to predict at, places (B, Hkv, T, 3):
 * row, head and column of the cache that each new token goes to, and per layer past_key, past_value (B, Hkv, C, d) in the
 * program's precision. With head 'log-probs' also targets (M).
 * Outputs: hidden (M, D), final and normalised, or log_probs (M), and per layer present_key, present_value (B, Hkv, C, d).
 */
export function buildDeviceExtendProgram(
  config: ModelConfig,
  adapter: AdapterShape | null,
  head: 'hidden' | 'log-probs',
  precision: Precision = 'float32',
): Uint8Array {
  const graph = new GraphBuilder(head === 'hidden' ? 'extend' : 'extend-score', 'portable');
  const { keyValueHeads: kv, headDim: d } = config;
  const ids = graph.input('ids', 'int64', ['B', 'T']);
  const bias = graph.input('bias', 'float32', ['B', 1, 1, 'T', 'C']);
  const half = rotaryDim(config) / 2;
  const cos = graph.input('cos', 'float32', ['B*T', half]);
  const sin = graph.input('sin', 'float32', ['B*T', half]);
  const rows = graph.input('rows', 'int64', ['M']);
  const places = graph.input('places', 'int64', ['B', kv, 'T', 3]);
  defineSizes(graph, config, ids, bias);

  const keep = (kind: 'key' | 'value', layer: number, fresh: Value): Value => {
    const past = graph.input(pastName(kind, layer), precision, ['B', kv, 'C', d]);
    return graph.produce(presentName(kind, layer), 'ScatterND', [past, places, fresh], past);
  };
  const decoder = new DecoderGraph(graph, config, adapter, 'nothing', false, precision);
  const attention = cacheAttention(graph, config, keep, bias, precision);
  const hidden = decoder.hiddenStates(reshape(graph, ids, ['B*T']), cos, sin, attention);
  const selected = embed(graph, hidden, rows);
  if (head === 'hidden') {
    graph.output('hidden', selected);
  } else {
    graph.output('log_probs', decoder.logProbabilities(selected, graph.input('targets', 'int64', ['M'])));
  }
  return graph.serialise();
}

function defineSizes(graph: GraphBuilder, config: ModelConfig, ids: Value, bias: Value): void {
  const axis = (value: Value, index: number): Value => {
    const shape = graph.single('Shape', [value], 'int64', [value.shape.length]);
    return graph.single('Gather', [shape, graph.integers([index])], 'int64', [1], { axis: 0 });
  };
  const [b, t] = [axis(ids, 0), axis(ids, 1)];
  const group = graph.integers([config.heads / config.keyValueHeads]);
  graph.defineSize('B', b);
  graph.defineSize('T', t);
  graph.defineSize('C', axis(bias, 4));
  graph.defineSize('B*T', graph.single('Mul', [b, t], 'int64', [1]));
  graph.defineSize('G*T', graph.single('Mul', [t, group], 'int64', [1]));
}

function cacheAttention(
  graph: GraphBuilder,
  config: ModelConfig,
  keep: (kind: 'key' | 'value', layer: number, fresh: Value) => Value,
  bias: Value,
  precision: Precision,
): Attention {
  const { heads, keyValueHeads: kv, headDim: d } = config;
  const group = heads / kv;
  const scale = cast(graph, graph.scalar(1 / Math.sqrt(d)), precision);
  const byHead = (x: Value): Value => transpose(graph, reshape(graph, x, ['B', 'T', kv, d]), [0, 2, 1, 3]);

  return (query, key, value, layer) => {
    const q5 = reshape(graph, multiply(graph, query, scale), ['B', 'T', kv, group, d]);
    const q = reshape(graph, transpose(graph, q5, [0, 2, 3, 1, 4]), ['B', kv, 'G*T', d]);
    const keys = keep('key', layer, byHead(key));
    const values = keep('value', layer, byHead(value));
    const products = cast(graph, matmul(graph, q, keys, { transposeB: true }), 'float32');
    const scores = reshape(graph, products, ['B', kv, group, 'T', 'C']);
    const softened = cast(graph, softmax(graph, add(graph, scores, bias)), precision);
    const weights = reshape(graph, softened, ['B', kv, 'G*T', 'C']);
    const mixed = reshape(graph, matmul(graph, weights, values), ['B', kv, group, 'T', d]);
    return reshape(graph, transpose(graph, mixed, [0, 3, 1, 2, 4]), ['B*T', heads * d]);
  };
}

/**
 * Inputs: rows (R), columns (D), and per layer past_key, past_value (B, Hkv, C, d).
 * Outputs: per layer present_key, present_value (R, Hkv, D, d): the listed columns of the listed rows.
 */
export function buildRearrangeProgram(
  config: Pick<ModelConfig, 'layers' | 'keyValueHeads' | 'headDim'>,
  precision: Precision = 'float32',
): Uint8Array {
  const graph = new GraphBuilder('rearrange', 'portable');
  const { layers, keyValueHeads: kv, headDim: d } = config;
  const rows = graph.input('rows', 'int64', ['R']);
  const columns = graph.input('columns', 'int64', ['D']);
  const past = cacheNames(layers, pastName);
  const present = cacheNames(layers, presentName);
  past.forEach((name, i) => {
    const cache = graph.input(name, precision, ['B', kv, 'C', d]);
    const picked = graph.single('Gather', [cache, rows], precision, ['R', kv, 'C', d], { axis: 0 });
    const moved = graph.single('Gather', [picked, columns], precision, ['R', kv, 'D', d], { axis: 2 });
    graph.output(present[i]!, moved);
  });
  return graph.serialise();
}
