import assert from 'node:assert/strict';
import fc from 'fast-check';
import { columnsFormat } from '../../src/engine/datasets/formats/columns.ts';
import { readDataset } from '../../src/engine/datasets/read_dataset.ts';
import { FORMATS, formatById } from '../../src/engine/datasets/registry.ts';
import type { RowFix, RowProblem } from '../../src/engine/datasets/row.ts';
import { checkRow, LONGEST_ROW } from '../../src/engine/datasets/row_check.ts';

const plain = formatById('starter');

function onlyProblem(text: string, format = plain): RowProblem {
  const { row, problems } = checkRow(text, 7, format);
  assert.equal(problems.length, 1, JSON.stringify(problems));
  const [problem] = problems as [RowProblem];
  assert.equal(row === undefined, problem.severity === 'error');
  assert.equal(problem.line, 7);
  assert.ok(problem.column >= 1 && problem.endColumn >= problem.column && problem.endColumn <= text.length + 2);
  assert.match(problem.message, /\.$/);
  return problem;
}

/** The text under the problem. */
const under = (text: string, problem: RowProblem): string => text.slice(problem.column - 1, problem.endColumn - 1);

/** Applies a fix to the text of a whole file. */
function applyFix(text: string, { range, newText }: RowFix): string {
  const lines = text.split('\n');
  const offset = (line: number, column: number): number =>
    lines.slice(0, line - 1).reduce((sum, l) => sum + l.length + 1, 0) + column - 1;
  return text.slice(0, offset(range.line, range.column)) + newText + text.slice(offset(range.endLine, range.endColumn));
}

async function readText(text: string, name = 'a.jsonl', format = 'starter') {
  const fileSystem = {
    async *readChunks() {
      yield Buffer.from(text);
    },
  };
  return readDataset(name, { format, fileSystem });
}

