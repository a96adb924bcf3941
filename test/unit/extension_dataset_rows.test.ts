import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import {
  type DatasetText,
  findRow,
  formatOf,
  LARGEST_JSON,
  rowAtLine,
} from '../../src/extension/dataset/dataset_rows.ts';
import { jsonLines } from '../../src/extension/dataset/json_lines.ts';
import { convert } from '../../src/extension/dataset/json_lines_worker.ts';

/** A document as the editor has it. */
function documentOf(fileName: string, text: string): DatasetText {
  const lines = text.split('\n');
  return {
    fileName,
    version: 1,
    lineCount: lines.length,
    lineAt: (line) => ({ text: lines[line] ?? '' }),
    getText: () => text,
  };
}

const row = (question: string, answer = '1') => JSON.stringify({ question, answer });

describe('rows of a dataset in the editor', () => {
  it('knows the row of a line, its own text, and lines that are none', () => {
    const text = documentOf(
      '/d/train.jsonl',
      [row('first?'), '', row('third?', '3'), '{"question":"no answer"}'].join('\n'),
    );
    const third = rowAtLine(text, 2);
    assert.ok(third.kind === 'row');
    assert.deepEqual([third.row.question, third.row.answer, third.row.line], ['third?', '3', 3]);
    assert.equal(third.text, row('third?', '3'));
    assert.equal(rowAtLine(text, 1).kind, 'no-row');
    assert.equal(rowAtLine(text, 3).kind, 'bad-row');
  });

  it('finds rows that span lines in a .json file', () => {
    const pretty = JSON.stringify(
      [
        { question: 'a?', answer: '1' },
        { question: 'b?', answer: '2' },
      ],
      null,
      2,
    );
    const text = documentOf('/d/rows.json', pretty);
    const lines = pretty.split('\n');
    const inSecond = lines.findIndex((line) => line.includes('b?'));
    for (const line of [inSecond - 1, inSecond, inSecond + 1]) {
      const found = rowAtLine(text, line);
      assert.ok(found.kind === 'row' && found.row.question === 'b?', `line ${line}`);
    }
    assert.equal(rowAtLine(text, 0).kind, 'no-row');
  });

  it('takes no other JSON file for a dataset', () => {
    for (const other of ['{"name": "x", "version": "1"}', '[1, 2]', '{"files": [{"path": "a"}]}', '', '{']) {
      assert.equal(formatOf(documentOf('/d/package.json', other)), undefined, other);
      assert.equal(rowAtLine(documentOf('/d/package.json', other), 0).kind, 'no-dataset');
    }
  });

  it('finds a row by its content wherever sorting and deleting have put it', async () => {
    const questions = fc.uniqueArray(
      fc.string({ minLength: 1 }).map((text) => `q ${text}?`),
      { minLength: 1, maxLength: 12 },
    );
    await fc.assert(
      fc.asyncProperty(questions, fc.nat(), fc.nat(), async (all, which, shift) => {
        const before = documentOf('/d/t.jsonl', all.map((question) => row(question)).join('\n'));
        const target = which % all.length;
        const found = rowAtLine(before, target);
        assert.ok(found.kind === 'row');
        const { rowKey } = found.row;
        const moved = [...all.slice(shift % all.length), ...all.slice(0, shift % all.length)];
        const after = documentOf('/d/t.jsonl', moved.map((question) => row(question)).join('\n'));
        assert.deepEqual(await findRow(after, rowKey, target), { line: moved.indexOf(all[target]!), character: 0 });
        const without = documentOf(
          '/d/t.jsonl',
          moved
            .filter((each) => each !== all[target])
            .map((q) => row(q))
            .join('\n'),
        );
        assert.equal(await findRow(without, rowKey, target), undefined);
      }),
      { numRuns: 60 },
    );
  });

  it('looks at a line of a million-row file within a few milliseconds', () => {
    const line = row('a question that is asked a million times?');
    const text: DatasetText = {
      ...documentOf('/d/huge.jsonl', line),
      lineCount: 1_000_000,
      lineAt: () => ({ text: line }),
      getText: () => assert.fail('the whole file must not be read'),
    };
    rowAtLine(text, 1); // compiled
    const started = performance.now();
    assert.equal(rowAtLine(text, 999_999).kind, 'row');
    assert.ok(performance.now() - started < 50);
  });

  it('knows a JSON dataset of more than 4 MB by its beginning, without putting it together', () => {
    const rows = Array.from({ length: 60_000 }, (_, n) => `  ${row(`${'word '.repeat(12)}${n}?`)}`).join(',\n');
    const look = (text: string, name = '/d/t.json') => {
      const large = { ...documentOf(name, text), getText: () => assert.fail('the whole file must not be read') };
      return { format: formatOf(large)?.id, at: rowAtLine(large, 1).kind };
    };
    assert.ok(rows.length > LARGEST_JSON);
    assert.deepEqual(look(`[\n${rows}\n]`), { format: 'starter', at: 'too-large' });
    assert.deepEqual(look(`[${rows.replaceAll('\n', ' ')}]`), { format: 'starter', at: 'too-large' });
    assert.equal(look(`{"version": 2,\n"lines": ["${'x'.repeat(LARGEST_JSON)}"]}`).at, 'no-dataset');
    assert.equal(
      rowAtLine(documentOf('/d/t.json', `[\n${rows.slice(0, 1000).split(',\n').slice(0, -1).join(',\n')}\n]`), 1).kind,
      'row',
    );
  });
});

