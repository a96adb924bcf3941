import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { LatroError } from '../../src/engine/common/errors.ts';
import { atomicWrite, NodeFileSystem } from '../../src/engine/common/file_system.ts';
import { readRatings, verdictsOf, verdictsSha256 } from '../../src/engine/datasets/ratings.ts';
import { RatingStore } from '../../src/extension/rationales/rating_store.ts';
import type { RatingRecord } from '../../src/protocol/ratings.ts';
import { temporaryFolder } from '../support/model_fixtures.ts';

const files = new NodeFileSystem();

describe("people's ratings beside a dataset", () => {
  const folder = temporaryFolder();
  const dataset = (): string => join(folder.path, 'train.jsonl');
  const write = (text: string): Promise<void> => atomicWrite(files, `${dataset()}.ratings.json`, text);
  const rating = (changes: Partial<RatingRecord> = {}): RatingRecord => ({
    rowKey: 'a1',
    rationale: 'one and one',
    verdict: 'useful',
    note: '',
    time: '2026-11-21T22:00:00.000Z',
    ...changes,
  });

  it('are none without the file', async () => {
    assert.deepEqual(await readRatings(files, join(folder.path, 'other.jsonl')), []);
  });

  it('are read as the panel writes them', async () => {
    const store = new RatingStore(files, () => '2026-11-21T22:00:00.000Z');
    await store.rate(dataset(), 'a1', 'one and one', { verdict: 'useful', note: '' });
    await store.rate(dataset(), 'b2', 'so it is 7', { verdict: 'leaks', note: 'says the answer' });
    assert.deepEqual(await readRatings(files, dataset()), [
      rating(),
      rating({ rowKey: 'b2', rationale: 'so it is 7', verdict: 'leaks', note: 'says the answer' }),
    ]);
  });

  for (const { what, text, line, says } of [
    { what: 'is cut short', text: '{\n  "version": 1,\n  "ratings": [\n', line: 4, says: /closing/ },
    { what: 'is of a newer version', text: '{\n  "version": 2,\n  "ratings": []\n}', line: 2, says: /version.*1.*2/ },
    { what: 'is something else', text: '[\n]', line: 1, says: /version/ },
    {
      what: 'has an unknown verdict',
      text: `{\n"version": 1,\n"ratings": [\n${JSON.stringify(rating())},\n${JSON.stringify({ ...rating(), verdict: 'great' })}\n]}`,
      line: 5,
      says: /ratings\.1\.verdict.*useful.*great/,
    },
    {
      what: 'lacks a row key',
      text: `{"version": 1, "ratings": [\n${JSON.stringify(rating())},\n{ "rationale": "x" }\n]}`,
      line: 3,
      says: /ratings\.1\.rowKey/,
    },
  ]) {
    it(`are refused by line when the file ${what}`, async () => {
      await write(text);
      await assert.rejects(readRatings(files, dataset()), (error: LatroError) => {
        assert.equal(error.code, 'dataset-format');
        assert.match(error.reason, new RegExp(`train\\.jsonl\\.ratings\\.json.*line ${line}:`));
        assert.match(error.reason, says);
        return true;
      });
    });
  }

  it('count once per rationale, the later one, and notes alone do not count', () => {
    const verdicts = verdictsOf([rating(), rating({ verdict: 'wrong' }), rating({ rationale: 'hm', verdict: null })]);
    assert.deepEqual(
      [...verdicts].map(([row, own]) => [row, [...own]]),
      [['a1', [['one and one', 'wrong']]]],
    );
  });

  it('have an identity that notes, times and order leave alone, and verdicts change', () => {
    const hash = (...ratings: RatingRecord[]): string => verdictsSha256(verdictsOf(ratings));
    const other = rating({ rowKey: 'b2', rationale: 'two' });
    const same = hash(rating(), other);
    assert.equal(hash({ ...other, note: 'nice', time: 'later' }, rating()), same);
    assert.equal(hash(rating(), other, rating({ rationale: 'hm', verdict: null })), same);
    for (const changed of [{ verdict: 'wrong' as const }, { rationale: 'two ' }, { rowKey: 'b3' }])
      assert.notEqual(hash(rating(), { ...other, ...changed }), same);
    assert.notEqual(hash(rating()), same);
  });
});
