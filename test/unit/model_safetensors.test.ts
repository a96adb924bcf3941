import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import {
  SafetensorsFile,
  serializeSafetensors,
  type TensorToWrite,
  writeSafetensors,
} from '../../src/engine/model/safetensors.ts';
import { expectLatroError } from '../support/expect_latro_error.ts';
import { temporaryFolder } from '../support/model_fixtures.ts';
import { requireShared } from '../support/shared_folder.ts';

const name = fc.oneof(
  fc.string({ minLength: 1, maxLength: 40, unit: 'grapheme' }),
  fc.constantFrom('__proto__', 'constructor', 'model.layers.0.mlp.up_proj.weight', ' ', '"', '\u0000', '😀'),
);

/** Tensors of rank 0 to 4, some of them empty, in any order. Values survive their dtype: small integers. */
const tensors: fc.Arbitrary<TensorToWrite[]> = fc
  .uniqueArray(
    fc.record({
      name: name.filter((text) => text !== '__metadata__' && !/\p{Surrogate}/u.test(text)),
      shape: fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 }),
      dtype: fc.constantFrom('F32', 'F16', 'BF16'),
      seed: fc.integer({ min: 0, max: 1000 }),
    }),
    { selector: (t) => t.name, maxLength: 8 },
  )
  .map((list) =>
    list.map(({ name, shape, dtype, seed }) => {
      const length = shape.reduce((a, b) => a * b, 1);
      return {
        name,
        shape,
        dtype: dtype as 'F32',
        data: Float32Array.from({ length }, (_, i) => ((seed + i) % 200) - 100),
      };
    }),
  );

async function contents(path: string) {
  const file = await SafetensorsFile.open(path);
  try {
    const found = new Map<string, { dtype: string; shape: readonly number[]; data: number[] }>();
    for (const tensor of file.names) {
      found.set(tensor, { ...file.info(tensor), data: [...(await file.readFloat32(tensor))] });
    }
    return { found, metadata: Object.fromEntries(file.metadata) };
  } finally {
    await file.close();
  }
}

function bytesOf(list: Iterable<TensorToWrite>, metadata = {}): Buffer {
  return Buffer.concat([...serializeSafetensors(list, metadata)]);
}

