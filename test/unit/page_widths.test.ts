/** A model computed in wider rows is the same function, with the same gradients, as the model its folder stores. */
import { strict as assert } from 'node:assert';
import { RandomStream } from '../../src/engine/common/random.ts';
import { addedRowShapes } from '../../src/engine/model/added_tokens.ts';
import type { BoundAdapter } from '../../src/engine/model/bound_tensors.ts';
import { type Architecture, type ModelConfig, parameterShapes } from '../../src/engine/model/config.ts';
import { adapterTensorName } from '../../src/engine/model/decoder_graph.ts';
import { generate } from '../../src/engine/model/generate.ts';
import { LanguageModel } from '../../src/engine/model/language_model.ts';
import { type PromptGroup, predictTokens } from '../../src/engine/model/packing.ts';
import { takeToWiderRows, withoutPageWidths } from '../../src/engine/model/page_widths.ts';
import type { ProgramOptions } from '../../src/engine/model/programs.ts';
import type { Weights } from '../../src/engine/model/weights.ts';
import { Policy, type PolicyMode } from '../../src/engine/training/policy.ts';
import { temporaryFolder, tinyConfig } from '../support/model_fixtures.ts';
import { bindAdapter, TINY_GROUPS, tinyAdapter } from '../support/tiny_model.ts';
import { writeTinyModelFolder } from '../support/tiny_model_folder.ts';

const SIZES = { vocab_size: 23, hidden_size: 1024, intermediate_size: 1024, num_hidden_layers: 1 };
const HEADS = { num_attention_heads: 4, num_key_value_heads: 2, head_dim: 8 };

/** A prime number of them, so that no row repeats another one. */
const normals = new RandomStream(7);
const NORMALS = Float32Array.from({ length: 65_521 }, () => normals.nextNormal());

/** Numbers such as trained weights have, so that float32 rounds alike in both. */
function weightsOf(config: ModelConfig): Weights {
  return new Map(
    [...parameterShapes(config)].map(([name, shape], index) => {
      const number = (i: number): number => NORMALS[(i + 7919 * index) % NORMALS.length]!;
      const size = shape.reduce((product, dim) => product * dim, 1);
      // Long queries and keys, so that attention tells how they were normalised.
      const at = /[qk]_norm/.test(name) ? 4 : name.includes('norm') ? 1 : 0;
      return [name, { shape, data: Float32Array.from({ length: size }, (_, i) => at + 0.05 * number(i)) }];
    }),
  );
}

function adapterOf(config: ModelConfig, dropout: number, addedRows: number): BoundAdapter {
  const { shape, tensors, scale } = bindAdapter(tinyAdapter(5, config));
  const random = new RandomStream(11);
  const rows = [...addedRowShapes(config, addedRows)].map(([name, [count, width]]) => {
    const data = Float32Array.from({ length: count! * width! }, () => 0.05 * random.nextNormal());
    return [name, { shape: [count!, width!], data }] as const;
  });
  const isExtended = addedRows > 0;
  return {
    shape: { ...shape, dropout, ...(isExtended ? { addedRows } : {}) },
    tensors: new Map([...tensors, ...(isExtended ? rows : [])]),
    scale,
  };
}

interface Kind {
  readonly architecture: Architecture;
  readonly changes?: Record<string, unknown>;
  readonly dropout?: number;
  readonly addedRows?: number;
  readonly recompute?: boolean;
}

const KINDS: Readonly<Record<string, Kind>> = {
  llama: { architecture: 'llama' },
  'llama, dropout': { architecture: 'llama', dropout: 0.3 },
  'llama, dropout, layers computed twice': { architecture: 'llama', dropout: 0.3, recompute: true },
  'llama, added tokens': { architecture: 'llama', addedRows: 2 },
  'llama, a head of its own, added tokens': {
    architecture: 'llama',
    changes: { tie_word_embeddings: false },
    addedRows: 2,
  },
  'llama, biases everywhere': { architecture: 'llama', changes: { attention_bias: true, mlp_bias: true } },
  'llama, a head in chunks': { architecture: 'llama', changes: { vocab_size: 9216, intermediate_size: 40 } },
  'llama, hidden states alone': { architecture: 'llama', changes: { intermediate_size: 40 } },
  'llama, the gated layer alone': { architecture: 'llama', changes: { hidden_size: 32, intermediate_size: 2048 } },
  qwen2: { architecture: 'qwen2' },
  // A large ε tells one that was scaled from one that was not.
  'qwen3, norms of heads': { architecture: 'qwen3', changes: { rms_norm_eps: 0.5 } },
  'phi3, fused projections': { architecture: 'phi3' },
};

/** Both models of a kind; only the second has wider rows. */
function pair({ architecture, changes, dropout = 0, addedRows = 0, recompute = false }: Kind) {
  const config = tinyConfig(architecture, { ...SIZES, ...HEADS, ...changes });
  const wider = withoutPageWidths(config);
  assert.notEqual(wider, config);
  const options: ProgramOptions = { device: 'cpu', threads: 1, recompute };
  const adapter = adapterOf(config, dropout, addedRows);
  const weights = weightsOf(config);
  const stored = new LanguageModel(config, new Map(weights), adapter, 'adapter', options);
  const computed = new LanguageModel(wider, takeToWiderRows(weights, config, wider), adapter, 'adapter', options);
  assert.equal(weights.size, 0, 'no second copy is kept');
  return { stored, computed };
}

