import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Architecture,
  parameterShapes,
  parseModelConfig,
  readModelConfig,
} from '../../src/engine/model/config.ts';
import { SafetensorsFile } from '../../src/engine/model/safetensors.ts';
import { expectLatroError } from '../support/expect_latro_error.ts';
import { temporaryFolder, tinyConfig, tinyConfigJson } from '../support/model_fixtures.ts';
import { requireShared } from '../support/shared_folder.ts';

const LLAMA3_ROPE = {
  rope_type: 'llama3',
  factor: 8,
  low_freq_factor: 1,
  high_freq_factor: 4,
  original_max_position_embeddings: 64,
};

describe('config.json', () => {
  const folder = temporaryFolder();

  for (const model of [
    'tiny-llama3',
    'tiny-mistral',
    'tiny-phi3',
    'tiny-qwen2',
    'tiny-qwen3',
    'stories260K',
    'stories15M',
    'minimind2-small',
  ]) {
    it(`names and shapes every parameter of ${model} as its file has them`, async function () {
      const path = requireShared(this, 'models', model);
      const shapes = parameterShapes(await readModelConfig(path));
      const file = await SafetensorsFile.open(join(path, 'model.safetensors'));
      try {
        assert.deepEqual([...shapes.keys()].sort(), [...file.names].sort());
        for (const [name, shape] of shapes) assert.deepEqual(shape, file.info(name).shape, name);
      } finally {
        await file.close();
      }
    });
  }

  it('tells the architectures apart', () => {
    const traits = (architecture: Architecture, changes = {}) => {
      const c = tinyConfig(architecture, changes);
      return [c.queryKeyValueBias, c.outputBias, c.mlpBias, c.queryKeyNorm, c.fusedProjections];
    };
    assert.deepEqual(traits('llama'), [false, false, false, false, false]);
    assert.deepEqual(traits('llama', { attention_bias: true, mlp_bias: true }), [true, true, true, false, false]);
    assert.deepEqual(traits('mistral', { attention_bias: true }), [false, false, false, false, false]);
    assert.deepEqual(traits('phi3'), [false, false, false, false, true]);
    assert.deepEqual(traits('qwen2'), [true, false, false, false, false]);
    assert.deepEqual(traits('qwen3'), [false, false, false, true, false]);
    assert.deepEqual(traits('qwen3', { attention_bias: true }), [true, true, false, true, false]);
  });

  it('takes the defaults of transformers for absent and null fields', () => {
    const bare = (architecture: Architecture, changes: Record<string, unknown>) => {
      const json = tinyConfigJson(architecture, changes);
      for (const field of ['head_dim', 'rms_norm_eps', 'rope_theta', 'max_position_embeddings', 'sliding_window'])
        delete json[field];
      return parseModelConfig(json, 'x');
    };
    const llama = bare('llama', { num_key_value_heads: null, head_dim: null });
    assert.deepEqual(
      [llama.keyValueHeads, llama.headDim, llama.rmsNormEpsilon, llama.maxPositions],
      [4, 4, 1e-6, 2048],
    );
    assert.equal(llama.ropeTheta, 10000);
    assert.equal(bare('mistral', {}).slidingWindow, 4096);
    assert.equal(bare('phi3', {}).rmsNormEpsilon, 1e-5);
    assert.equal(bare('qwen3', {}).headDim, 128);
    assert.equal(bare('qwen2', {}).slidingWindow, null);
  });

  it('reads rope scaling from its older and its newer place', () => {
    const expected = {
      kind: 'llama3',
      factor: 8,
      lowFrequencyFactor: 1,
      highFrequencyFactor: 4,
      originalMaxPositions: 64,
    };
    assert.deepEqual(tinyConfig('llama', { rope_scaling: LLAMA3_ROPE }).rope, expected);
    const newer = tinyConfig('llama', {
      rope_theta: undefined,
      rope_parameters: { ...LLAMA3_ROPE, rope_theta: 500000 },
    });
    assert.deepEqual(newer.rope, expected);
    assert.equal(newer.ropeTheta, 500000);
    assert.deepEqual(tinyConfig('llama', { rope_scaling: { type: 'linear', factor: 2 } }).rope, {
      kind: 'linear',
      factor: 2,
    });
    assert.deepEqual(tinyConfig('llama', { rope_scaling: { rope_type: 'default' } }).rope, { kind: 'default' });
  });

  it('gives LongRoPE its attention factor √(1 + ln(max/original) / ln(original)) unless one is stored', () => {
    const rope = { type: 'su', short_factor: [1, 1.1], long_factor: [2, 3] };
    const scaled = tinyConfig('phi3', { rope_scaling: rope, original_max_position_embeddings: 32 }).rope;
    assert.equal(scaled.kind, 'longrope');
    assert.ok(scaled.kind === 'longrope');
    assert.equal(scaled.originalMaxPositions, 32);
    // max/original = 128/32 = 4 and ln 4 / ln 32 = 2/5.
    assert.ok(Math.abs(scaled.attentionFactor - Math.sqrt(1.4)) < 1e-15);
    const stored = tinyConfig('phi3', {
      rope_scaling: { ...rope, attention_factor: 1.25 },
      original_max_position_embeddings: 32,
    }).rope;
    assert.ok(stored.kind === 'longrope' && stored.attentionFactor === 1.25);
    const short = tinyConfig('phi3', { rope_scaling: rope, original_max_position_embeddings: 128 }).rope;
    assert.ok(short.kind === 'longrope' && short.attentionFactor === 1);
  });

  it("applies Qwen's sliding window only when it is switched on, for all layers alike", async () => {
    const window = (changes: object) => tinyConfig('qwen2', { sliding_window: 8, ...changes }).slidingWindow;
    assert.equal(window({}), null);
    assert.equal(window({ use_sliding_window: true, max_window_layers: 2 }), null);
    assert.equal(window({ use_sliding_window: true, max_window_layers: 0 }), 8);
    assert.equal(window({ use_sliding_window: true, layer_types: ['sliding_attention', 'sliding_attention'] }), 8);
    await expectLatroError(
      () => window({ use_sliding_window: true, max_window_layers: 1 }),
      'model-unsupported',
      'some layers',
    );
    assert.equal(tinyConfig('mistral', { sliding_window: 8 }).slidingWindow, 8);
  });

  it('merges the end-of-text ids of both files and drops ids outside the vocabulary', async () => {
    const json = tinyConfigJson('llama', { eos_token_id: 2, pad_token_id: -1 });
    const config = parseModelConfig(json, 'x', { eos_token_id: [3, 2, 99] });
    assert.deepEqual(config.eosTokenIds, [3, 2]);
    assert.equal(config.padTokenId, null);
    assert.deepEqual(parseModelConfig(tinyConfigJson('llama', { eos_token_id: null }), 'x').eosTokenIds, []);

    await writeFile(join(folder.path, 'config.json'), JSON.stringify(json));
    await writeFile(join(folder.path, 'generation_config.json'), '{"eos_token_id": 4}');
    assert.deepEqual((await readModelConfig(folder.path)).eosTokenIds, [4, 2]);
  });

  describe('refuses, saying what and where', () => {
    const refused: [string, Record<string, unknown>, 'model-unsupported' | 'model-damaged', string][] = [
      ['another architecture', { model_type: 'gpt2' }, 'model-unsupported', '"gpt2"'],
      [
        'a name from Object.prototype as architecture',
        { model_type: 'constructor' },
        'model-unsupported',
        '"constructor"',
      ],
      [
        'another head on the architecture',
        { architectures: ['LlamaForSequenceClassification'] },
        'model-unsupported',
        'LlamaForSequenceClassification',
      ],
      ['another activation', { hidden_act: 'gelu' }, 'model-unsupported', '"gelu"'],
      ['quantized weights', { quantization_config: { bits: 4 } }, 'model-unsupported', 'quantized'],
      ['another rope scaling', { rope_scaling: { rope_type: 'yarn', factor: 4 } }, 'model-unsupported', '"yarn"'],
      ['rope scaling without its fields', { rope_scaling: { rope_type: 'linear' } }, 'model-damaged', '"factor"'],
      [
        'factors for another head size',
        { rope_scaling: { type: 'longrope', short_factor: [1], long_factor: [1, 2] } },
        'model-damaged',
        '"short_factor" has 1 values',
      ],
      ['heads that do not divide', { num_key_value_heads: 3 }, 'model-damaged', 'num_key_value_heads 3'],
      ['an odd head size', { head_dim: 5 }, 'model-damaged', 'not an even number'],
      ['a missing field', { vocab_size: undefined }, 'model-damaged', '"vocab_size"'],
      ['a size that is not one', { hidden_size: -16 }, 'model-damaged', '"hidden_size"'],
      ['a size beyond any model', { num_hidden_layers: 1e9 }, 'model-damaged', '"num_hidden_layers"'],
    ];
    for (const [what, changes, code, part] of refused) {
      it(what, () => expectLatroError(() => tinyConfig('llama', changes), code, part, 'config.json'));
    }

    it('a folder that is not there, and one without config.json', async () => {
      await expectLatroError(
        () => readModelConfig(join(folder.path, 'nowhere')),
        'model-not-found',
        'no folder',
        'nowhere',
      );
      await mkdir(join(folder.path, 'empty'));
      await expectLatroError(() => readModelConfig(join(folder.path, 'empty')), 'model-not-found', 'config.json');
    });

    it('a config.json that is not JSON, or not an object', async () => {
      await mkdir(join(folder.path, 'broken'));
      await writeFile(join(folder.path, 'broken', 'config.json'), '{"model_type": "llama",');
      await expectLatroError(
        () => readModelConfig(join(folder.path, 'broken')),
        'model-damaged',
        'not valid JSON',
        'broken',
      );
      await expectLatroError(() => parseModelConfig([], 'x'), 'model-damaged');
      await expectLatroError(() => parseModelConfig(null, 'x'), 'model-damaged');
    });

    it('a pickle or an archive of torch.save offered in place of a folder, by its content', async () => {
      const pickle = join(folder.path, 'innocent.safetensors');
      await writeFile(pickle, Buffer.from('\x80\x02}q\x00X\x01\x00\x00\x00w', 'latin1'));
      await expectLatroError(() => readModelConfig(pickle), 'pickle-refused', pickle);
      const archive = join(folder.path, 'pytorch_model.bin');
      await writeFile(archive, Buffer.from('PK\x03\x04\x00\x00\x08\x08\x00\x00archive/data.pkl', 'latin1'));
      await expectLatroError(() => readModelConfig(archive), 'pickle-refused', archive);
      const text = join(folder.path, 'notes.txt');
      await writeFile(text, 'hello');
      await expectLatroError(() => readModelConfig(text), 'model-not-found', 'is a file');
    });
  });
});
