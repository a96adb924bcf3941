/**
 * Builds an ONNX graph node by node with the shape of every value known, where a size is a number or the name of one that only
 * a run knows. A tape beside the nodes remembers how each differentiable operator's gradient is built (see differentiate.ts).
 */
import type { Attribute, Dim, ElementType, Graph, Initializer, Node, TensorDeclaration } from './onnx_model.ts';
import { serialiseModel } from './onnx_model.ts';

export interface Value {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly Dim[];
}

/** Given the gradients of an operator's outputs (null: not needed), returns those of its inputs (null: none flows there). */
export type VectorJacobianProduct = (outputGradients: readonly (Value | null)[]) => readonly (Value | null)[];

export interface TapeEntry {
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly backward: VectorJacobianProduct;
}

/**
 * Whose operators a graph may use. 'cpu': also what only onnxruntime's CPU provider computes (rightly); 'portable': what every
 * provider does. Measured with onnxruntime 1.30's WebGPU provider: no LogSoftmax and no OneHot, so that the logits would cross to
 * the CPU and back; and the second output of SimplifiedLayerNormalization is the mean of x, not 1/√(mean(x²) + ε).
 */
export type OperatorSet = 'cpu' | 'portable';

export class GraphBuilder {
  readonly #nodes: Node[] = [];
  readonly #values: TensorDeclaration[] = [];
  readonly #inputs: TensorDeclaration[] = [];
  readonly #outputs: TensorDeclaration[] = [];
  readonly #initializers = new Map<string, Initializer>();
  readonly #constants = new Map<string, Value>();
  readonly #sizes = new Map<string, Value>();
  readonly #tracked = new Set<string>();
  readonly tape: TapeEntry[] = [];
  #counter = 0;
  /** Stands before every name of a loop's body, so that none hides a name outside. */
  readonly #prefix: string;
  readonly name: string;
  readonly operators: OperatorSet;

  constructor(name: string, operators: OperatorSet = 'cpu', prefix = '') {
    this.name = name;
    this.operators = operators;
    this.#prefix = prefix;
  }

  /** Declares a graph input. A trainable input starts the paths along which gradients flow. */
  input(name: string, type: ElementType, shape: readonly Dim[], options?: { trainable?: boolean }): Value {
    this.#inputs.push({ name, type, shape });
    if (options?.trainable) this.#tracked.add(name);
    return { name, type, shape };
  }

  output(name: string, value: Value): void {
    this.#nodes.push({ operator: 'Identity', domain: '', inputs: [value.name], outputs: [name], attributes: {} });
    this.#outputs.push({ name, type: value.type, shape: value.shape });
  }