/** Added tokens stand in a prompt and in what follows. */
function groupsWith(addedRows: number): readonly PromptGroup[] {
  if (addedRows === 0) return TINY_GROUPS;
  const ids = [4, SIZES.vocab_size + 1, 13];
  return [
    ...TINY_GROUPS,
    { prompt: [8, SIZES.vocab_size, 3], continuations: [{ ids, predictions: predictTokens(ids, 0.7) }] },
  ];
}

function close(found: ArrayLike<number>, expected: ArrayLike<number>, what: string): void {
  assert.equal(found.length, expected.length, what);
  const size = Math.max(...Array.from(expected, Math.abs), 1e-3);
  for (let i = 0; i < expected.length; i++)
    assert.ok(Math.abs(found[i]! - expected[i]!) <= 2e-5 * size, `${what} ${i}: ${found[i]}, not ${expected[i]}`);
}

describe('a model in wider rows', () => {
  it('is wider where a row would be whole pages, and nowhere else', () => {
    const widths = (hidden: number, inner: number, architecture: Architecture = 'llama') => {
      const config = tinyConfig(architecture, { ...HEADS, hidden_size: hidden, intermediate_size: inner });
      const { hiddenSize, intermediateSize } = withoutPageWidths(config);
      return [hiddenSize, intermediateSize];
    };
    assert.deepEqual(widths(2048, 8192), [2064, 8208]);
    assert.deepEqual(widths(1024, 3072), [1040, 3088]);
    assert.deepEqual(widths(576, 1536), [576, 1536]);
    assert.deepEqual(widths(896, 4864), [896, 4864]);
    assert.deepEqual(widths(3072, 8192, 'phi3'), [3088, 8192]);
    const same = tinyConfig('llama', { ...HEADS, hidden_size: 576, intermediate_size: 1536 });
    assert.equal(withoutPageWidths(same), same);
  });

  for (const [name, kind] of Object.entries(KINDS)) {
    it(`${name}: scores, gradients and rationales are the same`, async () => {
      const { stored, computed } = pair(kind);
      try {
        const options = { dropoutKey: 3 };
        const groups = groupsWith(kind.addedRows ?? 0);
        const expected = await stored.step(groups, options);
        const found = await computed.step(groups, options);
        close(found.scores.flat(2), expected.scores.flat(2), 'log π of a step');
        assert.deepEqual([...found.gradients.keys()], [...expected.gradients.keys()]);
        for (const [parameter, gradient] of expected.gradients) {
          assert.ok(
            gradient.some((number) => number !== 0),
            `${parameter} has a gradient`,
          );
          close(found.gradients.get(parameter)!, gradient, parameter);
        }
        for (const policy of kind.addedRows === undefined
          ? (['current', 'reference'] as const)
          : (['current'] as const))
          close(
            (await computed.score(groups, { policy })).flat(2),
            (await stored.score(groups, { policy })).flat(2),
            `log π, ${policy}`,
          );
        const sampled = async (model: LanguageModel) => {
          const requests = [{ prompt: [3, 9, 4], keys: [1, 2, 'greedy' as const], answer: [5, 6] }];
          const settings = { temperature: 1, topP: 1, topK: 0, maxTokens: 8, maxAnswerTokens: 0, maxRows: 8 };
          const [one] = await generate(model, requests, { ...settings, stopTokenIds: new Set([2]) }, () => ({
            push: () => null,
          }));
          return one!.samples;
        };
        const drawn = await sampled(stored);
        for (const [k, sample] of (await sampled(computed)).entries()) {
          assert.deepEqual(sample.ids, drawn[k]!.ids);
          close(sample.logProbs, drawn[k]!.logProbs, 'log π of a rationale');
          close(sample.answerLogProbs, drawn[k]!.answerLogProbs, 'log π of an answer');
        }
      } finally {
        await stored.dispose();
        await computed.dispose();
      }
    });
  }

  const folder = temporaryFolder();
  it('is what a policy computes with, and nothing that it says, trains or saves', async () => {
    await writeTinyModelFolder(folder.path, 1, { intermediate_size: 1024 });
    const open = (mode: PolicyMode): Promise<Policy> =>
      Policy.open({
        model: folder.path,
        adapter: null,
        mode,
        programs: { device: 'cpu', threads: 1 },
        rows: 1,
        sequenceLength: 64,
        tokenBudget: 256,
      });
    const lora = { rank: 2, alpha: 4, dropout: 0, targetModules: ['all-linear'], useRslora: false, baseModel: null };
    // Trained weights stay as they are stored, so that they can be changed in place and saved.
    const full = await open({ kind: 'full' });
    const adapted = await open({ kind: 'lora', lora, seed: 5 });
    try {
      assert.equal(full.model.config, full.config);
      assert.equal(adapted.model.config.intermediateSize, 1040);
      assert.equal(adapted.config.intermediateSize, 1024);
      const down = adapterTensorName('model.layers.0.mlp.down_proj', 'A');
      assert.deepEqual(adapted.adapter!.tensors.get(down)!.shape, [2, 1024]);
      const expected = (await full.model.score(TINY_GROUPS)).flat(2);
      close((await adapted.model.score(TINY_GROUPS)).flat(2), expected, 'log π');
      close((await adapted.reference(TINY_GROUPS)).flat(2), expected, 'log π of the reference');
      await adapted.takeReference();
      close((await adapted.reference(TINY_GROUPS)).flat(2), expected, 'log π of a reference of its own');
    } finally {
      await full.dispose();
      await adapted.dispose();
    }
  });
});