describe('safetensors', () => {
  const folder = temporaryFolder();
  const path = () => join(folder.path, 'some.safetensors');

  it('reads back any tensors and metadata it wrote', async () => {
    const metadata = fc.dictionary(fc.string(), fc.string(), { maxKeys: 3 });
    await fc.assert(
      fc.asyncProperty(tensors, metadata, async (list, meta) => {
        await writeSafetensors(path(), list, meta);
        const { found, metadata: read } = await contents(path());
        assert.deepEqual(Object.entries(read).sort(), Object.entries(meta).sort());
        assert.deepEqual([...found.keys()].sort(), list.map((t) => t.name).sort());
        for (const { name, shape, data, dtype } of list)
          assert.deepEqual(found.get(name), { dtype, shape, data: [...data] });
      }),
      { numRuns: 60 },
    );
  });

  it('writes the same bytes whatever the order of the tensors, and keeps the data aligned to 8 bytes', () => {
    fc.assert(
      fc.property(tensors, (list) => {
        const bytes = bytesOf(list);
        assert.ok(bytes.equals(bytesOf([...list].reverse())));
        assert.equal(bytes.readUInt32LE(0) % 8, 0);
      }),
    );
  });

  for (const file of [
    'minimind2-small/model',
    'stories15M/model',
    'tiny-phi3/model',
    'tiny-phi3/adapter/adapter_model',
  ]) {
    it(`writes ${file} byte for byte as the reference library did`, async function () {
      const source = requireShared(this, 'models', `${file}.safetensors`);
      const input = await SafetensorsFile.open(source);
      try {
        const list: TensorToWrite[] = [];
        for (const tensor of input.names) {
          const { shape, dtype } = input.info(tensor);
          list.push({ name: tensor, shape, dtype: dtype as 'F32', data: await input.readFloat32(tensor) });
        }
        await writeSafetensors(path(), list, Object.fromEntries(input.metadata));
      } finally {
        await input.close();
      }
      assert.ok((await readFile(path())).equals(await readFile(source)));
    });
  }

  it('reads the integers and floats of a reference file', async function () {
    const file = await SafetensorsFile.open(requireShared(this, 'models', 'tiny-llama3', 'reference.safetensors'));
    try {
      const { dtype, shape } = file.info('input_ids');
      const ids = await file.readInt64('input_ids');
      assert.equal(dtype, 'I64');
      assert.equal(ids.length, shape[0]! * shape[1]!);
      assert.ok(ids.every((id) => id >= 0n && id < 512n));
      const logProbs = await file.readFloat32('base.token_logprobs');
      assert.ok(logProbs.every((p) => p < 0 && Number.isFinite(p)));
      await expectLatroError(() => file.readFloat32('input_ids'), 'model-unsupported', 'I64');
      await expectLatroError(() => file.readInt64('weights'), 'model-unsupported', 'F32');
      await expectLatroError(() => file.readFloat32('nothing'), 'model-damaged', '"nothing"');
    } finally {
      await file.close();
    }
  });

  it('reads F64 and I32', async () => {
    const header =
      '{"d":{"dtype":"F64","shape":[2],"data_offsets":[0,16]},"i":{"dtype":"I32","shape":[2],"data_offsets":[16,24]}}';
    const bytes = Buffer.alloc(8 + header.length + 24);
    bytes.writeBigUInt64LE(BigInt(header.length));
    bytes.write(header, 8);
    const data = 8 + header.length;
    bytes.writeDoubleLE(0.1, data);
    bytes.writeDoubleLE(-3, data + 8);
    bytes.writeInt32LE(-7, data + 16);
    bytes.writeInt32LE(2 ** 31 - 1, data + 20);
    await writeFile(path(), bytes);
    const file = await SafetensorsFile.open(path());
    try {
      assert.deepEqual([...(await file.readFloat32('d'))], [Math.fround(0.1), -3]);
      assert.deepEqual([...(await file.readInt64('i'))], [-7n, 2n ** 31n - 1n]);
    } finally {
      await file.close();
    }
  });

  it('refuses the file cut at every byte, and with one byte more', async () => {
    const whole = bytesOf([
      { name: 'a', shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) },
      { name: 'b', shape: [3], data: Float32Array.of(7, 8, 9), dtype: 'F16' },
    ]);
    for (let length = 0; length < whole.length; length++) {
      await writeFile(path(), whole.subarray(0, length));
      await expectLatroError(() => SafetensorsFile.open(path()), 'model-damaged', path());
    }
    await writeFile(path(), Buffer.concat([whole, Buffer.of(0)]));
    await expectLatroError(() => SafetensorsFile.open(path()), 'model-damaged', 'no tensor claims');
  });

  it('either refuses a file with any bytes changed or reads sound tensors from it', async () => {
    const whole = bytesOf(
      [
        { name: 'a', shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) },
        { name: 'b', shape: [3], data: Float32Array.of(7, 8, 9), dtype: 'BF16' },
      ],
      { format: 'pt' },
    );
    const change = fc.tuple(
      fc.nat(whole.length - 1),
      fc.oneof(fc.nat(255), fc.constantFrom(...Buffer.from('{}[]",:0198\\ '))),
    );
    let read = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
        const bytes = Buffer.from(whole);
        for (const [at, value] of changes) bytes[at] = value;
        await writeFile(path(), bytes);
        let file: SafetensorsFile;
        try {
          file = await SafetensorsFile.open(path());
        } catch (error) {
          assert.match((error as { code?: string }).code ?? '', /^(model-damaged|pickle-refused|model-unsupported)$/);
          return;
        }
        try {
          const total = file.names.reduce((sum, n) => sum + file.info(n).shape.reduce((a, b) => a * b, 1), 0);
          assert.ok(total <= whole.length);
          read++;
        } finally {
          await file.close();
        }
      }),
      { numRuns: 1500 },
    );
    assert.ok(read > 0, 'changes in the data itself are not the header’s business');
  });

  it('leaves the old file as it was, and nothing else, when writing fails', async () => {
    const target = join(folder.path, 'kept', 'model.safetensors');
    await mkdir(join(folder.path, 'kept'));
    await writeSafetensors(target, [{ name: 'a', shape: [1], data: Float32Array.of(1) }]);
    const before = await readFile(target);
    const wrong = [{ name: 'a', shape: [2], data: Float32Array.of(1) }];
    await assert.rejects(writeSafetensors(target, wrong));
    await assert.rejects(writeSafetensors(target, [...wrong, ...wrong]));
    assert.ok((await readFile(target)).equals(before));
    assert.deepEqual(await readdir(join(folder.path, 'kept')), ['model.safetensors']);
  });

  it('says which file is missing, with the code the caller asks for', async () => {
    const missing = join(folder.path, 'nowhere.safetensors');
    await expectLatroError(() => SafetensorsFile.open(missing), 'model-not-found', missing);
    const codes = { missing: 'run-not-found', damaged: 'run-damaged' } as const;
    await expectLatroError(() => SafetensorsFile.open(missing, codes), 'run-not-found');
    await expectLatroError(() => SafetensorsFile.open(folder.path, codes), 'run-damaged', 'not a file');
  });
});
