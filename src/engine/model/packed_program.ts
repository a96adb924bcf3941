/**
 * The programs `score` and `step`: one forward (and backward) over groups that share a prompt.
 *
 * A batch is B prompts (B, P) and R = B·K continuations (R, T), both padded on the right. Each prompt is computed once and its K
 * continuations attend to it, so a question's tokens are spent once however many rationales it has. Flat token order: all
 * prompt tokens, then all continuation tokens; N = B·P + R·T.
 */
import { attend, repeatAlong } from '../graph/attention.ts';
import { differentiate } from '../graph/differentiate.ts';
import { GraphBuilder, type OperatorSet, type Value } from '../graph/graph_builder.ts';
import type { Dim } from '../graph/onnx_model.ts';
import { concat, multiply, reshape, split, transpose } from '../graph/operators.ts';
import type { WeightFormat } from '../graph/precision.ts';
import { embed } from '../graph/row_operators.ts';
import type { ModelConfig } from './config.ts';
import { type AdapterShape, type Attention, DecoderGraph, type Trainable } from './decoder_graph.ts';
import { rotaryDim } from './rope.ts';

/** float32 (1): what the gradients of a float16 program are multiplied by on their way. */
export const LOSS_SCALE = 'loss_scale';
export const gradientName = (parameter: string): string => `gradient:${parameter}`;

export interface PackedProgram {
  readonly model: Uint8Array;
  readonly nodeCount: number;
  /** Parameters that `step` returns gradients for, under `gradientName`. */
  readonly trainables: readonly string[];
}

/**
 * Inputs: prompt_ids (B, P), suffix_ids (R, T), prompt_bias (P, P), suffix_bias (B, 1, 1, 1, T, P+T),
 * cos, sin (N, rotaryDim/2), rows (M): the flat token each wanted prediction is made at, targets (M), row_scale (M): 1/temperature,
 * and for `step` weights (M), with float16 also loss_scale (1).
 * Outputs: log_probs (M) = log π(target | …); for `step` the gradients of L = −Σ_m weights_m · log_probs_m. In float16 it takes those of
 * loss_scale · L and divides in float32, so that they do not vanish on the way (Micikevicius et al. 2018, §3.2).
 * @param recompute whether `step` computes each layer once more in its backward pass: memory for one layer, about half as much time again
 */
export function buildPackedProgram(
  config: ModelConfig,
  adapter: AdapterShape | null,
  trainable: Trainable,
  operators: OperatorSet = 'cpu',
  recompute = false,
  format: WeightFormat = 'float32',
): PackedProgram {
  const graph = new GraphBuilder(trainable === 'nothing' ? 'score' : 'step', operators);
  const promptIds = graph.input('prompt_ids', 'int64', ['B', 'P']);
  const suffixIds = graph.input('suffix_ids', 'int64', ['R', 'T']);
  defineSizes(graph, config, promptIds, suffixIds);
  const promptBias = graph.input('prompt_bias', 'float32', ['P', 'P']);
  const suffixBias = graph.input('suffix_bias', 'float32', ['B', 1, 1, 1, 'T', 'P+T']);
  const half = rotaryDim(config) / 2;
  const cos = graph.input('cos', 'float32', ['N', half]);
  const sin = graph.input('sin', 'float32', ['N', half]);
  const rows = graph.input('rows', 'int64', ['M']);
  const targets = graph.input('targets', 'int64', ['M']);
  const rowScale = graph.input('row_scale', 'float32', ['M', 1]);

  const ids = concat(graph, [reshape(graph, promptIds, ['B*P']), reshape(graph, suffixIds, ['R*T'])], 0, 'N');
  const decoder = new DecoderGraph(graph, config, adapter, trainable, recompute, format);
  const attention = sharedPromptAttention(graph, config, promptBias, suffixBias);
  const hidden = decoder.hiddenStates(ids, cos, sin, attention);
  const selected = multiply(graph, embed(graph, hidden, rows), rowScale);
  const logProbs = decoder.logProbabilities(selected, targets);
  graph.output('log_probs', logProbs);

  if (trainable !== 'nothing') {
    const weights = graph.input('weights', 'float32', ['M']);
    const lossScale = format === 'float16' ? graph.input(LOSS_SCALE, 'float32', [1]) : null;
    const scaled = (operator: 'Mul' | 'Div', x: Value): Value =>
      lossScale === null ? x : graph.single(operator, [x, lossScale], 'float32', x.shape);
    const seed = scaled('Mul', graph.single('Neg', [weights], 'float32', ['M']));
    const gradients = differentiate(graph, [{ value: logProbs, gradient: seed }], decoder.trainables);
    decoder.trainables.forEach((parameter, i) => {
      graph.output(gradientName(parameter.name), scaled('Div', gradients[i]!));
    });
  }
  return {
    model: graph.serialise(),
    nodeCount: graph.nodeCount,
    trainables: decoder.trainables.map((value) => value.name),
  };
}