describe('datasets: what is wrong with a row, where, and its fix', function () {
  this.timeout(60_000);
  const bad: [text: string, code: string, under: string, fix: string][] = [
    ['{"question": "a"}', 'missing-field', '{', 'Add "answer"'],
    ['{}', 'missing-field', '{', 'Add "question"'],
    ['{"question": "a", "answr": "5"}', 'missing-field', '{', 'Rename the column to "answer"'],
    ['{"question": "a", "Answer": "5"}', 'missing-field', '{', 'Rename the column to "answer"'],
    ['{"question": "a", "asnwer": "5"}', 'missing-field', '{', 'Rename the column to "answer"'],
    ['{"question": "", "answer": "5"}', 'empty-field', '""', 'Delete the row'],
    ['{"question": "a", "answer": "  "}', 'empty-field', '"  "', 'Delete the row'],
    ['{"question": 5, "answer": "5"}', 'wrong-type', '5', ''],
    ['{"question": "a", "answer": null}', 'wrong-type', 'null', ''],
    ['{"question": "a", "answer": ["5"]}', 'wrong-type', '["5"]', ''],
    ['["question", "answer"]', 'not-an-object', '["question", "answer"]', 'Delete the row'],
    ['"question"', 'not-an-object', '"question"', 'Delete the row'],
    ['42', 'not-an-object', '42', 'Delete the row'],
    ['{"question": "a", "answer": "5",}', 'invalid-json', ',', 'Remove the comma'],
    ['{"question": "a", "answer": "5"},', 'invalid-json', ',', 'Remove the comma after the row'],
    ['{"question": "a" "answer": "5"}', 'invalid-json', '"', 'Insert ","'],
    ['{"question": "a", "answer" "5"}', 'invalid-json', '"', 'Insert ":"'],
    ['{"question": \'it\\\'s\', "answer": 5}', 'invalid-json', "'it\\'s'", 'Use double quotes'],
    ['{question: "a", "answer": "5"}', 'invalid-json', 'question', 'Put the name in double quotes'],
    ['{"question": "a", "answer": five}', 'invalid-json', 'five', 'Put it in double quotes'],
    ['{"question": "a", "answer": True}', 'invalid-json', 'True', 'Write it as true'],
    ['{"question": "a", "answer": NaN}', 'invalid-json', 'NaN', 'Put it in double quotes'],
    ['{"question": "a", "answer": 05}', 'invalid-json', '05', 'Put it in double quotes'],
    ['{"question": "a\tb", "answer": "5"}', 'invalid-json', '\t', 'Write the character as \\t'],
    ['{"question": "C:\\data", "answer": "5"}', 'invalid-json', '\\d', 'Write the backslash as "\\\\"'],
    ['{"question": "a", "answer": "5"', 'invalid-json', '', 'Append "}"'],
    ['{"question": "a", "answer": "5', 'invalid-json', '"5', 'Close the text'],
    ['{"question": "a", "answer": }', 'invalid-json', '}', 'Delete the row'],
    ['just words', 'invalid-json', 'just', 'Put it in double quotes'],
    [
      '{"question": "a", "answer": "5"} {"question": "b", "answer": "6"}',
      'invalid-json',
      '{"question": "b", "answer": "6"}',
      'Delete the row',
    ],
  ];
  for (const [text, code, part, fix] of bad) {
    it(`${text}: ${code}, ${fix || 'no fix'}`, async () => {
      const problem = checkRow(text, 7, plain).problems[0] as RowProblem;
      assert.equal(problem.code, code);
      assert.equal(under(text, problem), part);
      assert.equal(problem.fix?.title ?? '', fix);
    });
  }

  it('a row with two problems reports both', () => {
    assert.deepEqual(
      checkRow('{"question": 3}', 1, plain).problems.map((problem) => problem.code),
      ['wrong-type', 'missing-field'],
    );
  });

  it('repeating the offered fixes ends in a file without errors, whatever was wrong', async () => {
    for (const [text] of bad) {
      let file = `{"question": "before", "answer": "1"}\n${text}\n{"question": "after", "answer": "2"}\n`;
      for (let round = 0; round < 12; round++) {
        const fix = (await readText(file)).problems.find((problem) => problem.fix)?.fix;
        if (!fix) break;
        const mended = applyFix(file, fix);
        assert.notEqual(mended, file, 'a fix changes something');
        file = mended;
      }
      const { rows, problems } = await readText(file);
      // Only a value of the wrong type is left to its author.
      assert.ok(
        problems.every((problem) => problem.code === 'wrong-type'),
        `${text} became ${file}`,
      );
      assert.deepEqual([rows[0]?.question, rows.at(-1)?.question], ['before', 'after']);
    }
  });

  it('in a JSON array, fixes delete whole rows wherever they stand, with the right comma', async () => {
    const good = (name: string) => `{\n    "question": "${name}",\n    "answer": "1"\n  }`;
    const hopeless = '{\n    "question": "",\n    "answer": "1"\n  }';
    for (const rows of [
      [hopeless, good('a'), good('b')],
      [good('a'), hopeless, good('b')],
      [good('a'), good('b'), hopeless],
      [hopeless],
      [hopeless, hopeless, good('a')],
    ]) {
      let file = `[\n  ${rows.join(',\n  ')}\n]\n`;
      const first = await readText(file, 'a.json');
      const index = rows.indexOf(hopeless);
      assert.equal(first.problems[0]?.line, 2 + 4 * index + 1);
      assert.equal(first.problems[0]?.column, 17);
      for (let fix = first.problems[0]?.fix; fix; fix = (await readText(file, 'a.json')).problems[0]?.fix)
        file = applyFix(file, fix);
      assert.deepEqual(
        (JSON.parse(file) as { question: string }[]).map((row) => row.question),
        rows.filter((row) => row !== hopeless).map((row) => /"([ab])"/.exec(row)?.[1]),
      );
    }
  });

  it('a malformed row in a JSON array does not hide the others', async () => {
    const file =
      '[\n{"question": "a", "answer": 1},\n{"question": "b, "answer": 2},\n{"question": "c" "answer": 3},\n{"question": "d", "answer": 4}\n]';
    const { rows, problems } = await readText(file, 'a.json');
    assert.deepEqual(
      rows.map((row) => [row.line, row.answer]),
      [
        [2, '1'],
        [5, '4'],
      ],
    );
    assert.deepEqual(
      problems.map((problem) => [problem.line, problem.code]),
      [
        [3, 'invalid-json'],
        [4, 'invalid-json'],
      ],
    );
  });

  it('a JSON document that is broken itself is named by line, and what stood before is kept', async () => {
    const row = (n: number) => `{"question": "q${n}", "answer": ${n}}`;
    const broken: [text: string, line: number, rows: number][] = [
      [`[\n${row(1)}\n${row(2)}]`, 3, 1],
      [`[\n${row(1)},\n]`, 3, 1],
      [`[\n${row(1)},\n${row(2)}\n`, 4, 2],
      [`[\n,${row(1)}]`, 2, 0],
      ['{"version": 1,\n "note": "[{"}', 1, 0],
      ['words', 1, 0],
    ];
    for (const [text, line, count] of broken) {
      const { rows, problems } = await readText(text, 'a.json');
      assert.deepEqual(
        [rows.length, problems.at(-1)?.line, problems.at(-1)?.code],
        [count, line, 'invalid-json'],
        text,
      );
    }
  });

  it('format-specific answers are checked: GSM8K without "####", an ARC key that is no label', () => {
    const gsm8k = onlyProblem('{"question": "a", "answer": "It is 5."}', formatById('gsm8k'));
    assert.deepEqual([gsm8k.code, gsm8k.column], ['bad-answer', 29]);
    const arc = onlyProblem(
      '{"question": "a", "choices": {"text": ["x", "y"], "label": ["A", "B"]}, "answerKey": "C"}',
      formatById('arc-challenge'),
    );
    assert.deepEqual([arc.code, arc.message], ['bad-answer', '"answerKey" must be one of the labels A, B.']);
    const nested = onlyProblem('{"q": {"text": " "}, "a": 1}', columnsFormat({ question: 'q.text', answer: 'a' }));
    assert.deepEqual([nested.code, nested.column, nested.message], ['empty-field', 16, '"q.text" is empty.']);
  });
});

