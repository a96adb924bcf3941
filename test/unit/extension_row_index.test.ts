import assert from 'node:assert/strict';
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { NodeFileSystem } from '../../src/engine/common/file_system.ts';
import { DocumentIndex } from '../../src/extension/inline/document_index.ts';
import { scanFile } from '../../src/extension/inline/scan_file.ts';
import { longestTurn } from '../support/event_loop.ts';
import { eventually } from '../support/eventually.ts';
import { FakeDocument } from '../support/text_document.ts';

const row = (question: string, answer = '1') => JSON.stringify({ question, answer });
const LONGEST_TURN = 50;

async function complete(index: DocumentIndex<FakeDocument>): Promise<void> {
  await eventually(() => index.isComplete);
}

/** Everything an index says. */
function said(index: DocumentIndex<FakeDocument>) {
  const { document, rows } = index;
  const keys = document.lines.map((_, line) => rows.keyAt(line));
  return { keys, problems: index.problems(1000), flawed: rows.flawedLines(1000) };
}

describe('index of a dataset in the editor', () => {
  const line = fc.oneof(
    fc.nat(5).map((n) => row(`question ${n}?`, String(n))),
    fc.constantFrom('', '   ', '{"question": "no answer"}', '{"question": "cut', row('hidden \u200bcharacter?')),
  );

  it('says after any edits what a new index says', async () => {
    const edit = fc.record({
      at: fc.nat(30),
      removed: fc.nat(4),
      lines: fc.array(line, { minLength: 1, maxLength: 5 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(line, { minLength: 1, maxLength: 30 }),
        fc.array(edit, { maxLength: 6 }),
        async (lines, edits) => {
          const document = new FakeDocument('/d/train.jsonl', lines);
          const index = new DocumentIndex(document, () => {});
          await index.readNow();
          for (const { at, removed, lines } of edits) {
            const first = Math.min(at, document.lineCount - 1);
            const last = Math.min(first + removed, document.lineCount - 1);
            index.edited(document.editLines(first, last, lines));
          }
          await index.readNow();
          const fresh = new DocumentIndex(new FakeDocument('/d/train.jsonl', document.lines), () => {});
          await fresh.readNow();
          assert.deepEqual(said(index), said(fresh));
          for (const each of [index, fresh]) each.dispose();
        },
      ),
      { numRuns: 25 },
    );
  });

  it('reads only what an edit touched', async () => {
    const lines = Array.from({ length: 500 }, (_, n) => row(`question ${n}?`));
    const document = new FakeDocument('/d/train.jsonl', lines);
    const index = new DocumentIndex(document, () => {});
    await complete(index);
    const reads: string[] = [];
    document.reads = reads;
    const fresh = [row('a?'), row('b?'), row('c?')];
    index.edited(document.editLines(300, 301, fresh));
    await complete(index);
    const read = [...new Set(reads)].filter((text) => !lines.slice(0, 40).includes(text));
    assert.deepEqual(read.sort(), fresh.sort(), 'besides the lines that decide the format');
    assert.equal(index.rows.keyAt(499 + 1) === undefined, false);
    index.dispose();
  });

  it('follows a JSON document through edits, and lets go of one that is no dataset', async () => {
    const rows = [{ question: 'a?', answer: '1' }, { question: 'b?' }];
    const pretty = JSON.stringify(rows, null, 2).split('\n');
    const document = new FakeDocument('/d/rows.json', pretty);
    const index = new DocumentIndex(document, () => {});
    await complete(index);
    const [problem] = index.problemsIn({ line: 0, character: 0 }, { line: pretty.length, character: 0 });
    assert.equal(problem?.code, 'missing-field');
    assert.equal(pretty[problem.line - 1], '  {');
    assert.equal(index.rows.find(new Set([index.rows.keyAt(1) ?? ''])).size, 1);
    index.edited(document.editLines(0, pretty.length - 1, ['{"name": "x"}']));
    await complete(index);
    assert.equal(index.format, undefined);
    assert.deepEqual(index.problems(10), { problems: [], rowsLeft: 0 });
    index.dispose();
  });

  it('lists the first problems of a file that is full of them, and counts the rest', async () => {
    const sound = Array.from({ length: 30 }, (_, n) => row(`question ${n}?`));
    const document = new FakeDocument('/d/train.jsonl', [
      ...sound,
      ...Array.from({ length: 2000 }, () => '{"question":"?"}'),
    ]);
    const index = new DocumentIndex(document, () => {});
    await complete(index);
    const { problems, rowsLeft } = index.problems(500);
    assert.deepEqual([problems.length, problems[0]?.line, rowsLeft], [500, 31, 1500]);
    index.dispose();
  });

  it('reads and edits a document of 40 MB without holding the event loop for 50 ms', async function () {
    this.timeout(120_000);
    const filler = 'word '.repeat(20);
    const lines = Array.from({ length: 300_000 }, (_, n) => row(`${filler}${n}?`));
    const document = new FakeDocument('/d/train.jsonl', lines);
    const index = new DocumentIndex(document, () => {});
    const { longest } = await longestTurn(() => complete(index));
    const changes = document.editLines(1000, 1000, [row('new?'), row('newer?')]);
    const edit = await longestTurn(async () => {
      index.edited(changes);
      await complete(index);
    });
    console.log(`      read: ${longest.toFixed(1)} ms at the longest, edit: ${edit.longest.toFixed(1)} ms`);
    assert.ok(longest < LONGEST_TURN && edit.longest < LONGEST_TURN);
    assert.equal(index.rows.find(new Set([index.rows.keyAt(300_000) ?? ''])).size, 1);
    index.dispose();
  });
});

describe('datasets too large for the editor', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'latro-'));
  });
  after(() => rm(folder, { recursive: true }));

  it('leaves files alone that are no datasets, and stops when asked', async () => {
    const file = path.join(folder, 'log.jsonl');
    const files = new NodeFileSystem();
    const write = async (text: string) => {
      const stream = createWriteStream(file);
      await new Promise<void>((resolve) => stream.end(text, resolve));
    };
    await write('{"level": "info"}\n'.repeat(1000));
    assert.equal(await scanFile(files, file, () => assert.fail('a row')), false);
    await write(`${row('a?')}\n`.repeat(10));
    let rows = 0;
    assert.equal(await scanFile(files, file, () => rows++), true);
    assert.equal(rows, 10);
    await write(`${row('a?')}\n`.repeat(1000));
    const controller = new AbortController();
    assert.equal(await scanFile(files, file, () => controller.abort(), controller.signal), false);
  });
});
