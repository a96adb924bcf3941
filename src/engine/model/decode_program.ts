/**
 * The program `decode`: one more token for each row on top of its cache, forward only. What `extend` computes with a width of 1, but laid
 * out for speed at few rows: frozen matrices are part of the program, where onnxruntime stores them as its products read them (measured
 * on one core: 1.3 times the speed at 64 rows, 4 times at 8); projections of the same input are one product; and so are their adapters.
 */
import { embedExtended } from '../graph/extended_vocabulary.ts';
import { GraphBuilder, type Value } from '../graph/graph_builder.ts';
import type { Dim } from '../graph/onnx_model.ts';
import { add, concat, multiply, reshape, rmsNorm, rotary, split, transpose } from '../graph/operators.ts';
import { wholeNumberProduct } from '../graph/quantised.ts';
import { addedRowsInput } from './added_rows_input.ts';
import { type ModelConfig, parameterShapes, storedConfig } from './config.ts';
import type { AdapterShape } from './decoder_graph.ts';
import { freshName, pastName } from './extend_program.ts';
import { adapterGroupName, type ProjectionGroup, projectionGroups } from './projection_groups.ts';
import { scalesName } from './quantise.ts';
import { rotaryDim } from './rope.ts';

export interface DecodeProgram {
  readonly model: Uint8Array;
  /** Parts of each matrix that belongs to the program, by its name there: weights by transformers' names, one above the other. */
  readonly constants: ReadonlyMap<string, readonly string[]>;
}

/** Where the matrices of linear layers are, and what they are. */
export type MatrixPlace = 'inputs' | 'constants' | 'int8';

export const promptName = (kind: 'key' | 'value', layer: number): string => `prompt_${kind}.${layer}`;

/**
 * Rows may share a prompt, which is then held and read once: Q prompts of P positions, and for each row a cache of its own tokens behind
 * its prompt. Rows stand in a grid of Q prompts × S places while they look at prompts: `grid` (Q·S) says which row is in each place
 * (any one where none is), `place` (B) in which place each row is.
 *
 * Inputs: ids (B), bias (B, 1, 1, P+C+1), cos, sin (B, rotaryDim/2), grid, place; per layer prompt_key, prompt_value (Q, Hkv, P, d) and
 * past_key, past_value (B, Hkv, C, d); norms, biases and the
 * embedding; per group of projections with adapters A (in, R) and B (R, out) as `PackedAdapter` packs them; without `constants` all weights.
 * Outputs: hidden (B, D), final and normalised; per layer fresh_key, fresh_value (B, Hkv·d).
 * @param matrices 'constants': those of linear layers are part of the program, only while nothing changes them; 'int8': they are that in 8 bits, and
 *   each row of x is rounded to 8 bits before its product
 */