  /** A node whose one result is an output of the graph itself: unlike `output`, not a copy that onnxruntime has to see through. */
  produce(name: string, operator: string, inputs: readonly Value[], like: Value): Value {
    this.#nodes.push({
      operator,
      domain: '',
      inputs: inputs.map((value) => value.name),
      outputs: [name],
      attributes: {},
    });
    this.#outputs.push({ name, type: like.type, shape: like.shape });
    return { name, type: like.type, shape: like.shape };
  }

  node(
    operator: string,
    inputs: readonly (Value | null)[],
    outputs: readonly { type: ElementType; shape: readonly Dim[] }[],
    attributes: Readonly<Record<string, Attribute>> = {},
    domain: Node['domain'] = '',
  ): Value[] {
    const values = this.#place(operator, inputs, outputs, attributes, domain);
    this.#values.push(...values);
    return values;
  }

  /** A node whose outputs' shapes onnxruntime is not told. */
  #place(
    operator: string,
    inputs: readonly (Value | null)[],
    outputs: readonly { type: ElementType; shape: readonly Dim[] }[],
    attributes: Readonly<Record<string, Attribute>>,
    domain: Node['domain'],
  ): Value[] {
    const values = outputs.map(({ type, shape }) => ({
      name: `${this.#prefix}${operator}_${this.#counter++}`,
      type,
      shape,
    }));
    this.#nodes.push({
      operator,
      domain,
      inputs: inputs.map((value) => value?.name ?? ''),
      outputs: values.map((value) => value.name),
      attributes,
    });
    return values;
  }

  /** A node with one output of the given type and shape. */
  single(
    operator: string,
    inputs: readonly (Value | null)[],
    type: ElementType,
    shape: readonly Dim[],
    attributes: Readonly<Record<string, Attribute>> = {},
    domain: Node['domain'] = '',
  ): Value {
    return this.node(operator, inputs, [{ type, shape }], attributes, domain)[0] as Value;
  }

  /**
   * Runs `body` `count` times, handing its results on to the next round, and returns the last ones. The body may use any value from
   * outside. Values handed on may change their size along the axes whose sizes are names. Records nothing for gradients.
   * @param count int64 scalar; @param initial values of the first round
   */
  loop(
    count: Value,
    initial: readonly Value[],
    body: (inner: GraphBuilder, round: Value, carried: readonly Value[]) => readonly Value[],
  ): Value[] {
    const inner = new GraphBuilder('body', this.operators, `${this.#prefix}loop_${this.#counter++}/`);
    const local = (name: string): string => `${inner.#prefix}${name}`;
    const round = inner.input(local('round'), 'int64', []);
    const condition = inner.input(local('condition'), 'bool', []);
    const carried = initial.map(({ type, shape }, i) => inner.input(local(`carried_${i}`), type, shape));
    const results = body(inner, round, carried);
    inner.output(local('condition_out'), condition);
    results.forEach((value, i) => {
      inner.output(local(`result_${i}`), value);
    });
    // Between rounds, and from the first values to the last, a name may stand for another size.
    const graph = { ...inner.#graph(), values: [] };
    return this.#place('Loop', [count, null, ...initial], initial, { body: { graph } }, '');
  }

  floats(values: readonly number[], shape: readonly number[] = [values.length]): Value {
    return this.#constant('float32', shape, new Uint8Array(new Float32Array(values).buffer), values);
  }

  scalar(value: number): Value {
    return this.floats([value], []);
  }

  integers(values: readonly number[], shape: readonly number[] = [values.length]): Value {
    return this.#constant('int64', shape, new Uint8Array(new BigInt64Array(values.map(BigInt)).buffer), values);
  }

  /** uint8 */
  bytes(values: readonly number[], shape: readonly number[] = [values.length]): Value {
    return this.#constant('uint8', shape, Uint8Array.from(values), values);
  }

  /** A tensor that is part of the program: its data goes to the session under its name when it is compiled, and may be laid out anew there. */
  constantTensor(name: string, shape: readonly number[], type: 'float32' | 'float16' | 'int8' = 'float32'): Value {
    this.#initializers.set(name, { name, type, shape, data: null });
    return { name, type, shape };
  }

  #constant(type: ElementType, shape: readonly number[], data: Uint8Array, values: readonly number[]): Value {
    const key = `${type}[${shape.join()}]${values.join()}`;
    let value = this.#constants.get(key);
    if (value === undefined) {
      const name = `${this.#prefix}constant_${this.#constants.size}`;
      this.#initializers.set(name, { name, type, shape, data });
      value = { name, type, shape };
      this.#constants.set(key, value);
    }
    return value;
  }

  /** Names a run-time size: later `reshape`s may use the symbol. `size` is int64 (1). */
  defineSize(symbol: string, size: Value): void {
    this.#sizes.set(symbol, size);
  }

  /** int64 (1): the size a dimension has at run time. */
  size(dim: Dim): Value {
    if (typeof dim === 'number') return this.integers([dim]);
    const size = this.#sizes.get(dim);
    if (size === undefined) throw new Error(`graph ${this.name}: size '${dim}' was never defined`);
    return size;
  }

  /** int64 (rank): a run-time shape, for Reshape and Expand. Built once for each distinct shape. */
  shape(dims: readonly Dim[]): Value {
    if (dims.every((dim) => typeof dim === 'number')) return this.integers(dims as number[]);
    const key = `shape:${dims.join()}`;
    let value = this.#constants.get(key);
    if (value === undefined) {
      value = this.single(
        'Concat',
        dims.map((dim) => this.size(dim)),
        'int64',
        [dims.length],
        { axis: 0 },
      );
      this.#constants.set(key, value);
    }
    return value;
  }

  requiresGradient(value: Value): boolean {
    return this.#tracked.has(value.name);
  }

  /** Records an operator on the tape if a gradient can flow through it. */
  record(inputs: readonly Value[], outputs: readonly Value[], backward: VectorJacobianProduct): void {
    if (!inputs.some((value) => this.#tracked.has(value.name))) return;
    for (const value of outputs) this.#tracked.add(value.name);
    this.tape.push({ inputs, outputs, backward });
  }

  get nodeCount(): number {
    return this.#nodes.length;
  }

  get inputNames(): readonly string[] {
    return this.#inputs.map((input) => input.name);
  }

  serialise(): Uint8Array {
    return serialiseModel(this.#graph());
  }

  #graph(): Graph {
    return {
      name: this.name,
      nodes: this.#nodes,
      values: this.#values,
      inputs: this.#inputs,
      outputs: this.#outputs,
      initializers: [...this.#initializers.values()],
    };
  }
}
