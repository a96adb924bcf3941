import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import * as zlib from 'node:zlib';
import { LatroError } from '../../src/engine/common/errors.ts';
import { equationSteps } from '../../src/engine/datasets/equation_steps.ts';
import { readDataset, requireSoundRows } from '../../src/engine/datasets/read_dataset.ts';
import { FORMATS } from '../../src/engine/datasets/registry.ts';
import { DatasetFormat as FormatId } from '../../src/protocol/run_config_fields.ts';
import { expectLatroError } from '../support/expect_latro_error.ts';
import { requireShared } from '../support/shared_folder.ts';

const FIXTURES = join(import.meta.dirname, '..', 'fixtures', 'datasets');

/** A file system of one file that comes in chunks of `size` bytes. */
function oneFile(content: string | Uint8Array, size = 1 << 16) {
  const bytes = Buffer.from(content);
  return {
    async *readChunks(): AsyncGenerator<Uint8Array> {
      for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
    },
  };
}

describe('datasets: the real files', function () {
  this.timeout(60_000);
  const files: [file: string, format: string, kind: string, count: number, first: string, last: string][] = [
    ['gsm8k/train.jsonl', 'gsm8k', 'number', 7473, '72', '50'],
    ['gsm8k/test.jsonl', 'gsm8k', 'number', 1319, '18', '14'],
    ['arc-challenge/train.jsonl', 'arc-challenge', 'choice', 1119, 'dry palms', 'meter stick'],
    ['arc-challenge/test.jsonl', 'arc-challenge', 'choice', 1172, 'Planetary days will become shorter.', 'the floor'],
    ['svamp/SVAMP.json', 'svamp', 'number', 1000, '51', '11'],
    ['multiarith/MultiArith.json', 'multiarith', 'number', 600, '39', '2'],
    ['last-letters/last_letters.json', 'last-letters', 'exact', 500, 'yajo', 'naae'],
    ['coin-flip/coin_flip.json', 'coin-flip', 'exact', 500, 'yes', 'yes'],
  ];
  for (const [file, format, kind, count, first, last] of files) {
    it(`${file}: ${count} sound rows, found to be ${format}`, async function () {
      const path = requireShared(this, 'datasets', file);
      const dataset = await readDataset(path);
      // One question of GSM8K really holds a zero-width space.
      const warnings = file === 'gsm8k/train.jsonl' ? ['7389 warning hidden-characters'] : [];
      assert.deepEqual(
        dataset.problems.map((problem) => `${problem.line} ${problem.severity} ${problem.code}`),
        warnings,
      );
      assert.equal(dataset.format.id, format);
      assert.equal(dataset.answerKind, kind);
      const rows = requireSoundRows(dataset);
      assert.equal(rows.length, count);
      assert.equal(rows[0]?.answer, first);
      assert.equal(rows.at(-1)?.answer, last);
      assert.deepEqual((await readDataset(path, { format })).rows, rows, 'the named format reads the same');

      // Every row stands where its line says: that line of the file opens the row or holds it whole.
      const lines = readFileSync(path, 'utf8').split('\n');
      for (const row of rows) assert.match(lines[row.line - 1] as string, /^\s*\{/);
      assert.equal(new Set(rows.map((row) => row.line)).size, count);
      if (kind === 'choice') for (const row of rows) assert.ok(row.choices?.includes(row.answer));
      if (kind === 'number')
        for (const row of rows) assert.ok(Number.isFinite(Number(row.answer.replaceAll(',', ''))), row.answer);
    });
  }

  it('equations of MultiArith and SVAMP, worked out step by step, end on the gold answer', async function () {
    // SVAMP: the equation of chal-555 is "8.0", nothing to work out; that of chal-680 contradicts its answer.
    for (const [file, without] of [
      ['multiarith/MultiArith.json', []],
      ['svamp/SVAMP.json', [4434, 5434]],
    ] as const) {
      const { rows } = await readDataset(requireShared(this, 'datasets', file));
      assert.deepEqual(
        rows.filter((row) => row.goldRationale === undefined).map((row) => row.line),
        without,
      );
      for (const row of rows.filter((row) => row.goldRationale !== undefined)) {
        const result = /= (\S+)$/.exec(row.goldRationale ?? '')?.[1];
        assert.ok(
          Math.abs(Number(result) - Number(row.answer)) < 0.01,
          `${basename(file)}:${row.line}: ${row.goldRationale} against ${row.answer}`,
        );
      }
    }
  });

  it('GSM8K rationales hold neither the marker nor, on request, calculator notes', async function () {
    const { rows } = await readDataset(requireShared(this, 'datasets', 'gsm8k/test.jsonl'));
    for (const row of rows) assert.ok(row.goldRationale && !row.goldRationale.includes('####'));
    assert.match(rows[0]?.goldRationale ?? '', /^Janet sells 16 - 3 - 4 = <<16-3-4=9>>9 duck eggs a day\.\nShe makes/);
  });
});

describe('datasets: formats', function () {
  this.timeout(60_000);
  it('the registry knows exactly the formats that latro.json may name', () => {
    assert.deepEqual(
      FORMATS.map((format) => format.id).sort(),
      FormatId.options.filter((id) => id !== 'auto' && id !== 'columns').sort(),
    );
  });

  it('equationSteps follows precedence and brackets, and refuses what is not arithmetic', () => {
    assert.equal(equationSteps('X=((32.0+42.0)-35.0)'), '32 + 42 = 74\n74 - 35 = 39');
    assert.equal(equationSteps('2 + 3 * 4 - 6 / 4'), '3 * 4 = 12\n2 + 12 = 14\n6 / 4 = 1.5\n14 - 1.5 = 12.5');
    assert.equal(equationSteps('10-4-3'), '10 - 4 = 6\n6 - 3 = 3');
    for (const bad of ['', '7', '2+', '(2+3', '2+3)', '2 3', '1/0', 'x*y', '2**3', '()'])
      assert.equal(equationSteps(bad), null, bad);
  });

  it('a JSON document, the same rows as JSONL and any chunking give the same rows', async () => {
    const rows = [
      { question: 'Two apples and three pears: how many?', answer: 5 },
      { question: 'Größe? 漢字 😀', answer: '1,000' },
      { question: 'line\nbreak', answer: -0.5 },
    ];
    const jsonl = `\ufeff${rows.map((row) => JSON.stringify(row)).join('\r\n')}\n\n`;
    const expected = await readDataset('a.jsonl', { fileSystem: oneFile(jsonl) });
    assert.deepEqual(expected.problems, []);
    assert.deepEqual(
      expected.rows.map((row) => [row.line, row.answer]),
      [
        [1, '5'],
        [2, '1,000'],
        [3, '-0.5'],
      ],
    );
    assert.equal(expected.answerKind, 'number');
    for (const size of [1, 2, 3, 7, 64]) {
      assert.deepEqual((await readDataset('a.jsonl', { fileSystem: oneFile(jsonl, size) })).rows, expected.rows);
    }
    const withoutLine = expected.rows.map(({ line: _, ...row }) => row);
    for (const text of [
      JSON.stringify(rows),
      JSON.stringify(rows, null, 2),
      JSON.stringify({ version: [1, 2], examples: rows }),
      jsonl,
    ]) {
      const read = await readDataset('a.json', { fileSystem: oneFile(text) });
      assert.deepEqual(read.problems, []);
      assert.deepEqual(
        read.rows.map(({ line: _, ...row }) => row),
        withoutLine,
        text.slice(0, 40),
      );
    }
  });

  it('a row key belongs to the content: sorting or editing other rows changes nothing, equal rows share one', async () => {
    const lines = [
      '{"question":"a","answer":"1"}',
      '{"answer":"2","question":"b"}',
      '{"question":"a","answer":"1","note":"copy"}',
    ];
    const read = async (text: string[]) =>
      (await readDataset('a.jsonl', { fileSystem: oneFile(text.join('\n')) })).rows.map((row) => row.rowKey);
    const [a, b, c] = (await read(lines)) as [string, string, string];
    assert.equal(a, c);
    assert.notEqual(a, b);
    assert.match(a, /^[0-9a-f]{16}$/);
    assert.deepEqual(
      await read([lines[1] as string, '{"question":"new","answer":"3"}', lines[0] as string]).then((keys) => [
        keys[0],
        keys[2],
      ]),
      [b, a],
    );
  });

  it('columns are mapped by name or path, with choices, rationale and context', async () => {
    const row = {
      meta: { stem: ' Which floats? ' },
      options: ['oil', 'iron'],
      gold: 'B',
      why: 'because',
      passage: 'On water:',
    };
    const mapping = { question: 'meta.stem', answer: 'gold', choices: 'options', rationale: 'why', context: 'passage' };
    const read = async (changed: object) =>
      readDataset('a.jsonl', { mapping, fileSystem: oneFile(JSON.stringify({ ...row, ...changed })) });
    const {
      rows: [mapped],
      format,
      answerKind,
    } = await read({});
    assert.equal(format.id, 'columns');
    assert.equal(answerKind, 'choice');
    assert.deepEqual(
      { ...mapped, rowKey: '' },
      {
        line: 1,
        rowKey: '',
        question: 'Which floats?',
        answer: 'iron',
        choices: ['oil', 'iron'],
        goldRationale: 'because',
        context: 'On water:',
      },
    );
    for (const [gold, answer] of [
      ['oil', 'oil'],
      [0, 'oil'],
      ['1', 'iron'],
    ])
      assert.equal((await read({ gold })).rows[0]?.answer, answer);
    assert.equal((await read({ options: { text: ['x', 'y'], label: ['A', 'B'] } })).rows[0]?.answer, 'y');
    assert.deepEqual((await read({ passage: null })).rows[0]?.context, undefined);
    assert.equal((await read({ gold: 'C' })).problems[0]?.code, 'bad-answer');
    assert.equal((await read({ gold: 7 })).problems[0]?.code, 'bad-answer');
    assert.equal((await read({ options: ['only'] })).problems[0]?.code, 'empty-field');
  });

  it('auto: common column names are enough, and a file without any is refused by naming its columns', async () => {
    const read = async (row: object) => readDataset('a.jsonl', { fileSystem: oneFile(JSON.stringify(row)) });
    const multipleChoice = await read({ question: 'Which?', choices: ['a', 'b', 'c'], answer: 2, subject: 'x' });
    assert.deepEqual([multipleChoice.rows[0]?.answer, multipleChoice.answerKind], ['c', 'choice']);
    assert.equal((await read({ Problem: 'p', Solution: 's' })).rows[0]?.answer, 's');
    await expectLatroError(
      () => read({ foo: 1, '\u202ebar': 2 }),
      'dataset-format',
      '"foo", "\\u202ebar"',
      'column mapping',
    );
    await expectLatroError(() => readDataset('a.jsonl', { format: 'nope' }), 'dataset-format', '"nope"', 'gsm8k');
    await expectLatroError(() => readDataset('a.jsonl', { format: 'columns' }), 'config-invalid', 'mapping');
  });

  it('auto: some bad rows at the beginning do not hide the format', async () => {
    const good = (n: number) => JSON.stringify({ question: `q${n}`, answer: `because\n#### ${n}` });
    const text = ['{"question": "no answer"}', 'not json', good(1), good(2), good(3)].join('\n');
    const dataset = await readDataset('a.jsonl', { fileSystem: oneFile(text) });
    assert.equal(dataset.format.id, 'gsm8k');
    assert.equal(dataset.rows.length, 3);
    assert.deepEqual(
      dataset.problems.map((problem) => [problem.line, problem.code]),
      [
        [1, 'missing-field'],
        [2, 'invalid-json'],
      ],
    );
  });
});

describe('datasets: Parquet', function () {
  this.timeout(60_000);
  it('reads snappy, gzip and plain files into the same formats', async () => {
    const worked = await readDataset(join(FIXTURES, 'worked_snappy.parquet'));
    assert.equal(worked.format.id, 'gsm8k');
    assert.deepEqual(
      worked.rows.map((row) => [row.line, row.answer]),
      [
        [1, '8'],
        [2, '5'],
      ],
    );
    const choices = await readDataset(join(FIXTURES, 'choices_gzip.parquet'));
    assert.equal(choices.format.id, 'arc-challenge');
    assert.deepEqual(
      choices.rows.map((row) => [row.answer, row.choices]),
      [
        ['fire', ['ice', 'fire']],
        ['oil', ['oil', 'iron', 'lead']],
      ],
    );
    const mapping = { question: 'query', answer: 'target', context: 'passage' };
    const mapped = await readDataset(join(FIXTURES, 'columns.parquet'), { mapping });
    assert.deepEqual(
      mapped.rows.map((row) => [row.question, row.answer, row.context]),
      [['What is 6 times 7?', '42', 'Think of a number.']],
    );
    assert.deepEqual(
      mapped.problems.map((problem) => [problem.line, problem.code]),
      [
        [2, 'wrong-type'],
        [3, 'empty-field'],
      ],
    );
  });

  it('says so when a file is damaged or compressed in a way that is not known', async () => {
    const bytes = readFileSync(join(FIXTURES, 'worked_snappy.parquet'));
    for (const length of [4, 20, bytes.length - 1]) {
      await expectLatroError(
        () => readDataset('a.parquet', { fileSystem: oneFile(bytes.subarray(0, length)) }),
        'dataset-format',
        'a.parquet',
        'Parquet',
      );
    }
  });

  it('Zstandard is read where Node inflates it, and else refused with what to do', async () => {
    const read = () =>
      readDataset(join(FIXTURES, 'columns_zstd.parquet'), { mapping: { question: 'query', answer: 'target' } });
    if ('zstdDecompressSync' in zlib) assert.ok((await read()).rows.length > 0);
    else await expectLatroError(read, 'dataset-format', 'compressed by ZSTD', 'Snappy', 'JSONL');
  });
});

describe('datasets: files that cannot be read', function () {
  this.timeout(60_000);
  it('names a missing file, a folder, UTF-16 and a file without rows', async () => {
    await expectLatroError(() => readDataset(join(FIXTURES, 'nothing.jsonl')), 'dataset-not-found', 'nothing.jsonl');
    await expectLatroError(() => readDataset(FIXTURES), 'dataset-not-found', 'folder');
    await expectLatroError(
      () => readDataset('a.jsonl', { fileSystem: oneFile(Buffer.from('\ufeff{"question":"a"}', 'utf16le')) }),
      'dataset-format',
      'UTF-16',
    );
    for (const text of ['', '\n\n']) {
      const empty = await readDataset('a.jsonl', { fileSystem: oneFile(text) });
      assert.deepEqual([empty.rows, empty.problems], [[], []]);
      assert.throws(
        () => requireSoundRows(empty),
        (error) => error instanceof LatroError && error.code === 'dataset-format',
      );
    }
  });

  it('requireSoundRows names file, line and column of the first bad row and counts the others', async () => {
    const text = '{"question":"a","answer":"1"}\n{"question":"b"}\n{"question":"c","answer":""}\n{oops';
    const dataset = await readDataset('data/a.jsonl', { fileSystem: oneFile(text) });
    const error = await expectLatroError(
      () => requireSoundRows(dataset),
      'dataset-row',
      'data/a.jsonl:2:1: The row has no "answer" (2 other rows have errors too).',
    );
    assert.equal(error.nextStep, 'Add "answer", or correct the row.');
    assert.equal(dataset.rows.length, 1);
  });
});
