/** Reverse-mode differentiation: walks the builder's tape backwards and adds the gradient nodes to the same graph. */
import type { GraphBuilder, Value } from './graph_builder.ts';

/**
 * Adds to the graph the gradients of Σ_i ⟨seed_i, output_i⟩ with respect to `targets`.
 * @param seeds pairs of a value of the graph and its upstream gradient, of the same shape
 * @returns one gradient per target, of the target's shape
 * @throws Error when no path leads from a target to a seed: a graph-building bug
 */
export function differentiate(
  graph: GraphBuilder,
  seeds: readonly { readonly value: Value; readonly gradient: Value }[],
  targets: readonly Value[],
): Value[] {
  const gradients = new Map<string, Value>();
  const accumulate = (value: Value, gradient: Value): void => {
    const sum = gradients.get(value.name);
    gradients.set(
      value.name,
      sum === undefined ? gradient : graph.single('Add', [sum, gradient], gradient.type, gradient.shape),
    );
  };
  for (const { value, gradient } of seeds) accumulate(value, gradient);

  // The tape grows while gradients are built only if a backward rule used recording operators: none does.
  for (let index = graph.tape.length - 1; index >= 0; index--) {
    const entry = graph.tape[index]!;
    const upstream = entry.outputs.map((output) => gradients.get(output.name) ?? null);
    if (upstream.every((gradient) => gradient === null)) continue;
    const downstream = entry.backward(upstream);
    entry.inputs.forEach((input, position) => {
      const gradient = downstream[position];
      if (gradient != null && graph.requiresGradient(input)) accumulate(input, gradient);
    });
  }

  return targets.map((target) => {
    const gradient = gradients.get(target.name);
    if (gradient === undefined) throw new Error(`graph ${graph.name}: no gradient reaches '${target.name}'`);
    return gradient;
  });
}