describe('JSON as JSON Lines', () => {
  it('keeps every row, each on a line of its own, and says no less of broken ones', () => {
    const value = fc.oneof(fc.string(), fc.integer(), fc.array(fc.string(), { maxLength: 3 }));
    const rows = fc.array(fc.dictionary(fc.string(), value), { maxLength: 8 });
    fc.assert(
      fc.property(rows, fc.nat(3), fc.boolean(), (all, indent, wrapped) => {
        const text = JSON.stringify(wrapped ? { name: 'x', rows: all } : all, null, indent);
        const { lines: each, broken } = jsonLines(text);
        const lines = [...each];
        assert.equal(broken, undefined);
        assert.ok(lines.every((line) => !/[\r\n]/.test(line)));
        assert.deepEqual(
          lines.map((line) => JSON.parse(line)),
          JSON.parse(JSON.stringify(all)),
        );
      }),
    );
    assert.deepEqual(
      [...jsonLines('\ufeff[\n  {"question": "a",\n   answer: 1},\n  {"question": "b"}\n]').lines],
      ['{"question": "a", answer: 1}', '{"question":"b"}'],
    );
  });

  describe('in a file', () => {
    let folder: string;
    const from = () => path.join(folder, 'rows.json');
    const to = () => path.join(folder, 'rows.jsonl');

    beforeEach(() => {
      folder = mkdtempSync(path.join(tmpdir(), 'latro-rows-'));
    });
    afterEach(() => rmSync(folder, { recursive: true }));

    it('become one line each', () => {
      writeFileSync(from(), '[{"question": "ä"},\n {"question": "b"}]');
      assert.deepEqual(convert({ from: from(), to: to() }), { kind: 'converted' });
      assert.equal(readFileSync(to(), 'utf8'), '{"question":"ä"}\n{"question":"b"}\n');
    });

    it('are all refused where some would be lost', () => {
      const row = '{"question": "a"}';
      const cases: [string | Buffer, object][] = [
        [`[${row},\n${row}\n${row}]`, { kind: 'broken', line: 3, message: 'A comma is missing between two rows.' }],
        [`[${row},,${row}]`, { kind: 'broken', line: 1, message: 'A row is missing between two commas.' }],
        [Buffer.from(`[{"question": "\xe4"}]`, 'latin1'), { kind: 'not-utf8' }],
        ['[]', { kind: 'no-rows' }],
      ];
      for (const [content, result] of cases) {
        writeFileSync(from(), content);
        assert.deepEqual(convert({ from: from(), to: to() }), result);
        assert.deepEqual(readdirSync(folder), ['rows.json']);
      }
    });
  });
});
