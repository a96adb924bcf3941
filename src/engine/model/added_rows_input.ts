/** Rows of added tokens as an input of a program that trains nothing. */
import type { GraphBuilder, Value } from '../graph/graph_builder.ts';
import { withZeros } from '../graph/operators.ts';
import { addedRowShapes, addedRowsName, type VocabularySide } from './added_tokens.ts';
import { type ModelConfig, storedConfig } from './config.ts';
import type { AdapterShape } from './decoder_graph.ts';

/** (N, D), null without added tokens. A tied head has the rows of the input side. */
export function addedRowsInput(
  graph: GraphBuilder,
  config: ModelConfig,
  adapter: AdapterShape | null,
  side: VocabularySide,
): Value | null {
  const count = adapter?.addedRows ?? 0;
  if (count === 0) return null;
  const name = addedRowsName(config.tiedHead ? 'input' : side);
  const rows = graph.input(name, 'float32', addedRowShapes(storedConfig(config), count).get(name)!);
  return withZeros(graph, rows, [count, config.hiddenSize]);
}
