/** Rows of added tokens as an input of a program that trains nothing. */
import type { GraphBuilder, Value } from '../graph/graph_builder.ts';
import { withZeros } from '../graph/operators.ts';
import { addedRowShapes, addedRowsName, type VocabularySide } from './added_tokens.ts';
import { type ModelConfig, storedConfig } from './config.ts';

/** (N, D). A tied head has the rows of the input side. */
export function addedRowsInput(graph: GraphBuilder, config: ModelConfig, count: number, side: VocabularySide): Value {
  const name = addedRowsName(config.tiedHead ? 'input' : side);
  const rows = graph.input(name, 'float32', addedRowShapes(storedConfig(config), count).get(name)!);
  return withZeros(graph, rows, [count, config.hiddenSize]);
}