export function buildDecodeProgram(
  config: ModelConfig,
  adapter: AdapterShape | null,
  matrices: MatrixPlace,
): DecodeProgram {
  const graph = new GraphBuilder('decode');
  const ids = graph.input('ids', 'int64', ['B']);
  const bias = graph.input('bias', 'float32', ['B', 1, 1, 'P+C+1']);
  const grid = graph.input('grid', 'int64', ['Q*S']);
  const place = graph.input('place', 'int64', ['B']);
  const half = rotaryDim(config) / 2;
  const tables = {
    cos: graph.input('cos', 'float32', ['B', half]),
    sin: graph.input('sin', 'float32', ['B', half]),
  };
  const caches = Array.from({ length: config.layers }, (_, layer) => cacheInputs(graph, config, layer));
  defineSizes(graph, config, ids, grid, caches[0]!);

  const weights = new WeightInputs(graph, config, adapter, matrices);
  const groups = projectionGroups(config);
  const extra = addedRowsInput(graph, config, adapter, 'input');
  const norm = (x: Value, name: string, epsilon = config.rmsNormEpsilon): Value =>
    rmsNorm(graph, x, weights.input(name), epsilon);
  let hidden = embedExtended(graph, weights.input('model.embed_tokens.weight'), extra, ids);
  for (let layer = 0; layer < config.layers; layer++) {
    const prefix = `model.layers.${layer}`;
    const { attention, output, gate, down } = groups[layer]!;
    const normal = norm(hidden, `${prefix}.input_layernorm.weight`);
    const [query, key, value] = split(graph, weights.project(attention, normal), 1, headWidths(config)) as [
      Value,
      Value,
      Value,
    ];
    const turned = rotated(graph, config, tables, {
      query: config.queryKeyNorm ? perHead(query, config.heads, `${prefix}.self_attn.q_norm`) : query,
      key: config.queryKeyNorm ? perHead(key, config.keyValueHeads, `${prefix}.self_attn.k_norm`) : key,
    });
    graph.output(freshName('key', layer), turned.key);
    graph.output(freshName('value', layer), value);
    const attended = cachedAttention(graph, config, { ...turned, value, bias, grid, place }, caches[layer]!);
    hidden = weights.project(output, attended, hidden);
    const middle = norm(hidden, `${prefix}.post_attention_layernorm.weight`);
    const [gated, up] = split(graph, weights.project(gate, middle), 1, [
      config.intermediateSize,
      config.intermediateSize,
    ]) as [Value, Value];
    // x·σ(x) in one pass.
    const active = graph.single('QuickGelu', [gated], 'float32', gated.shape, { alpha: { float: 1 } }, 'com.microsoft');
    hidden = weights.project(down, multiply(graph, active, up), hidden);
  }
  graph.output('hidden', norm(hidden, 'model.norm.weight'));
  return { model: graph.serialise(), constants: weights.constants };

  function perHead(x: Value, heads: number, module: string): Value {
    const rows = reshape(graph, x, [`B*${heads}`, config.headDim]);
    return reshape(graph, norm(rows, `${module}.weight`, storedConfig(config).rmsNormEpsilon), x.shape);
  }
}

const headWidths = ({ heads, keyValueHeads, headDim }: ModelConfig): readonly number[] => [
  heads * headDim,
  keyValueHeads * headDim,
  keyValueHeads * headDim,
];

type CacheInputs = { readonly [name in 'promptKey' | 'promptValue' | 'pastKey' | 'pastValue']: Value };

function cacheInputs(graph: GraphBuilder, config: ModelConfig, layer: number): CacheInputs {
  const input = (name: string, rows: Dim, positions: Dim): Value =>
    graph.input(name, 'float32', [rows, config.keyValueHeads, positions, config.headDim]);
  return {
    promptKey: input(promptName('key', layer), 'Q', 'P'),
    promptValue: input(promptName('value', layer), 'Q', 'P'),
    pastKey: input(pastName('key', layer), 'B', 'C'),
    pastValue: input(pastName('value', layer), 'B', 'C'),
  };
}

function defineSizes(graph: GraphBuilder, config: ModelConfig, ids: Value, grid: Value, cache: CacheInputs): void {
  const axis = (value: Value, index: number): Value =>
    graph.single(
      'Gather',
      [graph.single('Shape', [value], 'int64', [value.shape.length]), graph.integers([index])],
      'int64',
      [1],
      { axis: 0 },
    );
  const define = (symbol: string, operator: string, a: Value, b: Value): Value => {
    const size = graph.single(operator, [a, b], 'int64', [1]);
    graph.defineSize(symbol, size);
    return size;
  };
  const rows = axis(ids, 0);
  const prompts = axis(cache.promptKey, 0);
  const length = axis(cache.promptKey, 2);
  const capacity = axis(cache.pastKey, 2);
  const places = axis(grid, 0);
  graph.defineSize('B', rows);
  graph.defineSize('Q', prompts);
  graph.defineSize('P', length);
  graph.defineSize('C', capacity);
  graph.defineSize('Q*S', places);
  const all = define('P+C', 'Add', length, capacity);
  define('P+C+1', 'Add', all, graph.integers([1]));
  const perPrompt = define('S', 'Div', places, prompts);
  define('S*G', 'Mul', perPrompt, graph.integers([config.heads / config.keyValueHeads]));
  for (const heads of new Set([config.heads, config.keyValueHeads]))
    define(`B*${heads}`, 'Mul', rows, graph.integers([heads]));
}

