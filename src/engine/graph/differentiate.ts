/** Reverse-mode differentiation: walks the builder's tape backwards and adds the gradient nodes to the same graph. */
import type { GraphBuilder, TapeEntry, Value } from './graph_builder.ts';

interface Seed {
  readonly value: Value;
  readonly gradient: Value;
}

/**
 * Adds to the graph the gradients of Σ_i ⟨seed_i, output_i⟩ with respect to `targets`.
 * @param seeds pairs of a value of the graph and its upstream gradient, of the same shape
 * @returns one gradient per target, of the target's shape
 * @throws Error when no path leads from a target to a seed: a graph-building bug
 */
export function differentiate(graph: GraphBuilder, seeds: readonly Seed[], targets: readonly Value[]): Value[] {
  const gradients = walkBack(graph, graph.tape, seeds);
  return targets.map((target) => {
    const gradient = gradients.get(target.name);
    if (gradient === undefined) throw new Error(`graph ${graph.name}: no gradient reaches '${target.name}'`);
    return gradient;
  });
}

/** @returns gradients by value name, of everything that one reaches */
function walkBack(graph: GraphBuilder, tape: readonly TapeEntry[], seeds: readonly Seed[]): Map<string, Value> {
  const gradients = new Map<string, Value>();
  const accumulate = (value: Value, gradient: Value): void => {
    const sum = gradients.get(value.name);
    gradients.set(
      value.name,
      sum === undefined ? gradient : graph.single('Add', [sum, gradient], gradient.type, gradient.shape),
    );
  };
  for (const { value, gradient } of seeds) accumulate(value, gradient);

  // A backward rule that records operators (`recomputed`) takes them off the tape again.
  for (let index = tape.length - 1; index >= 0; index--) {
    const entry = tape[index]!;
    const upstream = entry.outputs.map((output) => gradients.get(output.name) ?? null);
    if (upstream.every((gradient) => gradient === null)) continue;
    const downstream = entry.backward(upstream);
    entry.inputs.forEach((input, position) => {
      const gradient = downstream[position];
      if (gradient != null && graph.requiresGradient(input)) accumulate(input, gradient);
    });
  }
  return gradients;
}

/**
 * Gradient checkpointing, Chen et al. 2016, "Training deep nets with sublinear memory cost" §3: of what `build` computes from x, such as a
 * layer, the backward pass finds only x again and computes the rest once more. Memory then grows with one such part and not with
 * all, for the time of a second forward pass.
 */
export function recomputed(graph: GraphBuilder, x: Value, build: (x: Value) => Value): Value {
  const start = graph.tape.length;
  const y = build(x);
  const entries = graph.tape.splice(start);
  // What flows in besides x: trainable tensors.
  const made = new Set(entries.flatMap(({ outputs }) => outputs.map(({ name }) => name)));
  const tensors = new Map(
    entries
      .flatMap(({ inputs }) => inputs)
      .filter((input) => graph.requiresGradient(input) && !made.has(input.name) && input.name !== x.name)
      .map((input) => [input.name, input]),
  );
  const inputs = [x, ...tensors.values()];

  graph.record(inputs, [y], ([dy]) => {
    const again = graph.tape.length;
    // Not x itself: the runtime would do all such work first, or find that it has been done before and keep it.
    const later = after(graph, x, [dy!]);
    graph.record([x], [later], ([gradient]) => [gradient!]);
    const value = build(later);
    const gradients = walkBack(graph, graph.tape.splice(again), [{ value, gradient: dy! }]);
    const [dx, ...others] = inputs.map((input) => gradients.get(input.name) ?? null);
    // Nor may the tensors' gradients wait until what is before x is done, with all that they need.
    const finished = others.filter((gradient) => gradient !== null);
    return [dx && finished.length > 0 ? after(graph, dx, finished) : (dx ?? null), ...others];
  });
  return y;
}

/** x itself, but only once some other values are there. */
export function after(graph: GraphBuilder, x: Value, others: readonly Value[]): Value {
  const first = others.map((value) => {
    const place = graph.integers(value.shape.map(() => 0));
    return graph.single('GatherND', [value, place], 'float32', []);
  });
  const any = first.length === 1 ? first[0]! : graph.single('Sum', first, 'float32', []);
  const shape = graph.single('Shape', [x], 'int64', [x.shape.length]);
  const rows = graph.single('Gather', [shape, graph.integers([0], [])], 'int64', [], { axis: 0 });
  // True, which only a run knows.
  const always = graph.single('GreaterOrEqual', [rows, graph.integers([0], [])], 'bool', []);
  return graph.single('Where', [always, x, any], x.type, x.shape);
}
