/**
 * The decoder of every supported architecture as differentiable graph nodes. Tokens are flat: hidden states are (N, D) whatever
 * rows they came from, so every linear layer is one product; only attention knows about rows, and it is passed in.
 * Weights and adapters are graph inputs under transformers' and PEFT's own names.
 *
 * With precision float16 frozen matrices are float16, and so are the products with them, queries, keys, values, attention weights and
 * the gated MLP. float32 stay: the residual stream, because what every layer adds to it would be lost below 2⁻¹¹ of what is there;
 * normalisation, whose squares leave float16 from 256 on; scores and softmax; adapters, their products and gradients, whose sums go
 * over all tokens; the head and log-softmax, because a logit of 16 would be known to 2⁻⁷ only; and vectors, which are small.
 */
import { tokenLogProbabilitiesInChunks } from '../graph/chunked_head.ts';
import { after, recomputed } from '../graph/differentiate.ts';
import { embedExtended, logitsExtended, tokenLogProbabilitiesExtended } from '../graph/extended_vocabulary.ts';
import type { GraphBuilder, Value } from '../graph/graph_builder.ts';
import type { Dim } from '../graph/onnx_model.ts';
import {
  adaptedLinear,
  add,
  dropout,
  linear,
  multiply,
  reshape,
  rmsNorm,
  rotary,
  split,
  swiglu,
  withZeros,
} from '../graph/operators.ts';
import { cast, computedIn, type Precision, type WeightFormat } from '../graph/precision.ts';
import { widened } from '../graph/quantised.ts';
import { tokenLogProbabilities } from '../graph/token_log_probabilities.ts';
import { addedRowShapes, addedRowsName, type VocabularySide } from './added_tokens.ts';
import { type ModelConfig, parameterShapes, storedConfig } from './config.ts';
import { headName, headPieces } from './head_pieces.ts';
import { heldIn, scalesName } from './quantise.ts';
import { rotaryDim } from './rope.ts';

/** Which inputs gradients are built for. */
export type Trainable = 'nothing' | 'adapter' | 'all-weights';

export interface AdapterShape {
  readonly rank: number;
  /** Full module names, such as `model.layers.0.self_attn.q_proj`. */
  readonly modules: ReadonlySet<string>;
  /** Probability of dropping an input of A in the `step` program, in [0, 1). Sampling and scoring never drop. */
  readonly dropout: number;
  /** Rows learned beside the vocabulary, for the ids V … V+N−1; absent: none. */
  readonly addedRows?: number;
}

/** Logits of a whole micro-batch are fewer than its other activations. */
const SMALL_VOCABULARY = 8192;

/** Inputs of dropout masks: (N, 1), one number per token, and (widest input of any module). */
export const DROPOUT_ROWS = 'dropout_rows';
export const DROPOUT_COLUMNS = 'dropout_columns';

/** Rotated queries, keys and values of the flat tokens → attention output. q, out (N, H·d); k, v (N, Hkv·d). */
export type Attention = (query: Value, key: Value, value: Value, layer: number) => Value;

export const adapterTensorName = (module: string, side: 'A' | 'B'): string =>
  `base_model.model.${module}.lora_${side}.weight`;
/** Scalar input (1): alpha / r. */
export const ADAPTER_SCALE = 'adapter_scale';

export class DecoderGraph {
  readonly graph: GraphBuilder;
  readonly config: ModelConfig;
  readonly #adapter: AdapterShape | null;
  readonly #trainable: Trainable;
  readonly #shapes: ReadonlyMap<string, readonly number[]>;
  /** What adapters were made for. */
  readonly #storedShapes: ReadonlyMap<string, readonly number[]>;
  readonly #inputs = new Map<string, Value>();
  readonly #trainables: Value[] = [];
  readonly #recompute: boolean;
  readonly #format: WeightFormat;
  /** Of products with frozen matrices and the activations between them. */
  readonly #precision: Precision;
  /** The float16 form of what several products take. */
  readonly #narrowed = new Map<string, Value>();
  #scale: Value | null = null;