/** Weights and packed adapters as inputs or as part of the program, and the products with them. */
class WeightInputs {
  readonly constants = new Map<string, readonly string[]>();
  readonly #graph: GraphBuilder;
  readonly #shapes: ReadonlyMap<string, readonly number[]>;
  readonly #adapter: AdapterShape | null;
  readonly #matrices: MatrixPlace;

  constructor(graph: GraphBuilder, config: ModelConfig, adapter: AdapterShape | null, matrices: MatrixPlace) {
    this.#graph = graph;
    this.#shapes = parameterShapes(config);
    this.#adapter = adapter;
    this.#matrices = matrices;
  }

  input(name: string): Value {
    return this.#graph.input(name, 'float32', this.#shapes.get(name)!);
  }

  /** x Wᵀ + b + x A B (+ residual) for all matrices of the group side by side: x (B, in) → (B, out). */
  project(group: ProjectionGroup, x: Value, residual: Value | null = null): Value {
    const graph = this.#graph;
    const shape: Dim[] = ['B', group.outputs];
    const joined = this.#joined(group);
    let y = this.#product(group, x, residual);
    // All parts of a group have a bias or none has.
    if (this.#shapes.has(`${group.parts[0]!.module}.bias`)) {
      const biases = group.parts.map(({ module }) => this.input(`${module}.bias`));
      y = graph.single('Add', [y, joined(biases, 0)], 'float32', shape);
    }
    const adapted = group.parts.filter(({ module }) => this.#adapter?.modules.has(module));
    if (adapted.length === 0) return y;
    const width = adapted.length * this.#adapter!.rank;
    const a = graph.input(adapterGroupName(group, 'A'), 'float32', [group.inputs, width]);
    const b = graph.input(adapterGroupName(group, 'B'), 'float32', [width, group.outputs]);
    const inner = graph.single('MatMul', [x, a], 'float32', ['B', width]);
    return graph.single('Gemm', [inner, b, y], 'float32', shape);
  }

  /** Parts of a group side by side. */
  #joined(group: ProjectionGroup): (parts: readonly Value[], axis: number) => Value {
    return (parts, axis) => (parts.length === 1 ? parts[0]! : concat(this.#graph, parts, axis, group.outputs));
  }

  #product(group: ProjectionGroup, x: Value, residual: Value | null): Value {
    const graph = this.#graph;
    const names = group.parts.map(({ module }) => `${module}.weight`);
    const times = (weight: Value, outputs: number): Value =>
      graph.single('Gemm', residual === null ? [x, weight] : [x, weight, residual], 'float32', ['B', outputs], {
        transB: 1,
      });
    const name = `${group.name}.weight`;
    if (this.#matrices === 'int8') {
      this.constants.set(name, names).set(scalesName(name), names.map(scalesName));
      const q = graph.constantTensor(name, [group.inputs, group.outputs], 'int8');
      const y = wholeNumberProduct(graph, x, q, graph.constantTensor(scalesName(name), [group.outputs]));
      return residual === null ? y : graph.single('Add', [y, residual], 'float32', y.shape);
    }
    if (this.#matrices === 'constants') {
      this.constants.set(name, names);
      return times(graph.constantTensor(name, [group.outputs, group.inputs]), group.outputs);
    }
    return this.#joined(group)(
      names.map((name, i) => times(this.input(name), group.parts[i]!.outputs)),
      1,
    );
  }
}