describe('datasets: hostile rows', function () {
  this.timeout(60_000);
  it('"__proto__" and "constructor" are plain columns that change nothing else', () => {
    const row = '{"__proto__": {"question": "hidden", "answer": "1"}, "constructor": {"prototype": {"answer": "1"}}}';
    assert.deepEqual(
      checkRow(row, 1, plain).problems.map((problem) => problem.code),
      ['missing-field', 'missing-field'],
    );
    assert.equal(({} as { question?: string }).question, undefined);
    const mapped = checkRow('{"__proto__": "q", "a": 1}', 1, columnsFormat({ question: '__proto__', answer: 'a' }));
    assert.equal(mapped.row?.question, 'q');
    assert.equal(
      checkRow('{"a": 1}', 1, columnsFormat({ question: 'constructor.name', answer: 'a' })).problems[0]?.code,
      'missing-field',
    );
  });

  it('deep nesting neither exhausts the stack nor hides a sound row', () => {
    const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
    assert.equal(checkRow(deep, 1, plain).problems[0]?.code, 'not-an-object');
    assert.equal(checkRow(`{"question": "a", "answer": "1", "extra": ${deep}}`, 1, plain).row?.answer, '1');
    assert.equal(checkRow(`{"question": "a", "answer": ${deep}}`, 1, plain).problems[0]?.code, 'wrong-type');
    assert.match(checkRow('['.repeat(200_000), 1, plain).problems[0]?.message ?? '', /nested more than 64/);
  });

  it('a line of 100 MB is named without being kept in memory', async () => {
    const piece = Buffer.alloc(1 << 20, 'x');
    const fileSystem = {
      async *readChunks() {
        yield Buffer.from('{"question": "a", "answer": "1"}\n{"question": "');
        for (let i = 0; i < 100; i++) yield piece;
        yield Buffer.from('", "answer": "2"}\n{"question": "c", "answer": "3"}');
      },
    };
    const before = process.memoryUsage().rss;
    const { rows, problems } = await readDataset('a.jsonl', { fileSystem });
    assert.ok(process.memoryUsage().rss - before < 80 * 2 ** 20);
    assert.deepEqual(
      rows.map((row) => row.line),
      [1, 3],
    );
    assert.deepEqual(
      problems.map((problem) => [problem.line, problem.code, problem.fix?.kind]),
      [[2, 'row-too-long', 'delete-row']],
    );
    assert.equal(
      checkRow(`{"question": "${'x'.repeat(LONGEST_ROW)}", "answer": 1}`, 1, plain).problems[0]?.code,
      'row-too-long',
    );
  });

  it('bytes that are not UTF-8 are named, not replaced in silence', async () => {
    const fileSystem = (bytes: Buffer) => ({
      async *readChunks() {
        yield bytes;
      },
    });
    const line = Buffer.concat([
      Buffer.from('{"question": "caf'),
      Buffer.from([0xe9]),
      Buffer.from('", "answer": "1"}'),
    ]);
    const jsonl = await readDataset('a.jsonl', { fileSystem: fileSystem(Buffer.concat([Buffer.from('\n'), line])) });
    assert.deepEqual(
      jsonl.problems.map((p) => [p.line, p.column, p.code]),
      [[2, 18, 'invalid-utf8']],
    );
    const json = await readDataset('a.json', {
      fileSystem: fileSystem(Buffer.concat([Buffer.from('[\n'), line, Buffer.from(']')])),
    });
    assert.deepEqual(
      json.problems.map((p) => [p.line, p.column, p.code]),
      [[2, 18, 'invalid-utf8']],
    );
    // A replacement character that is really in the text is no error.
    assert.equal((await readText('{"question": "\ufffd", "answer": "1"}')).rows.length, 1);
  });

  it('text that reads otherwise than it is gets a warning; its fix leaves everything else as it was', () => {
    const text = '{"question": "Is \u202e5 == 6? \\u200B\\\\u202e\\n", "answer": "no\\u0007"}';
    const problem = onlyProblem(text);
    assert.deepEqual([problem.severity, problem.code], ['warning', 'hidden-characters']);
    assert.match(problem.message, /U\+202E, U\+200B, U\+0007|U\+202E/);
    const mended = applyFix(`\n\n\n\n\n\n${text}`, problem.fix as RowFix).trimStart();
    assert.equal(mended, '{"question": "Is 5 == 6? \\\\u202e\\n", "answer": "no"}');
    assert.deepEqual(checkRow(mended, 7, plain).problems, []);
    for (const fine of ['👩‍👩‍👧', 'می‌خواهم', 'tab\\tbreak\\n', 'é漢']) {
      assert.deepEqual(checkRow(`{"question": "${fine}", "answer": "1"}`, 1, plain).problems, [], fine);
    }
  });

  it('messages never carry raw control or direction characters from the data', () => {
    const { problems } = checkRow(
      '{"a\u202e": 1}',
      1,
      columnsFormat({ question: 'q\u202e\u001b[31m', answer: 'a\u202e' }),
    );
    assert.equal(problems.length, 1);
    assert.match(problems[0]?.message ?? '', /^The row has no "q\\u202e\\u001b\[31m"\.$/);
  });

  it('any text at all is either a row or has an error, in every format, and never throws', () => {
    const fragments = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      '"',
      "'",
      ':',
      ',',
      '\\',
      '\\u00',
      'question',
      '"answer"',
      '1e9',
      '-',
      'null',
      'True',
      ' ',
      '\t',
      '\ud800',
      '####',
    );
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.json(),
      fc.array(fragments, { maxLength: 30 }).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(text, fc.constantFrom(...FORMATS), (line, format) => {
        fc.pre(!line.includes('\n'));
        const { row, problems } = checkRow(line, 3, format);
        const errors = problems.filter((problem) => problem.severity === 'error');
        if (line.replace('\ufeff', '').trim() === '') assert.ok(!row && problems.length === 0);
        else assert.equal(row === undefined, errors.length > 0);
        for (const problem of problems) {
          assert.equal(problem.line, 3);
          assert.ok(
            problem.column >= 1 &&
              problem.column <= line.length + 1 &&
              problem.endColumn >= problem.column &&
              problem.endColumn <= line.length + 2,
          );
        }
        // JSON.parse and our own locator agree on what is JSON.
        let valid = true;
        try {
          JSON.parse(line);
        } catch {
          valid = false;
        }
        assert.equal(
          errors.some((problem) => problem.code === 'invalid-json'),
          !valid && line.trim() !== '',
        );
      }),
      { numRuns: 1000 },
    );
  });
});