function defineSizes(graph: GraphBuilder, config: ModelConfig, promptIds: Value, suffixIds: Value): void {
  const group = config.heads / config.keyValueHeads;
  const axis = (value: Value, index: number): Value =>
    graph.single('Gather', [graph.single('Shape', [value], 'int64', [2]), graph.integers([index])], 'int64', [1], {
      axis: 0,
    });
  const derive = (operator: string, a: Value, b: Value): Value => graph.single(operator, [a, b], 'int64', [1]);
  const define = (symbol: string, value: Value): Value => {
    graph.defineSize(symbol, value);
    return value;
  };
  const b = define('B', axis(promptIds, 0));
  const p = define('P', axis(promptIds, 1));
  const r = define('R', axis(suffixIds, 0));
  const t = define('T', axis(suffixIds, 1));
  define('K', derive('Div', r, b));
  const bp = define('B*P', derive('Mul', b, p));
  const rt = define('R*T', derive('Mul', r, t));
  define('N', derive('Add', bp, rt));
  define('P+T', derive('Add', p, t));
  define('G*P', derive('Mul', p, graph.integers([group])));
  define('G*T', derive('Mul', t, graph.integers([group])));
}

/**
 * Prompt tokens attend causally to their prompt; continuation tokens to their whole prompt and causally to themselves.
 * Grouped queries share a key head by folding the group G = H/Hkv into the rows of the product; d is the head size. The prompt's keys
 * and values are repeated for each continuation: joining them costs a copy of (P + T)·d numbers a row and head, joining the scores
 * instead one of G·T·(P + T), forward and backward.
 */
function sharedPromptAttention(
  graph: GraphBuilder,
  config: ModelConfig,
  promptBias: Value,
  suffixBias: Value,
): Attention {
  const { heads, keyValueHeads: kv, headDim: d } = config;
  const group = heads / kv;
  const part = (x: Value): [Value, Value] => split(graph, x, 0, ['B*P', 'R*T']) as [Value, Value];
  const view = (x: Value, from: readonly Dim[], perm: readonly number[]): Value =>
    transpose(graph, reshape(graph, x, from), perm);

  return (query, key, value) => {
    const [queryPrompt, querySuffix] = part(query);
    const [keyPrompt, keySuffix] = part(key);
    const [valuePrompt, valueSuffix] = part(value);

    // Prompt: queries (B, Hkv, G·P, d), keys and values (B, Hkv, P, d).
    const qp = reshape(graph, view(queryPrompt, ['B', 'P', kv, group, d], [0, 2, 3, 1, 4]), ['B', kv, 'G*P', d]);
    const kp = view(keyPrompt, ['B', 'P', kv, d], [0, 2, 1, 3]);
    const vp = view(valuePrompt, ['B', 'P', kv, d], [0, 2, 1, 3]);
    const promptMixed = attend(graph, qp, kp, vp, promptBias, ['B', kv, group, 'P', 'P']);
    const promptHeads = reshape(graph, promptMixed, ['B', kv, group, 'P', d]);
    const promptOut = reshape(graph, transpose(graph, promptHeads, [0, 3, 1, 2, 4]), ['B*P', heads * d]);

    // Continuations: queries (B, Hkv, K, G·T, d), keys and values (B, Hkv, K, P+T, d).
    const withPrompt = (prompt: Value, suffix: Value): Value => {
      const own = view(suffix, ['B', 'K', 'T', kv, d], [0, 3, 1, 2, 4]);
      return concat(graph, [repeatAlong(graph, prompt, 2, 'K'), own], 3, 'P+T');
    };
    const qs = view(querySuffix, ['B', 'K', 'T', kv, group, d], [0, 3, 1, 4, 2, 5]);
    const mixed = attend(
      graph,
      reshape(graph, qs, ['B', kv, 'K', 'G*T', d]),
      withPrompt(kp, keySuffix),
      withPrompt(vp, valueSuffix),
      suffixBias,
      ['B', kv, 'K', group, 'T', 'P+T'],
    );
    const suffixHeads = reshape(graph, mixed, ['B', kv, 'K', group, 'T', d]);
    const suffixOut = reshape(graph, transpose(graph, suffixHeads, [0, 2, 4, 1, 3, 5]), ['R*T', heads * d]);
    return concat(graph, [promptOut, suffixOut], 0, 'N');
  };
}