  /** @param recompute whether the backward pass computes each layer once more instead of keeping what it needs of it */
  constructor(
    graph: GraphBuilder,
    config: ModelConfig,
    adapter: AdapterShape | null,
    trainable: Trainable,
    recompute = false,
    format: WeightFormat = 'float32',
  ) {
    if (format !== 'float32' && trainable === 'all-weights') throw new Error('trained weights are float32');
    this.#format = format;
    this.#precision = computedIn(format);
    this.graph = graph;
    this.config = config;
    this.#adapter = adapter;
    this.#trainable = trainable;
    this.#recompute = recompute && trainable !== 'nothing';
    this.#shapes = parameterShapes(config);
    this.#storedShapes = parameterShapes(storedConfig(config));
  }

  /** The inputs that gradients are wanted for, in the order they were declared. */
  get trainables(): readonly Value[] {
    return this.#trainables;
  }

  weight(name: string): Value {
    const shape = this.#shapes.get(name);
    if (shape === undefined) throw new Error(`no parameter '${name}' in this architecture`);
    return this.#tensor(name, shape, this.#trainable === 'all-weights', heldIn(name, shape, this.#format));
  }

  /** The matrix of a linear layer as its product with x takes it. */
  #matrix(module: string, x: Value): Value {
    const weight = this.weight(`${module}.weight`);
    if (weight.type !== 'int8') return weight;
    return widened(this.graph, weight, this.#tensor(scalesName(weight.name), [weight.shape[0] as number], false), x);
  }

  /** float32 (V, D): the output head, which is the embedding matrix when tied. */
  get head(): Value {
    return cast(this.graph, this.weight(headName(this.config)), 'float32');
  }

