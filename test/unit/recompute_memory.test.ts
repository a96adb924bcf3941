/**
 * What a step has to keep of its forward pass until its backward pass needs it, read off the program itself: with `recompute` one (N, D) per
 * layer, so that all else takes memory for one layer however many there are.
 */
import { strict as assert } from 'node:assert';
import type { OperatorSet } from '../../src/engine/graph/graph_builder.ts';
import type { WeightFormat } from '../../src/engine/graph/precision.ts';
import type { AdapterShape, Trainable } from '../../src/engine/model/decoder_graph.ts';
import { buildPackedProgram } from '../../src/engine/model/packed_program.ts';
import { declarations, nodesOf, type Size, VALUE_INFO } from '../support/onnx_reader.ts';
import { bindAdapter, TINY_CONFIG, tinyAdapter } from '../support/tiny_model.ts';

const N_BY_D = `N,${TINY_CONFIG.hiddenSize}`;

interface Kind {
  readonly trainable: Trainable;
  readonly format?: WeightFormat;
  readonly dropout?: number;
  readonly operators?: OperatorSet;
}

/**
 * Sizes of the values that need not wait for the gradient of the loss, and that something takes which does. Whatever the order of the nodes, such a
 * value may be there first, or be found to be there from the forward pass, and is then kept.
 */
function kept(
  layers: number,
  recompute: boolean,
  { trainable, format = 'float32', dropout = 0, operators = 'cpu' }: Kind,
): string[] {
  const config = { ...TINY_CONFIG, layers };
  const shape: AdapterShape | null =
    trainable === 'adapter' ? { ...bindAdapter(tinyAdapter(1, config)).shape, dropout } : null;
  const { model } = buildPackedProgram(config, shape, trainable, operators, recompute, format);
  const sizes: ReadonlyMap<string, readonly Size[]> = declarations(model, VALUE_INFO);
  assert.ok(sizes.size > 100);
  const late = new Set(['weights']);
  const early = new Set<string>();
  const found = new Set<string>();
  for (const { inputs, outputs } of nodesOf(model)) {
    const waits = inputs.some((input) => late.has(input));
    for (const output of outputs) (waits ? late : early).add(output);
    if (waits) for (const input of inputs) if (early.has(input)) found.add(input);
  }
  // A few numbers, such as sizes, are nothing.
  const isBig = (size: readonly Size[]): boolean => size.some((one) => typeof one === 'string') || size.length > 1;
  return [...found]
    .map((name) => sizes.get(name)!)
    .filter(isBig)
    .map(String)
    .sort();
}

/** How many more of each size. */
function added(few: readonly string[], many: readonly string[]): Record<string, number> {
  const counts = new Map<string, number>();
  for (const size of many) counts.set(size, (counts.get(size) ?? 0) + 1);
  for (const size of few) counts.set(size, (counts.get(size) ?? 0) - 1);
  return Object.fromEntries([...counts].filter(([, count]) => count !== 0));
}

describe('what a step keeps of each layer', () => {
  const KINDS: Readonly<Record<string, Kind>> = {
    'an adapter': { trainable: 'adapter' },
    'an adapter with dropout': { trainable: 'adapter', dropout: 0.2 },
    'an adapter on weights in 8 bits': { trainable: 'adapter', format: 'int8' },
    'an adapter in float16, as a card has it': { trainable: 'adapter', format: 'float16', operators: 'portable' },
    'an adapter with dropout there': { trainable: 'adapter', format: 'float16', operators: 'portable', dropout: 0.2 },
    'all weights': { trainable: 'all-weights' },
  };
  for (const [name, kind] of Object.entries(KINDS)) {
    it(name, () => {
      assert.deepEqual(added(kept(2, true, kind), kept(6, true, kind)), { [N_BY_D]: 4 });
      const without = added(kept(2, false, kind), kept(6, false, kind));
      const values = Object.values(without).reduce((sum, count) => sum + count, 0);
      assert.ok(without[N_BY_D]! >= 4 * 2 && values > 4 * 20, JSON.stringify(without));
    });
  }
});
