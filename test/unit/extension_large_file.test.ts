/** A dataset of 1 GB and a million rows, really written: its rows are checked from disk while the extension host goes on with its work. */
import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { NodeFileSystem } from '../../src/engine/common/file_system.ts';
import { scanFile } from '../../src/extension/inline/scan_file.ts';
import { longestTurn } from '../support/event_loop.ts';
import { hasSpaceFor, writeLargeDataset } from '../support/large_dataset.ts';

const ROWS = 1_000_000;
/** Lines (0-based) that lack their answer. */
const BROKEN = [12_345, 500_000, 999_999];
/** What a busy machine has not read by then stays unread: how far it came is checked all the same. */
const TIME_BOX_MILLISECONDS = 20_000;
/** After this long a person feels the editor hang. */
const LONGEST_TURN_MILLISECONDS = 50;

describe('a dataset of 1 GB', function () {
  this.timeout(180_000);
  let folder: string;
  let file: string;

  before(async function () {
    folder = await mkdtemp(path.join(tmpdir(), 'latro-gigabyte-'));
    if (!(await hasSpaceFor(folder, ROWS))) {
      console.log('    skipped: less than 2 GB of space for temporary files');
      this.skip();
    }
    file = path.join(folder, 'gigabyte.jsonl');
    writeLargeDataset(file, ROWS, BROKEN);
  });
  after(() => rm(folder, { recursive: true }));

  it('is checked row by row, and no turn of the event loop takes 50 ms', async () => {
    assert.ok(statSync(file).size >= 1e9);
    const found: number[] = [];
    let rows = 0;
    const box = AbortSignal.timeout(TIME_BOX_MILLISECONDS);
    let finished = false;
    const started = performance.now();
    const { longest, turns } = await longestTurn(async () => {
      finished = await scanFile(
        new NodeFileSystem(),
        file,
        (line, { row, problems }) => {
          assert.equal(line, rows++);
          if (problems.length > 0) found.push(line);
          else assert.equal(row?.line, line + 1);
        },
        box,
      );
    });
    const seconds = (performance.now() - started) / 1000;
    console.log(`      ${rows} rows in ${seconds.toFixed(1)} s, ${turns} turns, the longest ${longest.toFixed(1)} ms`);
    assert.equal(finished, rows === ROWS);
    assert.deepEqual(
      found,
      BROKEN.filter((line) => line < rows),
    );
    assert.ok(rows > BROKEN[0]!, 'it came far enough to say something');
    assert.ok(longest < LONGEST_TURN_MILLISECONDS, `the event loop was held for ${longest.toFixed(0)} ms`);
  });

  it('is given up at once when its tab is closed', async () => {
    const closing = new AbortController();
    let rows = 0;
    const scan = scanFile(new NodeFileSystem(), file, () => rows++, closing.signal);
    setTimeout(() => closing.abort(), 100);
    const started = performance.now();
    assert.equal(await scan, false);
    assert.ok(rows < ROWS && performance.now() - started < 5000);
  });
});