  /** float32 (V_j, D) each: the head in parts, or as one where it is trained. */
  get #headPieces(): readonly Value[] {
    const pieces = headPieces(this.config);
    if (pieces.length === 1 || this.#trainable === 'all-weights') return [this.head];
    return pieces.map(({ name, rows }) => this.#tensor(name, [rows, this.config.hiddenSize], false));
  }

  /** Final hidden states (M, D) → logits (M, V + N). */
  logits(hidden: Value): Value {
    return logitsExtended(this.graph, hidden, this.head, this.#addedRows('output'));
  }

  /** log π of the targets (M) from final hidden states (M, D), over all V + N tokens → (M). */
  logProbabilities(hidden: Value, targets: Value): Value {
    const extra = this.#addedRows('output');
    if (extra !== null) return tokenLogProbabilitiesExtended(this.graph, hidden, this.head, extra, targets);
    // Loops run on the CPU alone; and where all logits are few anyway, the head's gradient is cheaper without.
    return this.graph.operators === 'cpu' && this.config.vocabSize > SMALL_VOCABULARY
      ? tokenLogProbabilitiesInChunks(this.graph, hidden, this.head, targets, this.#headPieces)
      : tokenLogProbabilities(this.graph, hidden, this.head, targets);
  }

  /** (N, D); null without added tokens. A tied head has the rows of the input side. */
  #addedRows(side: VocabularySide): Value | null {
    const count = this.#adapter?.addedRows ?? 0;
    if (count === 0) return null;
    const name = addedRowsName(this.config.tiedHead ? 'input' : side);
    const shape = addedRowShapes(storedConfig(this.config), count).get(name)!;
    const rows = this.#tensor(name, shape, this.#trainable === 'adapter');
    return withZeros(this.graph, rows, [count, this.config.hiddenSize]);
  }

  /**
   * Token ids (N) → final normalised hidden states (N, D).
   * @param cos, sin (N, rotaryDim / 2), one row per token
   */
  hiddenStates(ids: Value, cos: Value, sin: Value, attention: Attention): Value {
    const { graph, config } = this;
    const norm = (x: Value, name: string): Value =>
      rmsNorm(graph, x, this.weight(`${name}.weight`), config.rmsNormEpsilon);
    const table = this.weight('model.embed_tokens.weight');
    let hidden = cast(graph, embedExtended(graph, table, this.#addedRows('input'), ids), 'float32');
    const angles = { cos: cast(graph, cos, this.#precision), sin: cast(graph, sin, this.#precision) };
    for (let layer = 0; layer < config.layers; layer++) {
      const prefix = `model.layers.${layer}`;
      const compute = (x: Value): Value => {
        const [query, key, value] = this.#projections(`${prefix}.self_attn`, norm(x, `${prefix}.input_layernorm`));
        const rotate = (part: Value, heads: number): Value => this.#rotate(part, heads, angles);
        const attended = attention(rotate(query, config.heads), rotate(key, config.keyValueHeads), value, layer);
        const middle = this.#linear(`${prefix}.self_attn.o_proj`, attended, x);
        return this.#feedForward(`${prefix}.mlp`, norm(middle, `${prefix}.post_attention_layernorm`), middle);
      };
      hidden = this.#recompute ? recomputed(graph, hidden, compute) : compute(hidden);
    }
    return norm(hidden, 'model.norm');
  }

  #projections(prefix: string, x: Value): [Value, Value, Value] {
    const { graph, config } = this;
    const queryWidth = config.heads * config.headDim;
    const keyWidth = config.keyValueHeads * config.headDim;
    if (config.fusedProjections) {
      return split(graph, this.#linear(`${prefix}.qkv_proj`, x), 1, [queryWidth, keyWidth, keyWidth]) as [
        Value,
        Value,
        Value,
      ];
    }
    const query = this.#linear(`${prefix}.q_proj`, x);
    const key = this.#linear(`${prefix}.k_proj`, x);
    const value = this.#linear(`${prefix}.v_proj`, x);
    if (!config.queryKeyNorm) return [query, key, value];
    const perHead = (v: Value, heads: number, name: string): Value => {
      const rows = `${String(v.shape[0])}*${heads}`;
      if (!this.#inputs.has(`size:${rows}`)) {
        graph.defineSize(rows, graph.single('Mul', [graph.size(v.shape[0]!), graph.integers([heads])], 'int64', [1]));
        this.#inputs.set(`size:${rows}`, v);
      }
      const heads2d = reshape(graph, v, [rows, config.headDim]);
      const weight = this.weight(`${prefix}.${name}.weight`);
      const normal = rmsNorm(graph, cast(graph, heads2d, 'float32'), weight, storedConfig(config).rmsNormEpsilon);
      return reshape(graph, cast(graph, normal, this.#precision), v.shape);
    };
    return [perHead(query, config.heads, 'q_norm'), perHead(key, config.keyValueHeads, 'k_norm'), value];
  }

  #feedForward(prefix: string, x: Value, residual: Value): Value {
    const { graph, config } = this;
    const [gate, up] = config.fusedProjections
      ? (split(graph, this.#linear(`${prefix}.gate_up_proj`, x), 1, [
          config.intermediateSize,
          config.intermediateSize,
        ]) as [Value, Value])
      : [this.#linear(`${prefix}.gate_proj`, x), this.#linear(`${prefix}.up_proj`, x)];
    return this.#linear(`${prefix}.down_proj`, swiglu(graph, gate, up), residual);
  }

  #rotate(x: Value, heads: number, { cos, sin }: { readonly cos: Value; readonly sin: Value }): Value {
    const rows: Dim = x.shape[0]!;
    const width = rotaryDim(this.config);
    const partial = width < this.config.headDim ? { rotaryDim: width, heads } : null;
    const batched = reshape(this.graph, x, [1, rows, x.shape[1]!]);
    return reshape(this.graph, rotary(this.graph, batched, cos, sin, partial), x.shape);
  }

  /**
   * y = x Wᵀ + b + s·(x̃ Aᵀ) Bᵀ (+ residual), Hu et al. 2021 eq. 3, with s = alpha / r. x̃ is x after dropout. A `step`
   * without dropout forms W + s B A, which many rows pay for.
   * @returns in this graph's precision; float32 with a residual
   */
  #linear(module: string, x: Value, residual: Value | null = null): Value {
    const { graph } = this;
    const weight = this.#matrix(module, x);
    const bias = this.#shapes.has(`${module}.bias`) ? this.weight(`${module}.bias`) : null;
    const product = (): Value =>
      weight.type === 'float16'
        ? this.#addResidual(this.#halfProduct(x, weight, bias), residual)
        : this.#withBias(linear, x, weight, bias, residual);
    if (!this.#adapter?.modules.has(module)) return product();
    const [outputs, inputs] = weight.shape as [number, number];
    const [storedOutputs, storedInputs] = this.#storedShapes.get(`${module}.weight`) as [number, number];
    const { rank } = this.#adapter;
    const train = this.#trainable === 'adapter';
    const stored = (side: 'A' | 'B', shape: readonly number[]): Value =>
      this.#tensor(adapterTensorName(module, side), shape, train);
    const a = withZeros(graph, stored('A', [rank, storedInputs]), [rank, inputs]);
    const b = withZeros(graph, stored('B', [storedOutputs, rank]), [outputs, rank]);
    this.#scale ??= graph.input(ADAPTER_SCALE, 'float32', [1]);
    const scale = this.#scale;
    // A merged weight would be kept from forward to backward pass, however little else is.
    if (weight.type === 'float32' && train && this.#adapter.dropout === 0 && !this.#recompute) {
      const adapted: typeof linear = (into, rows, frozen, addend = null) =>
        adaptedLinear(into, rows, { weight: frozen, scale }, { a, b }, addend);
      return this.#withBias(adapted, x, weight, bias, residual);
    }
    const y = cast(graph, product(), 'float32');
    const wide = cast(graph, x, 'float32');
    const dropped = train && this.#adapter.dropout > 0 ? this.#drop(module, wide, inputs, this.#adapter.dropout) : wide;
    const sum = linear(graph, multiply(graph, linear(graph, dropped, a), scale), b, y);
    return residual === null ? cast(graph, sum, this.#precision) : sum;
  }

  /** x Wᵀ + b in float16. */
  #halfProduct(x: Value, weight: Value, bias: Value | null): Value {
    const narrow = this.#narrowed.get(x.name) ?? cast(this.graph, x, 'float16');
    this.#narrowed.set(x.name, narrow);
    return linear(this.graph, narrow, weight, bias && cast(this.graph, bias, 'float16'));
  }

  /** A product takes one addend: the bias, if there is one. */
  #withBias(product: typeof linear, x: Value, weight: Value, bias: Value | null, residual: Value | null): Value {
    if (bias === null) return product(this.graph, x, weight, residual);
    return this.#addResidual(product(this.graph, x, weight, bias), residual);
  }

  #addResidual(x: Value, residual: Value | null): Value {
    return residual === null ? x : add(this.graph, cast(this.graph, x, 'float32'), residual);
  }

  /** Each module stretches the tokens' numbers by a factor of its own, so that no two masks are alike. */
  #drop(module: string, x: Value, width: number, probability: number): Value {
    const { graph } = this;
    const widest = Math.max(...[...this.#shapes.values()].map((shape) => shape[1] ?? 0));
    const input = (name: string, shape: readonly Dim[]): Value => {
      const known = this.#inputs.get(name) ?? graph.input(name, 'float32', shape);
      this.#inputs.set(name, known);
      return known;
    };
    const rows = input(DROPOUT_ROWS, [x.shape[0]!, 1]);
    const all = input(DROPOUT_COLUMNS, [widest]);
    const stretch = graph.scalar(1 + 7 * ([...this.#adapter!.modules].indexOf(module) / this.#adapter!.modules.size));
    // A mask that did not wait for x would be found to be that of the forward pass, and be kept from there.
    const timely = this.#recompute ? after(graph, rows, [x]) : rows;
    const stretched = graph.single('Mul', [timely, stretch], 'float32', rows.shape);
    const columns = graph.single('Slice', [all, graph.integers([0]), graph.integers([width])], 'float32', [width]);
    return dropout(graph, x, stretched, columns, probability);
  }

  #tensor(name: string, shape: readonly number[], trainable: boolean, type: WeightFormat = 'float32'): Value {
    let value = this.#inputs.get(name);
    if (value === undefined) {
      value = this.graph.input(name, type, shape, { trainable });
      this.#inputs.set(name, value);
      if (trainable) this.#trainables.push(value);
    }
    return value;
  }
}
