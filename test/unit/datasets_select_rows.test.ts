import assert from 'node:assert/strict';
import fc from 'fast-check';
import { readDataset } from '../../src/engine/datasets/read_dataset.ts';
import type { DatasetRow } from '../../src/engine/datasets/row.ts';
import { rowKey } from '../../src/engine/datasets/row_key.ts';
import { parseRowRange, sliceRows, splitHoldOut } from '../../src/engine/datasets/select_rows.ts';
import { expectLatroError } from '../support/expect_latro_error.ts';
import { requireShared } from '../support/shared_folder.ts';

function rowsOf(questions: readonly string[]): DatasetRow[] {
  return questions.map((question, index) => ({
    line: index + 1,
    question,
    answer: '1',
    rowKey: rowKey({ question, answer: '1' }),
  }));
}

describe('datasets: selecting rows', function () {
  this.timeout(60_000);
  it('reads selectors as Python slices', () => {
    const cases: [selector: string, from: number, to: number][] = [
      ['0:480', 0, 480],
      ['480:600', 480, 600],
      ['480:', 480, 600],
      [':120', 0, 120],
      ['-120:', 480, 600],
      [':-120', 0, 480],
      ['all', 0, 600],
      [':', 0, 600],
      ['590:9999', 590, 600],
      ['-9999:3', 0, 3],
    ];
    for (const [selector, from, to] of cases) assert.deepEqual(parseRowRange(selector, 600), { from, to }, selector);
  });

  it('refuses what is no selector and what selects nothing', async () => {
    for (const selector of ['', '5', '1-5', 'a:b', '1:2:3', '0:480; rm'])
      await expectLatroError(() => parseRowRange(selector, 600), 'config-invalid');
    await expectLatroError(() => sliceRows(rowsOf(['a', 'b']), '2:'), 'config-invalid', '2 rows');
    await expectLatroError(() => sliceRows(rowsOf(['a', 'b']), '1:1'), 'config-invalid');
  });

  it('cuts MultiArith into 480 training and 120 test questions that share none', async function () {
    const { rows } = await readDataset(requireShared(this, 'datasets', 'multiarith', 'MultiArith.json'));
    const [train, test] = [sliceRows(rows, '0:480'), sliceRows(rows, { from: 480, to: 600 })];
    assert.deepEqual([train.length, test.length], [480, 120]);
    assert.deepEqual([...train, ...test], rows);
  });
});

describe('datasets: holding questions out', function () {
  this.timeout(60_000);
  const questions = fc
    .array(fc.string({ maxLength: 3 }), { minLength: 2, maxLength: 60 })
    .filter((list) => new Set(list).size > 1);

  it('parts the rows by question, with about the asked share, whatever their order', () => {
    fc.assert(
      fc.property(
        questions,
        fc.double({ min: 0.01, max: 0.99, noNaN: true }),
        fc.integer(),
        fc.infiniteStream(fc.nat()),
        (list, fraction, seed, order) => {
          const rows = rowsOf(list);
          const { train, heldOut } = splitHoldOut(rows, fraction, seed);
          assert.deepEqual(
            [...train, ...heldOut].sort((a, b) => a.line - b.line),
            rows,
          );
          const keys = (part: readonly DatasetRow[]) => new Set(part.map((row) => row.rowKey));
          for (const key of keys(train)) assert.ok(!keys(heldOut).has(key));
          const unique = keys(rows).size;
          assert.equal(keys(heldOut).size, Math.min(Math.max(Math.round(fraction * unique), 1), unique - 1));
          const shuffled = rows
            .map((row) => ({ row, at: order.next().value as number }))
            .sort((a, b) => a.at - b.at)
            .map(({ row }) => row);
          assert.deepEqual(keys(splitHoldOut(shuffled, fraction, seed).heldOut), keys(heldOut));
        },
      ),
    );
  });

  it('depends on the seed, is nobody at 0, and refuses other fractions and single questions', async () => {
    const rows = rowsOf(Array.from({ length: 200 }, (_, n) => `q${n}`));
    const held = (seed: number) =>
      splitHoldOut(rows, 0.1, seed)
        .heldOut.map((row) => row.question)
        .join();
    assert.equal(held(1), held(1));
    assert.notEqual(held(1), held(2));
    assert.deepEqual(splitHoldOut(rows, 0, 1), { train: rows, heldOut: [] });
    for (const fraction of [-0.1, 1, Number.NaN, 2])
      await expectLatroError(() => splitHoldOut(rows, fraction, 1), 'config-invalid');
    await expectLatroError(() => splitHoldOut(rowsOf(['a', 'a']), 0.5, 1), 'config-invalid', 'two different questions');
  });

  it('editing one question moves at most one other across the line', () => {
    const rows = rowsOf(Array.from({ length: 100 }, (_, n) => `q${n}`));
    const before = new Set(splitHoldOut(rows, 0.2, 3).heldOut.map((row) => row.question));
    const after = new Set(
      splitHoldOut(rowsOf(rows.map((row, n) => (n === 50 ? 'edited' : row.question))), 0.2, 3).heldOut.map(
        (row) => row.question,
      ),
    );
    const moved = rows.filter((row, n) => n !== 50 && before.has(row.question) !== after.has(row.question));
    assert.ok(moved.length <= 1, `${moved.length} moved`);
  });
});