function rotated(
  graph: GraphBuilder,
  config: ModelConfig,
  { cos, sin }: { readonly cos: Value; readonly sin: Value },
  { query, key }: { readonly query: Value; readonly key: Value },
): { readonly query: Value; readonly key: Value } {
  const width = rotaryDim(config);
  const turn = (x: Value, heads: number): Value => {
    const partial = width < config.headDim ? { rotaryDim: width, heads } : null;
    return reshape(graph, rotary(graph, reshape(graph, x, [1, 'B', x.shape[1]!]), cos, sin, partial), x.shape);
  };
  return { query: turn(query, config.heads), key: turn(key, config.keyValueHeads) };
}

/**
 * q (B, H·d) over the prompts, each row's own tokens and the new one, (B, Hkv·d). One token has no order within itself, so nothing of
 * a row's own is transposed.
 */
function cachedAttention(
  graph: GraphBuilder,
  config: ModelConfig,
  inputs: { readonly [name in 'query' | 'key' | 'value' | 'bias' | 'grid' | 'place']: Value },
  cache: CacheInputs,
): Value {
  const { heads, keyValueHeads: kv, headDim: d } = config;
  const group = heads / kv;
  const q = reshape(graph, inputs.query, ['B', kv, group, d]);
  const k = reshape(graph, inputs.key, ['B', kv, 1, d]);
  const v = reshape(graph, inputs.value, ['B', kv, 1, d]);
  const scores = (queries: Value, keys: Value, shape: readonly Dim[]): Value => {
    const attributes = { alpha: { float: 1 / Math.sqrt(d) }, transB: 1 };
    return graph.single('FusedMatMul', [queries, keys], 'float32', shape, attributes, 'com.microsoft');
  };
  const mixed = (weights: Value, values: Value, shape: readonly Dim[]): Value =>
    graph.single('MatMul', [weights, values], 'float32', shape);

  // (B, Hkv, G, n) of every row ↔ (Q, Hkv, S·G, n) of every prompt.
  const toPrompts = (x: Value, n: Dim): Value => {
    const placed = graph.single('Gather', [x, inputs.grid], 'float32', ['Q*S', kv, group, n], { axis: 0 });
    const apart = reshape(graph, placed, ['Q', 'S', kv, group, n]);
    return reshape(graph, transpose(graph, apart, [0, 2, 1, 3, 4]), ['Q', kv, 'S*G', n]);
  };
  const toRows = (x: Value, n: Dim): Value => {
    const apart = reshape(graph, x, ['Q', kv, 'S', group, n]);
    const placed = reshape(graph, transpose(graph, apart, [0, 2, 1, 3, 4]), ['Q*S', kv, group, n]);
    return graph.single('Gather', [placed, inputs.place], 'float32', ['B', kv, group, n], { axis: 0 });
  };
  const overPrompt = scores(toPrompts(q, d), cache.promptKey, ['Q', kv, 'S*G', 'P']);
  // One key a row is no product worth its name.
  const toSelf = graph.single(
    'ReduceSum',
    [multiply(graph, q, k), graph.integers([3])],
    'float32',
    ['B', kv, group, 1],
    {
      keepdims: 1,
    },
  );
  const parts = [
    toRows(overPrompt, 'P'),
    scores(q, cache.pastKey, ['B', kv, group, 'C']),
    multiply(graph, toSelf, graph.scalar(1 / Math.sqrt(d))),
  ];
  const all: Dim[] = ['B', kv, group, 'P+C+1'];
  const visible = graph.single('Add', [concat(graph, parts, 3, 'P+C+1'), inputs.bias], 'float32', all);
  const weights = graph.single('Softmax', [visible], 'float32', all, { axis: 3 });
  const [onPrompt, onPast, onSelf] = split(graph, weights, 3, ['P', 'C', 1]) as [Value, Value, Value];
  const fromPrompt = toRows(mixed(toPrompts(onPrompt, 'P'), cache.promptValue, ['Q', kv, 'S*G', d]), d);
  const shape: Dim[] = ['B', kv, group, d];
  const fromPast = mixed(onPast, cache.pastValue, shape);
  const sum = add(graph, add(graph, fromPrompt, fromPast), multiply(graph, onSelf, v));
  return reshape(graph, sum, ['B', heads * d]);
}
