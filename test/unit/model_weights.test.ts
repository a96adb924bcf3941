import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Architecture, parameterShapes, readModelConfig } from '../../src/engine/model/config.ts';
import { saveModelFolder } from '../../src/engine/model/model_folder.ts';
import { narrowToFloat16 } from '../../src/engine/model/number_formats.ts';
import { SafetensorsFile, type TensorToWrite, writeSafetensors } from '../../src/engine/model/safetensors.ts';
import {
  isStoredInHalf,
  loadFrozenWeights,
  loadWeights,
  toFloat32,
  type Weights,
} from '../../src/engine/model/weights.ts';
import { expectLatroError } from '../support/expect_latro_error.ts';
import {
  randomWeights,
  temporaryFolder,
  tinyConfig,
  tinyConfigJson,
  writeTinyModel,
} from '../support/model_fixtures.ts';
import { requireShared } from '../support/shared_folder.ts';

function listed(weights: Weights): TensorToWrite[] {
  return [...weights].map(([name, tensor]) => ({ name, ...tensor }));
}

function assertSameWeights(actual: Weights, expected: Weights): void {
  assert.deepEqual([...actual.keys()], [...expected.keys()]);
  for (const [name, { shape, data }] of expected) {
    assert.deepEqual(actual.get(name)?.shape, shape, name);
    assert.ok(Buffer.from(actual.get(name)!.data.buffer).equals(Buffer.from(data.buffer)), name);
  }
}

