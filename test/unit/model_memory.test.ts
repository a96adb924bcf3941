import assert from 'node:assert/strict';
import { initialiseAdapter } from '../../src/engine/model/adapter.ts';
import { estimateMemory, type MemoryRequest, requireMemory } from '../../src/engine/model/memory_estimate.ts';
import { expectLatroError } from '../support/expect_latro_error.ts';
import { randomWeights, tinyConfig } from '../support/model_fixtures.ts';

const LORA = { rank: 2, alpha: 4, dropout: 0, targetModules: ['all-linear'], useRslora: false, baseModel: null };
const INFERENCE: MemoryRequest = {
  mode: 'inference',
  bytesPerWeight: 4,
  batchSize: 3,
  sequenceLength: 10,
  stepTokens: 0,
  lora: null,
};

function bytes(tensors: ReadonlyMap<string, { data: Float32Array }>): number {
  return [...tensors.values()].reduce((sum, { data }) => sum + data.byteLength, 0);
}

describe('memory estimate', () => {
  for (const architecture of ['llama', 'phi3', 'qwen2', 'qwen3'] as const) {
    it(`counts what the tensors of ${architecture} take`, () => {
      const config = tinyConfig(architecture);
      const weights = bytes(randomWeights(config));
      const adapter = bytes(initialiseAdapter(config, LORA, 1).tensors);
      const inference = estimateMemory(config, INFERENCE);
      // Keys and values: 2 × layers × batch × heads × length × size × 4 bytes.
      assert.deepEqual(inference, {
        weights,
        cache: 2 * 2 * 3 * 2 * 10 * 4 * 4,
        adapter: 0,
        optimizer: 0,
        activations: 0,
        total: weights + 3840,
      });
      assert.equal(estimateMemory(config, { ...INFERENCE, bytesPerWeight: 2 }).weights, weights / 2);

      const lora = estimateMemory(config, { ...INFERENCE, mode: 'lora', lora: LORA, stepTokens: 64 });
      assert.deepEqual([lora.adapter, lora.optimizer], [adapter, 3 * adapter]);
      const full = estimateMemory(config, { ...INFERENCE, mode: 'full', stepTokens: 64 });
      assert.equal(full.optimizer, 3 * weights);
      assert.ok(full.activations > 0 && full.activations === lora.activations);
      assert.equal(full.total, full.weights + full.cache + full.adapter + full.optimizer + full.activations);
    });
  }

  it('refuses a model that does not fit, with the numbers', async () => {
    const estimate = { weights: 14e9, cache: 1e9, adapter: 0.05e9, optimizer: 0.15e9, activations: 2e9, total: 17.2e9 };
    requireMemory('a model', estimate, 17.2e9);
    await expectLatroError(
      () => requireMemory('a model', estimate, 8e9),
      'model-too-large',
      'a model',
      '17.2 GB',
      '14.0 GB',
      '0.2 GB',
      '8.0 GB',
    );
  });
});
