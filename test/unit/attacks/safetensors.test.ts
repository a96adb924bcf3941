/**
 * Files made to abuse a safetensors reader, one test each. The first group are the proposals of the reference library's attacks/README;
 * the others come from faults published in other readers: missing checks for overlap, holes, overflow, duplicates and polyglots.
 */

import assert from 'node:assert/strict';
import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { SafetensorsFile } from '../../../src/engine/model/safetensors.ts';
import {
  HeaderFault,
  MAX_NAME_LENGTH,
  MAX_TENSORS,
  parseHeader,
} from '../../../src/engine/model/safetensors_header.ts';
import { expectLatroError } from '../../support/expect_latro_error.ts';
import { temporaryFolder } from '../../support/model_fixtures.ts';

const MEGABYTE = 1024 * 1024;

/** A file with this header, as text or as a value, and so many zero bytes of data. */
function file(header: unknown, dataBytes: number, claimedLength?: bigint): Buffer {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(claimedLength ?? BigInt(text.length));
  return Buffer.concat([length, text, Buffer.alloc(dataBytes)]);
}

/** One float32 tensor per entry: name → [shape, start, end]. */
function floats(entries: Record<string, [number[], number, number]>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(entries).map(([name, [shape, ...data_offsets]]) => [name, { dtype: 'F32', shape, data_offsets }]),
  );
}