describe('weights of a model folder', () => {
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
    it(`loads ${model}`, async function () {
      const path = requireShared(this, 'models', model);
      const config = await readModelConfig(path);
      const weights = await loadWeights(path, config);
      assert.deepEqual([...weights.keys()], [...parameterShapes(config).keys()]);
      for (const [name, { shape, data }] of weights) {
        assert.equal(
          data.length,
          shape.reduce((a, b) => a * b, 1),
          name,
        );
        assert.ok(data.every(Number.isFinite) && data.some((x) => x !== 0), name);
      }
    });
  }

  for (const architecture of ['llama', 'mistral', 'phi3', 'qwen2', 'qwen3'] as Architecture[]) {
    for (const tied of [false, true]) {
      it(`loads what was written for ${architecture} with ${tied ? 'a tied' : 'its own'} head`, async () => {
        const path = join(folder.path, `${architecture}-${tied}`);
        const json = tinyConfigJson(architecture, { tie_word_embeddings: tied });
        const written = await writeTinyModel(path, json);
        assert.equal(written.has('lm_head.weight'), !tied);
        assertSameWeights(await loadWeights(path, await readModelConfig(path)), written);
      });
    }
  }

  it('holds frozen matrices in float16: as stored, or rounded to the nearest', async () => {
    const source = join(folder.path, 'frozen');
    const written = await writeTinyModel(source, tinyConfigJson('qwen2'));
    const config = await readModelConfig(source);
    for (const stored of ['F32', 'F16', 'BF16'] as const) {
      const path = join(folder.path, `frozen-${stored}`);
      await saveModelFolder(path, source, written, stored);
      assert.equal(await isStoredInHalf(path, config), stored !== 'F32');
      const wide = await loadWeights(path, config);
      assertSameWeights((await loadFrozenWeights(path, config, 'float32')) as Weights, wide);
      for (const [name, tensor] of await loadFrozenWeights(path, config, 'float16')) {
        const { data, shape } = wide.get(name)!;
        assert.deepEqual(tensor.shape, shape);
        if (shape.length === 1) assert.deepEqual(tensor.data, data);
        else {
          assert.deepEqual(tensor.data, narrowToFloat16(data));
          if (stored === 'F16') assert.deepEqual(toFloat32(tensor), data);
        }
      }
    }
  });

  it('refuses float16 for a number that it does not reach, naming the tensor', async () => {
    const source = join(folder.path, 'too-large');
    const written = await writeTinyModel(source, tinyConfigJson('llama'));
    const config = await readModelConfig(source);
    const { data } = written.get('model.layers.1.mlp.up_proj.weight')!;
    // The last bfloat16 below the limit, then the first one beyond.
    for (const [value, fits] of [
      [65280, true],
      [-65536, false],
    ] as const) {
      data[3] = value;
      const path = join(folder.path, `too-large-${fits}`);
      await saveModelFolder(path, source, written, 'BF16');
      const load = () => loadFrozenWeights(path, config, 'float16');
      if (fits) assert.equal(toFloat32((await load()).get('model.layers.1.mlp.up_proj.weight')!)[3], value);
      else {
        const error = await expectLatroError(load, 'model-unsupported');
        assert.match(error.message, /"model\.layers\.1\.mlp\.up_proj\.weight" holds -65536.*precision to 'float32'/s);
      }
    }
  });

  it('loads shards under an index, in any order', async () => {
    const path = join(folder.path, 'sharded');
    const json = tinyConfigJson('llama');
    const written = await writeTinyModel(path, json);
    const config = await readModelConfig(path);
    await rm(join(path, 'model.safetensors'));
    const names = [
      'model-00001-of-00003.safetensors',
      'model-00002-of-00003.safetensors',
      'model-00003-of-00003.safetensors',
    ];
    const all = listed(written);
    for (const [i, shard] of names.entries()) {
      await writeSafetensors(
        join(path, shard),
        all.filter((_, index) => index % 3 === i),
      );
    }
    const weight_map = Object.fromEntries(all.map(({ name }, index) => [name, names[index % 3]]));
    const index = join(path, 'model.safetensors.index.json');
    await writeFile(index, JSON.stringify({ metadata: { total_size: 1 }, weight_map }));
    assertSameWeights(await loadWeights(path, config), written);

    await rm(join(path, names[1] as string));
    await expectLatroError(() => loadWeights(path, config), 'model-not-found', names[1] as string);

    for (const shard of [
      '../secret.safetensors',
      '/etc/shadow.safetensors',
      'a/b.safetensors',
      '..\\x.safetensors',
      'x.bin',
      '.safetensors',
    ]) {
      await writeFile(index, JSON.stringify({ weight_map: { a: shard } }));
      await expectLatroError(() => loadWeights(path, config), 'model-damaged', 'same folder', JSON.stringify(shard));
    }
    await writeFile(index, JSON.stringify({ weights: {} }));
    await expectLatroError(() => loadWeights(path, config), 'model-damaged', '"weight_map"');
  });

  it('passes over a stored copy of a tied head and old rope tables', async () => {
    const path = join(folder.path, 'extras');
    const written = await writeTinyModel(path, tinyConfigJson('llama', { tie_word_embeddings: true }));
    const extras = [
      { name: 'lm_head.weight', shape: [20, 16], data: new Float32Array(320) },
      { name: 'model.layers.0.self_attn.rotary_emb.inv_freq', shape: [2], data: new Float32Array(2) },
    ];
    await writeSafetensors(join(path, 'model.safetensors'), [...listed(written), ...extras]);
    assertSameWeights(await loadWeights(path, await readModelConfig(path)), written);
  });

  describe('refuses, naming the tensor', () => {
    const config = tinyConfig('llama');
    const path = () => join(folder.path, 'refused');
    const offer = async (tensors: TensorToWrite[]): Promise<void> => {
      await mkdir(path(), { recursive: true });
      await writeSafetensors(join(path(), 'model.safetensors'), tensors);
    };
    const sound = () => listed(randomWeights(config));

    it('a missing tensor', async () => {
      await offer(sound().filter(({ name }) => name !== 'model.layers.1.mlp.up_proj.weight'));
      await expectLatroError(
        () => loadWeights(path(), config),
        'model-mismatch',
        'lack',
        'model.layers.1.mlp.up_proj.weight',
        '[24,16]',
      );
    });

    it('a tensor of another shape, with both shapes', async () => {
      const name = 'model.layers.0.self_attn.k_proj.weight';
      await offer(sound().map((t) => (t.name === name ? { name, shape: [16, 8], data: t.data } : t)));
      await expectLatroError(() => loadWeights(path(), config), 'model-mismatch', name, '[16,8]', '[8,16]');
    });

    it('tensors that the config does not provide for: a bias, a further layer, a quantization scale', async () => {
      for (const name of [
        'model.layers.0.self_attn.q_proj.bias',
        'model.layers.2.mlp.up_proj.weight',
        'model.norm.weight_scale',
      ]) {
        await offer([...sound(), { name, shape: [1], data: Float32Array.of(1) }]);
        await expectLatroError(() => loadWeights(path(), config), 'model-mismatch', name);
      }
    });

    it('weights of a smaller vocabulary than the config has', async () => {
      await offer(sound());
      await expectLatroError(
        () => loadWeights(path(), tinyConfig('llama', { vocab_size: 21 })),
        'model-mismatch',
        /(lm_head|model\.embed_tokens)\.weight/,
        '[20,16]',
        '[21,16]',
      );
    });

    it('a folder with pickles only', async () => {
      const pickles = join(folder.path, 'pickles');
      await mkdir(pickles);
      await writeFile(join(pickles, 'pytorch_model.bin'), 'PK');
      await expectLatroError(() => loadWeights(pickles, config), 'pickle-refused', 'pytorch_model.bin');
    });

    it('a folder without weights', async () => {
      const empty = join(folder.path, 'empty');
      await mkdir(empty);
      await expectLatroError(() => loadWeights(empty, config), 'model-not-found', 'model.safetensors', empty);
    });
  });

  describe('saving a model folder', () => {
    it('gives back the same weights, exactly in F32, with the companions and the dtype in config.json', async () => {
      const source = join(folder.path, 'source');
      const written = await writeTinyModel(source, tinyConfigJson('phi3', { torch_dtype: 'float16', extra: [1, 2] }));
      await writeFile(join(source, 'tokenizer.json'), '{"any": "bytes"}');
      const target = join(folder.path, 'saved');
      await saveModelFolder(target, source, written, 'F32');
      assertSameWeights(await loadWeights(target, await readModelConfig(target)), written);
      assert.equal(await readFile(join(target, 'tokenizer.json'), 'utf8'), '{"any": "bytes"}');
      const config = JSON.parse(await readFile(join(target, 'config.json'), 'utf8')) as Record<string, unknown>;
      assert.deepEqual([config.torch_dtype, config.extra], ['float32', [1, 2]]);
      assert.deepEqual((await readdir(target)).sort(), ['config.json', 'model.safetensors', 'tokenizer.json']);
    });

    it('stores what it is asked to in BF16', async () => {
      const source = join(folder.path, 'source16');
      const written = await writeTinyModel(source, tinyConfigJson('llama', { dtype: 'float32' }));
      const target = join(folder.path, 'saved16');
      await saveModelFolder(target, source, written, 'BF16');
      const file = await SafetensorsFile.open(join(target, 'model.safetensors'));
      assert.ok(file.names.every((name) => file.info(name).dtype === 'BF16'));
      await file.close();
      const loaded = await loadWeights(target, await readModelConfig(target));
      for (const [name, { data }] of written) {
        // bfloat16 keeps 8 significant bits.
        const stored = loaded.get(name)!.data;
        assert.ok(
          data.every((x, i) => Math.abs(stored[i]! - x) <= Math.abs(x) * 2 ** -8),
          name,
        );
      }
      assert.equal(
        (JSON.parse(await readFile(join(target, 'config.json'), 'utf8')) as { dtype: string }).dtype,
        'bfloat16',
      );
    });

    it('touches nothing that is there already, and leaves nothing when it fails', async () => {
      const source = join(folder.path, 'origin');
      const written = await writeTinyModel(source, tinyConfigJson('llama'));
      const occupied = join(folder.path, 'occupied');
      await mkdir(occupied);
      await writeFile(join(occupied, 'thesis.txt'), 'years of work');
      await expectLatroError(() => saveModelFolder(occupied, source, written, 'F32'), 'bad-request', occupied);
      await expectLatroError(
        () => saveModelFolder(join(occupied, 'thesis.txt'), source, written, 'F32'),
        'bad-request',
      );
      assert.equal(await readFile(join(occupied, 'thesis.txt'), 'utf8'), 'years of work');

      const before = await readdir(folder.path);
      const partial = new Map([...written].slice(1));
      await expectLatroError(
        () => saveModelFolder(join(folder.path, 'new'), source, partial, 'F32'),
        'model-mismatch',
        'embed_tokens',
      );
      const lengthWrong = new Map(written).set('model.norm.weight', { shape: [16], data: new Float32Array(15) });
      await assert.rejects(saveModelFolder(join(folder.path, 'new'), source, lengthWrong, 'F32'));
      assert.deepEqual(await readdir(folder.path), before);
    });
  });
});
