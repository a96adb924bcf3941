import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import * as v from 'valibot';
import { LatroError } from '../../src/engine/common/errors.ts';
import { atomicWrite, errorCode, NodeFileSystem } from '../../src/engine/common/file_system.ts';
import { finiteJson, JsonLinesWriter, readJsonLines } from '../../src/engine/common/json_lines.ts';
import { RandomStream } from '../../src/engine/common/random.ts';
import { FaultyFileSystem, failEveryCall } from '../support/faulty_file_system.ts';
import { PowerLossFileSystem } from '../support/power_loss_file_system.ts';

const Row = v.strictObject({ n: v.number(), text: v.string() });
const parseRow = v.parser(Row);
const EVERY_KIND = [{ kind: 'crash' }, { kind: 'error', code: 'ENOSPC' }, { kind: 'error', code: 'EIO' }] as const;
const node = new NodeFileSystem();
const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

describe('files that survive', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'latro-files-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  describe('atomicWrite', () => {
    it('leaves the previous bytes or the new ones when any call fails', async () => {
      let world = 0;
      const failed = await failEveryCall(
        EVERY_KIND,
        async () => {
          const path = join(folder, `${++world}`, 'run.json');
          await node.makeDirectory(join(folder, `${world}`));
          await atomicWrite(node, path, 'previous');
          return { world: path, files: node };
        },
        (path, files) => atomicWrite(files, path, 'the new one'),
        async (path, error) => {
          assert(error !== undefined, 'a failed write may not pass for a done one');
          assert(['previous', 'the new one'].includes(decode(await node.read(path))));
          await atomicWrite(node, path, 'third');
          assert.equal(decode(await node.read(path)), 'third');
          assert.deepEqual(await readdir(join(path, '..')), ['run.json']);
        },
      );
      assert(failed >= 3 * 6, `only ${failed} calls failed`);
    });

    it('leaves the previous bytes or the new ones when the power goes at any call', async () => {
      const random = new RandomStream(7);
      for (let trial = 0; trial < 60; trial++) {
        for (let at = 1; ; at++) {
          const disk = new PowerLossFileSystem();
          await disk.makeDirectory('/run');
          await disk.flushDirectory('/');
          await atomicWrite(disk, '/run/run.json', 'previous');
          const faulty = new FaultyFileSystem(disk, { at, kind: 'crash' });
          const done = await atomicWrite(faulty, '/run/run.json', 'the new one').then(
            () => true,
            () => false,
          );
          disk.losePower(() => random.next());
          const left = decode(await disk.read('/run/run.json'));
          if (done) assert.equal(left, 'the new one', 'what was reported as written is there');
          else assert(['previous', 'the new one'].includes(left), `after call ${at}: ${JSON.stringify(left)}`);
          if (!faulty.struck) break;
        }
      }
    });

    it('says in one sentence that the disk is full', async () => {
      const full = new FaultyFileSystem(node, { at: 2, kind: 'error', code: 'ENOSPC' });
      const error = await atomicWrite(full, join(folder, 'a'), 'text').catch((thrown) => thrown);
      assert(error instanceof LatroError);
      assert.equal(error.code, 'disk-full');
      assert.equal(errorCode(error), 'ENOSPC');
    });
  });

  describe('JSON lines', () => {
    const rows = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, i) => ({ n: from + i, text: `λ${'é'.repeat(from + i)}` }));

    it('reads back what was appended, from any line on', async () => {
      const path = join(folder, 'rows.jsonl');
      const writer = await JsonLinesWriter.open(node, path, parseRow);
      for (const row of rows(0, 3)) await writer.append(row);
      const middle = writer.bytes;
      await Promise.all(rows(3, 9).map((row) => writer.append(row)));
      await writer.flush();
      await writer.close();
      assert.deepEqual((await readJsonLines(node, path, parseRow)).records, rows(0, 9));
      assert.deepEqual(await readJsonLines(node, path, parseRow, middle), { records: rows(3, 9), end: writer.bytes });
      assert.deepEqual((await readJsonLines(node, join(folder, 'none.jsonl'), parseRow)).records, []);
    });

    it('after any truncation reads a prefix and appends to it', async () => {
      const path = join(folder, 'rows.jsonl');
      const text = rows(0, 4).map((row) => `${JSON.stringify(row)}\n`);
      const bytes = new TextEncoder().encode(text.join(''));
      for (let length = 0; length <= bytes.length; length++) {
        await writeFile(path, bytes.subarray(0, length));
        const { records, end } = await readJsonLines(node, path, parseRow);
        assert.deepEqual(records, rows(0, records.length));
        assert(end <= length && length - end < new TextEncoder().encode(text[records.length] ?? ' ').length);
        const writer = await JsonLinesWriter.open(node, path, parseRow);
        await writer.append({ n: 99, text: 'next' });
        await writer.close();
        assert.deepEqual((await readJsonLines(node, path, parseRow)).records, [...records, { n: 99, text: 'next' }]);
      }
    });

    it('keeps every acknowledged line, and no part of another, when any call fails', async () => {
      let world = 0;
      let acknowledged = 0;
      const failed = await failEveryCall(
        EVERY_KIND,
        async () => {
          acknowledged = 0;
          return { world: join(folder, `${++world}.jsonl`), files: node };
        },
        async (path, files) => {
          const writer = await JsonLinesWriter.open(files, path, parseRow);
          try {
            for (const row of rows(0, 4)) {
              await writer.append(row);
              acknowledged++;
            }
            await writer.flush();
          } finally {
            await writer.close().catch(() => {});
          }
        },
        async (path) => {
          assert.deepEqual((await readJsonLines(node, path, parseRow)).records, rows(0, acknowledged));
          const writer = await JsonLinesWriter.open(node, path, parseRow);
          await writer.append({ n: 99, text: 'next' });
          await writer.close();
          assert.deepEqual((await readJsonLines(node, path, parseRow)).records, [
            ...rows(0, acknowledged),
            { n: 99, text: 'next' },
          ]);
        },
      );
      assert(failed >= 3 * 6);
    });

    it('goes on after a write that failed half-way, without a half line between', async () => {
      const path = join(folder, 'rows.jsonl');
      const faulty = new FaultyFileSystem(node, { at: 3, kind: 'error', code: 'ENOSPC' });
      const writer = await JsonLinesWriter.open(faulty, path, parseRow);
      await writer.append({ n: 0, text: 'a' });
      await assert.rejects(writer.append({ n: 1, text: 'does not fit' }), { code: 'disk-full' });
      await writer.append({ n: 2, text: 'c' });
      await writer.close();
      assert.deepEqual(
        (await readJsonLines(node, path, parseRow)).records.map((row) => row.n),
        [0, 2],
      );
    });

    it('keeps flushed lines through a power cut', async () => {
      const random = new RandomStream(11);
      for (let trial = 0; trial < 300; trial++) {
        const disk = new PowerLossFileSystem();
        const writer = await JsonLinesWriter.open(disk, '/rows.jsonl', parseRow);
        await disk.flushDirectory('/');
        for (const row of rows(0, 2)) await writer.append(row);
        await writer.flush();
        await writer.append({ n: 2, text: 'not flushed' });
        disk.losePower(() => random.next());
        const { records } = await readJsonLines(disk, '/rows.jsonl', parseRow);
        assert.deepEqual(records.slice(0, 2), rows(0, 2));
        assert(records.length <= 3);
      }
    });

    it('names the file and line of a record that is not one', async () => {
      const path = join(folder, 'rows.jsonl');
      for (const wrong of ['{"n":1', '{"n":"1","text":""}', '']) {
        await writeFile(path, `{"n":0,"text":""}\n${wrong}\n{"n":2,"text":""}\n`);
        await assert.rejects(readJsonLines(node, path, parseRow), (error: LatroError) => {
          assert.equal(error.code, 'run-damaged');
          assert.match(error.reason, /rows\.jsonl, line 2/);
          return true;
        });
      }
    });

    it('refuses numbers that JSON would turn into null', async () => {
      const wrong = fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY);
      fc.assert(
        fc.property(fc.array(fc.double({ noNaN: true, noDefaultInfinity: true })), wrong, (numbers, bad) => {
          assert.deepEqual(JSON.parse(finiteJson({ numbers })), JSON.parse(JSON.stringify({ numbers })));
          assert.throws(() => finiteJson({ reward: [...numbers, bad] }), { code: 'non-finite' });
          assert.throws(() => finiteJson({ deep: [{ reward: bad }] }), /"reward"/);
        }),
      );
    });
  });
});
