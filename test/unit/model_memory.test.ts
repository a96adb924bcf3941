import assert from 'node:assert/strict';
import { totalmem } from 'node:os';
import fc from 'fast-check';
import { availableMemory } from '../../src/engine/common/memory.ts';
import { initialiseAdapter } from '../../src/engine/model/adapter.ts';
import { parameterShapes } from '../../src/engine/model/config.ts';
import { estimateMemory, type MemoryRequest, requireMemory } from '../../src/engine/model/memory_estimate.ts';
import { heldIn } from '../../src/engine/model/quantise.ts';
import { expectLatroError } from '../support/expect_latro_error.ts';
import { randomWeights, tinyConfig } from '../support/model_fixtures.ts';

const LORA = { rank: 2, alpha: 4, dropout: 0, targetModules: ['all-linear'], useRslora: false, baseModel: null };
const INFERENCE: MemoryRequest = {
  mode: 'inference',
  format: 'float32',
  batchSize: 3,
  promptLength: 6,
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
      assert.deepEqual([inference.weights, inference.training, inference.activations], [weights, 0, 0]);
      // Keys and values: 2 × layers × batch × heads × length × size × 4 bytes.
      assert.ok(inference.sampling >= 2 * 2 * 3 * 2 * 10 * 4 * 4);
      for (const format of ['float16', 'int8'] as const) {
        const held = [...parameterShapes(config)].map(([name, shape]) => {
          const wide = heldIn(name, shape, format) === 'float32';
          return (wide ? 4 : format === 'float16' ? 2 : 1) * shape.reduce((product, size) => product * size, 1);
        });
        const expected = held.reduce((sum, one) => sum + one, 0);
        assert.equal(estimateMemory(config, { ...INFERENCE, format }).weights, expected);
        assert.ok(expected < weights, format);
      }

      const lora = estimateMemory(config, { ...INFERENCE, mode: 'lora', lora: LORA, stepTokens: 64 });
      // At the least: the adapter, its gradient and AdamW's two moments.
      assert.ok(lora.training >= 4 * adapter && lora.training <= 6 * adapter);
      // A step keeps W + s B A, and widened matrices of 8 bits, unless it computes each layer anew or has dropout.
      const linear = [...parameterShapes(config)].filter(([name]) => heldIn(name, [], 'int8') === 'int8');
      const numbers = linear.reduce((sum, [, shape]) => sum + shape.reduce((product, size) => product * size, 1), 0);
      for (const [format, dropout, kept] of [
        ['float32', 0, numbers],
        ['float32', 0.1, 0],
        ['int8', 0, numbers],
        ['int8', 0.1, numbers],
      ] as const) {
        const step = { ...INFERENCE, mode: 'lora', format, lora: { ...LORA, dropout }, stepTokens: 0 } as const;
        const [plain, again] = [step, { ...step, recompute: true }].map((need) => estimateMemory(config, need));
        assert.equal(Math.round(plain!.least - again!.least), 4 * kept, format);
        assert.equal(Math.round(plain!.activations - again!.activations), 4 * kept, format);
      }
      const full = estimateMemory(config, { ...INFERENCE, mode: 'full', stepTokens: 64 });
      assert.ok(full.training >= 4 * weights && full.training <= 6 * weights);
      assert.ok(full.activations > 0 && Math.round(lora.activations - full.activations) === 4 * numbers);
      assert.equal(full.total, full.weights + full.training + full.sampling + full.activations + full.runtime);
      for (const { least, total } of [inference, lora, full]) assert.ok(least > weights && least < total);
    });
  }

  it('grows with everything that is asked for', () => {
    const more = fc.integer({ min: 1, max: 5000 });
    const fields = ['batchSize', 'promptLength', 'sequenceLength', 'stepTokens'] as const;
    fc.assert(
      fc.property(fc.constantFrom(...fields), more, fc.constantFrom('lora', 'full'), (field, extra, mode) => {
        const request = { ...INFERENCE, mode, lora: mode === 'lora' ? LORA : null, stepTokens: 64 } as const;
        const config = tinyConfig('llama');
        const grown = estimateMemory(config, { ...request, [field]: (request[field] ?? 0) + extra });
        assert.ok(grown.total > estimateMemory(config, request).total);
      }),
    );
  });

  it('refuses a model that does not fit, with the numbers', async () => {
    const parts = { weights: 14e9, training: 0.2e9, sampling: 1e9, activations: 2e9, runtime: 0.1e9 };
    const estimate = { ...parts, total: 17.3e9, least: 15.5e9 };
    requireMemory('a model', estimate, 15.5e9);
    await expectLatroError(
      () => requireMemory('a model', estimate, 8e9),
      'model-too-large',
      'a model',
      '15.5 GB to 17.3 GB',
      'weights 14.0 GB',
      'training state 0.2 GB',
      '8.0 GB are free',
    );
  });

  it('what is free is no more than the machine has', () => {
    for (const platform of ['linux', 'win32', 'darwin'] as const) {
      const free = availableMemory(platform);
      assert.ok(free > 0 && free <= totalmem());
    }
  });
});
