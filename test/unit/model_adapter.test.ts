import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import {
  type Adapter,
  adapterShapes,
  checkAdapterAgainst,
  initialiseAdapter,
  type LoraConfig,
  linearModules,
  loadAdapter,
  loraScale,
  saveAdapter,
} from '../../src/engine/model/adapter.ts';
import { type Architecture, readModelConfig } from '../../src/engine/model/config.ts';
import { SafetensorsFile } from '../../src/engine/model/safetensors.ts';
import { expectLatroError } from '../support/expect_latro_error.ts';
import { temporaryFolder, tinyConfig } from '../support/model_fixtures.ts';
import { requireShared } from '../support/shared_folder.ts';

const LORA: LoraConfig = {
  rank: 3,
  alpha: 6,
  dropout: 0,
  targetModules: ['q_proj', 'down_proj'],
  useRslora: false,
  baseModel: 'some/base',
};

describe('adapters in PEFT format', () => {
  const folder = temporaryFolder();

  for (const model of [
    'tiny-llama3',
    'tiny-mistral',
    'tiny-phi3',
    'tiny-qwen2',
    'tiny-qwen3',
    'stories260K',
    'minimind2-small',
  ]) {
    it(`reads what PEFT wrote for ${model}: every linear layer but the head`, async function () {
      const path = requireShared(this, 'models', model);
      const config = await readModelConfig(path);
      const adapter = await loadAdapter(join(path, 'adapter'));
      checkAdapterAgainst(config, adapter);
      const { rank, alpha, dropout, useRslora, baseModel } = adapter.config;
      assert.deepEqual([rank, alpha, dropout, useRslora, baseModel], [4, 8, 0, false, model]);
      assert.equal(loraScale(adapter.config), 2);
      assert.equal(adapter.tensors.size, 2 * linearModules(config).length);
      const fresh = initialiseAdapter(config, { ...LORA, targetModules: ['all-linear'] }, 1);
      assert.deepEqual([...fresh.tensors.keys()].sort(), [...adapter.tensors.keys()].sort());
    });
  }

  it('gives back any adapter it saved, metadata and all', async () => {
    const lora = fc.record(
      {
        rank: fc.integer({ min: 1, max: 9 }),
        alpha: fc.double({ min: 0.1, max: 64, noNaN: true }),
        dropout: fc.double({ min: 0, max: 0.9, noNaN: true }),
        useRslora: fc.boolean(),
        baseModel: fc.option(fc.string()),
        targetModules: fc.oneof(
          fc.constant(['all-linear']),
          fc.uniqueArray(fc.constantFrom('q_proj', 'o_proj', 'up_proj', 'model.layers.1.mlp.down_proj'), {
            minLength: 1,
          }),
        ),
      },
      { noNullPrototype: true },
    );
    const config = tinyConfig('llama');
    await fc.assert(
      fc.asyncProperty(lora, fc.integer(), async (lora, seed) => {
        const saved = initialiseAdapter(config, lora, seed);
        const path = join(folder.path, 'saved');
        await saveAdapter(path, saved, { step: '7' });
        const loaded = await loadAdapter(path);
        assert.deepEqual(loaded.config, lora);
        assert.deepEqual(new Map([...loaded.tensors].sort()), new Map([...saved.tensors].sort()));
        checkAdapterAgainst(config, loaded);
        const file = await SafetensorsFile.open(join(path, 'adapter_model.safetensors'));
        assert.deepEqual(Object.fromEntries(file.metadata), { format: 'pt', step: '7' });
        await file.close();
        assert.deepEqual((await readdir(path)).sort(), ['adapter_config.json', 'adapter_model.safetensors']);
      }),
      { numRuns: 40 },
    );
  });

  it('writes the fields PEFT needs, with the values PEFT gives them', async function () {
    await saveAdapter(join(folder.path, 'fields'), { config: { ...LORA, alpha: 8, rank: 4 }, tensors: new Map() });
    const ours = JSON.parse(await readFile(join(folder.path, 'fields', 'adapter_config.json'), 'utf8')) as Record<
      string,
      unknown
    >;
    const path = requireShared(this, 'models', 'tiny-llama3', 'adapter', 'adapter_config.json');
    const theirs = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
    const different = Object.keys(ours).filter(
      (field) => JSON.stringify(ours[field]) !== JSON.stringify(theirs[field]),
    );
    assert.deepEqual(different, ['base_model_name_or_path', 'target_modules']);
  });

  it('scales by α/r, with rank stabilisation by α/√r', () => {
    assert.equal(loraScale({ rank: 16, alpha: 32, useRslora: false }), 2);
    assert.equal(loraScale({ rank: 16, alpha: 32, useRslora: true }), 8);
  });

  it('starts as PEFT does: B zero, A uniform in ±1/√in, the same for the same seed only', () => {
    const config = tinyConfig('llama', {
      hidden_size: 256,
      num_attention_heads: 4,
      head_dim: 64,
      intermediate_size: 400,
    });
    const lora = { ...LORA, rank: 16 };
    const { tensors } = initialiseAdapter(config, lora, 5);
    assert.deepEqual(new Map([...tensors].map(([name, t]) => [name, t.shape])), adapterShapes(config, lora));
    for (const [name, { shape, data }] of tensors) {
      if (name.endsWith('lora_B.weight')) {
        assert.ok(data.every((x) => x === 0));
        continue;
      }
      const bound = 1 / Math.sqrt(shape[1]!);
      assert.ok(data.every((x) => Math.abs(x) <= bound));
      const mean = data.reduce((a, b) => a + b, 0) / data.length;
      const variance = data.reduce((a, b) => a + b * b, 0) / data.length - mean ** 2;
      // U(−b, b) has variance b²/3; with n ≥ 4096 draws these margins are beyond five standard errors.
      assert.ok(Math.abs(mean) < 0.05 * bound, `mean of ${name}`);
      assert.ok(Math.abs(variance / (bound ** 2 / 3) - 1) < 0.08, `variance of ${name}`);
    }
    assert.deepEqual(initialiseAdapter(config, lora, 5).tensors, tensors);
    const [first, other] = [tensors, initialiseAdapter(config, lora, 6).tensors].map((t) => [...t.values()][0]!.data);
    assert.notDeepEqual(first, other);
  });

  it('lists the linear layers of every architecture', () => {
    const names = (architecture: Architecture) =>
      linearModules(tinyConfig(architecture))
        .filter(({ module }) => module.startsWith('model.layers.1.'))
        .map(({ module, out, in: columns }) => `${module.split('.').at(-1)} ${out}x${columns}`);
    const separate = [
      'q_proj 16x16',
      'k_proj 8x16',
      'v_proj 8x16',
      'o_proj 16x16',
      'gate_proj 24x16',
      'up_proj 24x16',
      'down_proj 16x24',
    ];
    for (const architecture of ['llama', 'mistral', 'qwen2', 'qwen3'] as const)
      assert.deepEqual(names(architecture), separate);
    assert.deepEqual(names('phi3'), ['o_proj 16x16', 'qkv_proj 32x16', 'gate_up_proj 48x16', 'down_proj 16x24']);
  });

  describe('refuses', () => {
    const config = tinyConfig('llama');
    const path = () => join(folder.path, 'refused');
    const write = async (changes: Record<string, unknown>): Promise<void> => {
      await rm(path(), { recursive: true, force: true });
      await saveAdapter(path(), initialiseAdapter(config, LORA, 1));
      const file = join(path(), 'adapter_config.json');
      const json = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
      await writeFile(file, JSON.stringify({ ...json, ...changes }));
    };

    const features: [string, unknown][] = [
      ['use_dora', true],
      ['alora_invocation_tokens', [1, 2]],
      ['rank_pattern', { q_proj: 8 }],
      ['alpha_pattern', { q_proj: 8 }],
      ['modules_to_save', ['lm_head']],
      ['trainable_token_indices', [5]],
      ['layers_to_transform', [0]],
      ['layer_replication', [[0, 1]]],
      ['bias', 'all'],
      ['lora_bias', true],
      ['fan_in_fan_out', true],
      ['use_qalora', true],
      ['init_lora_weights', 'pissa_niter_4'],
      ['peft_type', 'IA3'],
      ['some_feature_of_the_future', { on: true }],
    ];
    for (const [field, value] of features) {
      it(`the feature ${field}, by its name`, async () => {
        await write({ [field]: value });
        await expectLatroError(() => loadAdapter(path()), 'adapter-mismatch', `"${field}"`, path());
      });
    }

    it('a config that lacks a field or is not JSON', async () => {
      await write({ r: undefined });
      await expectLatroError(() => loadAdapter(path()), 'adapter-damaged', '"r"');
      await write({ r: 0 });
      await expectLatroError(() => loadAdapter(path()), 'adapter-damaged', '"r"');
      await writeFile(join(path(), 'adapter_config.json'), '{');
      await expectLatroError(() => loadAdapter(path()), 'adapter-damaged', 'not valid JSON');
    });

    it('a missing, a truncated and a pickled weights file', async () => {
      await write({});
      const weights = join(path(), 'adapter_model.safetensors');
      const whole = await readFile(weights);
      await writeFile(weights, whole.subarray(0, whole.length - 5));
      await expectLatroError(() => loadAdapter(path()), 'adapter-damaged', 'cut short', weights);
      await rm(weights);
      await expectLatroError(() => loadAdapter(path()), 'adapter-damaged', weights);
      await writeFile(join(path(), 'adapter_model.bin'), 'PK');
      await expectLatroError(() => loadAdapter(path()), 'pickle-refused', 'adapter_model.bin');
      await mkdir(join(folder.path, 'no-adapter'));
      await expectLatroError(
        () => loadAdapter(join(folder.path, 'no-adapter')),
        'adapter-damaged',
        'adapter_config.json',
      );
    });

    const check = (tensors: Adapter['tensors'], lora = LORA, model = config) =>
      checkAdapterAgainst(model, { config: lora, tensors });
    const sound = () => new Map(initialiseAdapter(config, LORA, 1).tensors);
    const A = 'base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight';

    it('an adapter for another base, naming the tensor, both shapes and the base it names', async () => {
      const wider = tinyConfig('llama', { hidden_size: 32 });
      await expectLatroError(() => check(sound(), LORA, wider), 'adapter-mismatch', A, '[3,16]', '[3,32]', 'some/base');
      const deeper = tinyConfig('llama', { num_hidden_layers: 3 });
      await expectLatroError(
        () => check(sound(), LORA, deeper),
        'adapter-mismatch',
        'lacks',
        'model.layers.2.self_attn.q_proj',
      );
      const shallower = tinyConfig('llama', { num_hidden_layers: 1 });
      await expectLatroError(() => check(sound(), LORA, shallower), 'adapter-mismatch', 'no place', 'model.layers.1');
      await expectLatroError(
        () => check(sound(), LORA, tinyConfig('phi3')),
        'adapter-mismatch',
        '"q_proj"',
        'qkv_proj',
      );
    });

    it('tensors of another rank than the config says, swapped, or unknown', async () => {
      await expectLatroError(() => check(sound(), { ...LORA, rank: 4 }), 'adapter-mismatch', '[3,16]', '[4,16]');
      const swapped = sound();
      const B = A.replace('lora_A', 'lora_B');
      const [a, b] = [swapped.get(A)!, swapped.get(B)!];
      await expectLatroError(() => check(swapped.set(A, b).set(B, a)), 'adapter-mismatch', A);
      const extra = sound().set('base_model.model.lm_head.lora_A.weight', {
        shape: [3, 16],
        data: new Float32Array(48),
      });
      await expectLatroError(() => check(extra), 'adapter-mismatch', 'lm_head');
    });

    it('values that are not finite', async () => {
      for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
        const tensors = sound();
        tensors.get(A)!.data[7] = value;
        await expectLatroError(() => check(tensors), 'adapter-damaged', A);
      }
    });
  });

  it('takes the targets of a pattern or an exclusion from the tensors', async () => {
    const config = tinyConfig('llama');
    const lora = { ...LORA, targetModules: ['model.layers.0.self_attn.q_proj', 'model.layers.1.mlp.up_proj'] };
    const path = join(folder.path, 'pattern');
    await saveAdapter(path, initialiseAdapter(config, lora, 1));
    const file = join(path, 'adapter_config.json');
    const json = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
    for (const changes of [
      { target_modules: '(a+)+$|.*0.*q_proj' },
      {
        target_modules: ['q_proj', 'up_proj'],
        exclude_modules: ['model.layers.1.self_attn.q_proj', 'model.layers.0.mlp.up_proj'],
      },
    ]) {
      await writeFile(file, JSON.stringify({ ...json, ...changes }));
      const adapter = await loadAdapter(path);
      assert.deepEqual([...adapter.config.targetModules].sort(), lora.targetModules);
      checkAdapterAgainst(config, adapter);
    }
  });
});
