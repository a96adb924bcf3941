/** An adapter folded into the weights it changes: the same function as one model folder, without the adapter's cost. */
import { type Adapter, adapterTensorName, checkAdapterAgainst, loraScale, targetedModules } from './adapter.ts';
import { appendRows } from './added_tokens.ts';
import type { ModelConfig } from './config.ts';
import type { Tensor, Weights } from './weights.ts';

/**
 * W' = W + s · B A for every targeted layer (Hu et al. 2021, eq. 3), summed in float64 and rounded once to float32; other tensors are
 * shared with `weights`. Rows of added tokens come after the vocabulary's, V + N in all. Errors: adapter-mismatch when the adapter is for another model.
 */
export function mergeAdapter(config: ModelConfig, weights: Weights, adapter: Adapter): Weights {
  checkAdapterAgainst(config, adapter);
  const scale = loraScale(adapter.config);
  const merged: Weights = new Map(weights);
  for (const { module } of targetedModules(config, adapter.config)) {
    const name = `${module}.weight`;
    const factor = (which: 'A' | 'B'): Tensor => adapter.tensors.get(adapterTensorName(module, which))!;
    merged.set(name, addProduct(weights.get(name)!, factor('B'), factor('A'), scale));
  }
  return adapter.addedTokens === undefined ? merged : appendRows(config, merged, adapter.tensors).weights;
}

/** W (out, in) + s · B (out, r) · A (r, in). */
function addProduct(weight: Tensor, b: Tensor, a: Tensor, scale: number): Tensor {
  const [rows, columns] = weight.shape as [number, number];
  const rank = a.shape[0]!;
  const data = new Float32Array(weight.data.length);
  const row = new Float64Array(columns);
  for (let i = 0; i < rows; i++) {
    row.set(weight.data.subarray(i * columns, (i + 1) * columns));
    for (let r = 0; r < rank; r++) {
      const factor = scale * b.data[i * rank + r]!;
      if (factor === 0) continue;
      const start = r * columns;
      for (let j = 0; j < columns; j++) row[j] = row[j]! + factor * a.data[start + j]!;
    }
    data.set(row, i * columns);
  }
  return { shape: weight.shape, data };
}