describe('attacks on the safetensors reader', () => {
  const folder = temporaryFolder();
  const path = () => join(folder.path, 'model.safetensors');

  async function refused(bytes: Uint8Array, ...parts: (string | RegExp)[]): Promise<void> {
    await writeFile(path(), bytes);
    const before = process.memoryUsage().rss;
    await expectLatroError(() => SafetensorsFile.open(path()), 'model-damaged', path(), ...parts);
    assert.ok(process.memoryUsage().rss - before < 300 * MEGABYTE, 'nothing is allocated before it is validated');
  }

  async function opened(bytes: Uint8Array): Promise<SafetensorsFile> {
    await writeFile(path(), bytes);
    const opened = await SafetensorsFile.open(path());
    await opened.close();
    return opened;
  }

  describe('proposals of the reference library', () => {
    it('a header length beyond the end of the file', () => refused(file('{}', 0, 1000n), 'cut short'));
    it('a header length of 2^64 − 1', () => refused(file('{}', 0, 2n ** 64n - 1n), 'more than the 100000000 allowed'));
    it('a header just over 100 MB, in a file that has as many bytes', async () => {
      await writeFile(path(), file('{}', 0, 100_000_001n));
      await truncate(path(), 100_000_009);
      await expectLatroError(() => SafetensorsFile.open(path()), 'model-damaged', 'more than the 100000000 allowed');
    });
    it('offsets beyond the end of the file', () => refused(file(floats({ a: [[4], 0, 16] }), 8), 'cut short'));
    it('negative offsets', () =>
      refused(file('{"a":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}}', 4), 'not the JSON'));
    it('tensors that overlap', () => refused(file(floats({ a: [[2], 0, 8], b: [[2], 4, 12] }), 12), 'overlaps'));
    it('many tensors on the same bytes', () => {
      const same = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`t${i}`, [[1024], 0, 4096]]));
      return refused(file(floats(same as Record<string, [number[], number, number]>), 4096), 'overlaps');
    });
    it('a length that is not shape × dtype', () => refused(file(floats({ a: [[3], 0, 8] }), 8), 'another size'));
  });

  describe('layout', () => {
    it('a hole between tensors', () => refused(file(floats({ a: [[1], 0, 4], b: [[1], 8, 12] }), 12), 'leaves a hole'));
    it('a hole before the first tensor', () => refused(file(floats({ a: [[1], 4, 8] }), 8), 'leaves a hole'));
    it('bytes after the last tensor, as in a polyglot file', () =>
      refused(file(floats({ a: [[1], 0, 4] }), 64), 'no tensor claims'));
    it('data without any tensor', () => refused(file('{}', 16), 'no tensor claims'));
    it('an end before its start', () => refused(file(floats({ a: [[1], 4, 0] }), 4), '"a"'));
    it('a shape whose product overflows to a small number', () =>
      refused(file(floats({ a: [[2 ** 32, 2 ** 32], 0, 0] }), 0), 'another size'));
    it('a shape whose product passes 2^53 and returns through a zero', () =>
      refused(file(floats({ a: [[2 ** 40, 2 ** 40, 0], 0, 0] }), 0), 'another size'));
    it('an offset beyond 2^53, which a number cannot hold', () =>
      refused(file('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,9007199254740993]}}', 4), 'too large'));
    it('a rank beyond any model', () => refused(file(floats({ a: [Array(9).fill(1), 0, 4] }), 4), 'more than 8'));
    it('half a byte: an odd number of 4-bit elements', () =>
      refused(file({ a: { dtype: 'F4', shape: [3], data_offsets: [0, 2] } }, 2), 'another size'));
  });

  describe('header', () => {
    const tensor = '{"dtype":"F32","shape":[1],"data_offsets":[0,4]}';

    it('the same name twice', () => refused(file(`{"a":${tensor},"a":${tensor}}`, 4), '"a" occurs twice'));
    it('the same name twice, once escaped', () =>
      refused(file(`{"a":${tensor},"\\u0061":${tensor}}`, 4), '"a" occurs twice'));
    it('the same field twice', () =>
      refused(file('{"a":{"dtype":"F32","shape":[9],"shape":[1],"data_offsets":[0,4]}}', 4), '"shape" twice'));
    it('metadata twice', () => refused(file('{"__metadata__":{},"__metadata__":{}}', 0), 'twice'));
    it('a metadata key twice', () => refused(file('{"__metadata__":{"k":"1","k":"2"}}', 0), '"k" occurs twice'));
    it('metadata that is not text', () => refused(file('{"__metadata__":{"k":{"deep":1}}}', 0), 'not the JSON'));
    it('an unknown field', () =>
      refused(file('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"code":"x"}}', 4), 'unknown field "code"'));
    it('a missing field', () => refused(file('{"a":{"dtype":"F32","shape":[1]}}', 4), 'lacks'));
    it('an unknown dtype, also one that every object inherits', async () => {
      await refused(file({ a: { dtype: 'OBJECT', shape: [1], data_offsets: [0, 4] } }, 4), 'unknown dtype "OBJECT"');
      await refused(file({ a: { dtype: 'constructor', shape: [1], data_offsets: [0, 4] } }, 4), 'unknown dtype');
    });
    it('numbers with a fraction, an exponent, a leading zero or quotes', async () => {
      for (const number of ['1.0', '1e0', '01', '+1', '"1"', 'null', 'NaN']) {
        await refused(file(`{"a":{"dtype":"F32","shape":[${number}],"data_offsets":[0,4]}}`, 4), 'not the JSON');
      }
    });
    it('a header that does not begin with a brace', () => refused(file(`  {"a":${tensor}}`, 4), 'does not begin with'));
    it('a header that is a list, a number or empty', async () => {
      for (const text of ['[]', '7', '', ' ', 'null']) await refused(file(text, 0), 'does not begin with');
    });
    it('text after the header’s object', () => refused(file(`{"a":${tensor}} {}`, 4), 'not the JSON'));
    it('nesting a hundred thousand levels deep', () =>
      refused(file(`{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`, 0), 'not the JSON'));
    it('bytes that are not UTF-8', () => {
      const bytes = file(`{"a?":${tensor}}`, 4);
      bytes[bytes.indexOf('?')] = 0xff;
      return refused(bytes, 'not UTF-8');
    });
    it('half a surrogate pair as a name', () => refused(file(`{"\\ud800":${tensor}}`, 4), 'half a character'));
    it('a string that never ends, also behind a backslash', async () => {
      await refused(file('{"a', 0), 'damaged string');
      await refused(file('{"a\\', 0), 'damaged string');
    });
    it('a name longer than any model has', () =>
      refused(
        file({ ['x'.repeat(MAX_NAME_LENGTH + 1)]: { dtype: 'F32', shape: [1], data_offsets: [0, 4] } }, 4),
        'characters',
      ));
    it('more tensors than any model has', () => {
      const empty = '{"dtype":"F32","shape":[0],"data_offsets":[0,0]}';
      const entries = Array.from({ length: MAX_TENSORS + 1 }, (_, i) => `"${i}":${empty}`);
      return refused(file(`{${entries.join(',')}}`, 0), `more than ${MAX_TENSORS} tensors`);
    });
    it('names that would reach into Object.prototype are plain names', async () => {
      const hostile = await opened(
        file(`{"__proto__":${tensor},"constructor":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8),
      );
      assert.deepEqual(hostile.names, ['__proto__', 'constructor']);
      assert.deepEqual(hostile.info('__proto__').shape, [1]);
      assert.equal(hostile.has('toString'), false);
      assert.equal(({} as { shape?: unknown }).shape, undefined);
    });
    it('a name that would forge a line of a log is shown on one line', () =>
      refused(file({ 'a\nERROR: all is lost': { dtype: 'F32', shape: [2], data_offsets: [0, 4] } }, 4), '\\n'));
  });

  describe('other formats under a .safetensors name', () => {
    const foreign = (bytes: string | Buffer): Promise<void> =>
      writeFile(path(), Buffer.from(bytes as string, 'latin1'));
    const refusedAs = (code: 'pickle-refused' | 'model-damaged' | 'model-unsupported', ...parts: string[]) =>
      expectLatroError(() => SafetensorsFile.open(path()), code, path(), ...parts);

    for (let protocol = 2; protocol <= 5; protocol++) {
      it(`a pickle of protocol ${protocol}`, async () => {
        await foreign(Buffer.concat([Buffer.of(0x80, protocol), Buffer.from('cos\nsystem\n(S"true"\ntR.')]));
        await refusedAs('pickle-refused');
      });
    }
    it('an archive of torch.save', async () => {
      await foreign('PK\x03\x04\x00\x00\x08\x08\x00\x00model/data.pkl');
      await refusedAs('pickle-refused');
    });
    it('a text pickle of protocol 0', async () => {
      await foreign("cos\nsystem\n(S'true'\ntR.");
      await refusedAs('model-damaged');
    });
    it('a pickle shorter than a header length', async () => {
      await foreign('\x80\x04N.');
      await refusedAs('pickle-refused');
    });
    it('a Git LFS pointer', async () => {
      await foreign('version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n');
      await refusedAs('model-damaged', 'git lfs pull');
    });
    it('a GGUF file', async () => {
      await foreign('GGUF\x03\x00\x00\x00\x00\x00\x00\x00');
      await refusedAs('model-unsupported', 'GGUF');
    });
    it('but not a sound file whose header length happens to spell a pickle’s first bytes', async () => {
      const header = '{}'.padEnd(0x0280);
      assert.deepEqual([...file(header, 0).subarray(0, 2)], [0x80, 0x02]);
      assert.deepEqual((await opened(file(header, 0))).names, []);
    });
  });

  it('accepts nothing that the rules of the reference library refuse', () => {
    const text = fc.constantFrom('F32', 'F16', 'I64', 'a', 'b', '__metadata__', 'dtype', '\\u0061', '😀');
    const integer = fc.constantFrom('0', '1', '2', '4', '8', '16', '9007199254740993', '-1', '1.5', '1e2', '00');
    const list = fc.array(integer, { maxLength: 3 }).map((items) => `[${items.join(',')}]`);
    const field = fc.oneof(
      {
        weight: 8,
        arbitrary: fc.constantFrom(
          '"dtype":"F32"',
          '"dtype":"F16"',
          '"shape":[2]',
          '"shape":[]',
          '"data_offsets":[0,8]',
          '"data_offsets":[0,4]',
          '"data_offsets":[4,8]',
        ),
      },
      fc
        .tuple(
          text,
          fc.oneof(
            list,
            integer,
            text.map((s) => `"${s}"`),
          ),
        )
        .map(([key, value]) => `"${key}":${value}`),
    );
    const tensor = fc.array(field, { maxLength: 4 }).map((fields) => `{${fields.join(',')}}`);
    const sound = fc.constantFrom(
      '{"dtype":"F32","shape":[],"data_offsets":[0,4]}',
      '{"shape":[2],"data_offsets":[0,4],"dtype":"F16"}',
      '{"dtype":"F32","shape":[1],"data_offsets":[4,8]}',
    );
    const header = fc
      .array(fc.tuple(text, fc.oneof({ weight: 4, arbitrary: sound }, tensor, list)), { maxLength: 4 })
      .map((entries) => `{${entries.map(([key, value]) => `"${key}":${value}`).join(',')}}`);
    let accepted = 0;
    fc.assert(
      fc.property(header, fc.constantFrom(0, 4, 8), (json, dataBytes) => {
        try {
          parseHeader(json, dataBytes);
        } catch (error) {
          assert.ok(error instanceof HeaderFault, String(error));
          return;
        }
        accepted++;
        assertReferenceAccepts(json, dataBytes);
      }),
      { numRuns: Number(process.env.LATRO_FUZZ_RUNS ?? 20_000) },
    );
    assert.ok(accepted > 100, `only ${accepted} headers were sound, so the test shows little`);
  });
});

/** `Metadata::validate` and `read_metadata` of the reference, written anew over JSON.parse. */
function assertReferenceAccepts(json: string, dataBytes: number): void {
  const { __metadata__: metadata = {}, ...tensors } = JSON.parse(json) as Record<string, Record<string, unknown>>;
  assert.ok(Object.values(metadata).every((value) => typeof value === 'string'));
  const bytes: Record<string, number> = { F32: 4, F16: 2, I64: 8 };
  const infos = Object.values(tensors) as unknown as {
    dtype: string;
    shape: number[];
    data_offsets: [number, number];
  }[];
  let end = 0;
  for (const { dtype, shape, data_offsets } of infos.sort(
    (a, b) => a.data_offsets[0] - b.data_offsets[0] || a.data_offsets[1] - b.data_offsets[1],
  )) {
    assert.equal(data_offsets[0], end);
    end = data_offsets[1];
    assert.equal(end - data_offsets[0], shape.reduce((a, b) => a * b, 1) * bytes[dtype]!);
  }
  assert.equal(end, dataBytes);
}
