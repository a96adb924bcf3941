/**
 * The programs `extend` (final hidden states) and `extend-score` (log-probabilities): new tokens on top of a key/value cache. Prefill is
 * extending an empty cache, decoding is extending by one token, scoring an answer is extending by the answer's tokens.
 * The cache stays with its owner (model/kv_cache.ts): a run reads it and returns only the new keys and values.
 */
import { GraphBuilder, type OperatorSet, type Value } from '../graph/graph_builder.ts';
import { add, concat, matmul, multiply, reshape, softmax, split, transpose } from '../graph/operators.ts';
import { cast, computedIn, type Precision, type WeightFormat } from '../graph/precision.ts';
import { embed } from '../graph/row_operators.ts';
import type { ModelConfig } from './config.ts';
import { type AdapterShape, type Attention, DecoderGraph } from './decoder_graph.ts';
import { rotaryDim } from './rope.ts';

export const pastName = (kind: 'key' | 'value', layer: number): string => `past_${kind}.${layer}`;
export const freshName = (kind: 'key' | 'value', layer: number): string => `fresh_${kind}.${layer}`;

/**
 * Inputs: ids (B, T), bias (B, 1, 1, T, C+T), cos, sin (B·T, rotaryDim/2), rows (M): flat tokens to predict at, and per layer
 * past_key, past_value (B, Hkv, C, d). With head 'log-probs' also targets (M).
 * Outputs: hidden (M, D), final and normalised, or log_probs (M), and per layer fresh_key, fresh_value (B, Hkv, T, d).
 */
export function buildExtendProgram(
  config: ModelConfig,
  adapter: AdapterShape | null,
  head: 'hidden' | 'log-probs',
  operators: OperatorSet = 'cpu',
  format: WeightFormat = 'float32',
): Uint8Array {
  const graph = new GraphBuilder(head === 'hidden' ? 'extend' : 'extend-score', operators);
  const ids = graph.input('ids', 'int64', ['B', 'T']);
  const bias = graph.input('bias', 'float32', ['B', 1, 1, 'T', 'C+T']);
  const half = rotaryDim(config) / 2;
  const cos = graph.input('cos', 'float32', ['B*T', half]);
  const sin = graph.input('sin', 'float32', ['B*T', half]);
  const rows = graph.input('rows', 'int64', ['M']);
  const past = Array.from({ length: config.layers }, (_, layer) => ({
    key: graph.input(pastName('key', layer), 'float32', ['B', config.keyValueHeads, 'C', config.headDim]),
    value: graph.input(pastName('value', layer), 'float32', ['B', config.keyValueHeads, 'C', config.headDim]),
  }));
  defineSizes(graph, config, ids, bias);

  const decoder = new DecoderGraph(graph, config, adapter, 'nothing', false, format);
  const attention = cachedAttention(graph, config, past, bias, computedIn(format));
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
  const axis = (value: Value, index: number): Value =>
    graph.single(
      'Gather',
      [graph.single('Shape', [value], 'int64', [value.shape.length]), graph.integers([index])],
      'int64',
      [1],
      { axis: 0 },
    );
  const b = axis(ids, 0);
  const t = axis(ids, 1);
  const all = axis(bias, 4);
  graph.defineSize('B', b);
  graph.defineSize('T', t);
  graph.defineSize('C+T', all);
  graph.defineSize('C', graph.single('Sub', [all, t], 'int64', [1]));
  graph.defineSize('B*T', graph.single('Mul', [b, t], 'int64', [1]));
  graph.defineSize(
    'G*T',
    graph.single('Mul', [t, graph.integers([config.heads / config.keyValueHeads])], 'int64', [1]),
  );
}

function cachedAttention(
  graph: GraphBuilder,
  config: ModelConfig,
  past: readonly { readonly key: Value; readonly value: Value }[],
  bias: Value,
  precision: Precision,
): Attention {
  const { heads, keyValueHeads: kv, headDim: d } = config;
  const group = heads / kv;
  const scale = cast(graph, graph.scalar(1 / Math.sqrt(d)), precision);
  const wide = (x: Value): Value => cast(graph, x, 'float32');
  const narrow = (x: Value): Value => cast(graph, x, precision);

  return (query, key, value, layer) => {
    const cache = past[layer]!;
    const q5 = transpose(
      graph,
      reshape(graph, multiply(graph, query, scale), ['B', 'T', kv, group, d]),
      [0, 2, 3, 1, 4],
    );
    const q = reshape(graph, q5, ['B', kv, 'G*T', d]);
    const k = transpose(graph, reshape(graph, key, ['B', 'T', kv, d]), [0, 2, 1, 3]);
    const v = transpose(graph, reshape(graph, value, ['B', 'T', kv, d]), [0, 2, 1, 3]);
    graph.output(freshName('key', layer), wide(k));
    graph.output(freshName('value', layer), wide(v));

    // Scores against cache and new tokens are joined, not keys: the cache is never copied.
    const toPast = matmul(graph, q, narrow(cache.key), { transposeB: true });
    const toFresh = matmul(graph, q, k, { transposeB: true });
    const scores = reshape(graph, wide(concat(graph, [toPast, toFresh], 3, 'C+T')), ['B', kv, group, 'T', 'C+T']);
    const weights = reshape(graph, narrow(softmax(graph, add(graph, scores, bias))), ['B', kv, 'G*T', 'C+T']);
    const [overPast, overFresh] = split(graph, weights, 3, ['C', 'T']) as [Value, Value];
    const mixed = add(graph, matmul(graph, overPast, narrow(cache.value)), matmul(graph, overFresh, v));
    return reshape(graph, transpose(graph, reshape(graph, mixed, ['B', kv, group, 'T', d]), [0, 3, 1, 2, 4]), [
      'B*T',
      heads * d,
    ]);
  };
}
