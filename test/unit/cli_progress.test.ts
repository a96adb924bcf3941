import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';
import { describeProgress, Progress, type ProgressState, progressLine } from '../../src/cli/progress.ts';
import { Terminal } from '../../src/cli/terminal.ts';
import type { Clock } from '../../src/engine/common/clock.ts';
import { TextStream } from '../support/command_line.ts';

const HALFWAY: ProgressState = {
  label: 'Training',
  done: 10,
  total: 40,
  unit: 'updates',
  fraction: 0.5,
  perSecond: 0.5,
  message: '',
};

/** A clock that stands still until it is set. */
class SetClock implements Clock {
  seconds = 0;
  now = (): number => this.seconds * 1000;
  iso = (): string => new Date(this.now()).toISOString();
  monotonic = (): number => this.seconds * 1000;
}

const make = (isTTY: boolean) => {
  const [stderr, clock] = [new TextStream(isTTY), new SetClock()];
  const terminal = new Terminal({ stdout: new TextStream(isTTY), stderr, env: {}, clock });
  return { stderr, clock, terminal };
};

describe('progress', () => {
  it('says how far, how fast and how long', () => {
    assert.equal(describeProgress(HALFWAY), '10/40 updates, 2.0 s/update, 59 s left');
    assert.equal(describeProgress({ ...HALFWAY, perSecond: 4, fraction: 0 }), '10/40 updates, 4.0 updates/s, 8 s left');
    assert.equal(describeProgress({ ...HALFWAY, perSecond: null }), '10/40 updates');
    assert.equal(describeProgress({ ...HALFWAY, done: 40, fraction: 0 }), '40/40 updates, 2.0 s/update');
    assert.equal(describeProgress({ ...HALFWAY, total: 0, perSecond: null }), '10 updates');
  });

  it('draws a bar whose length is the share', () => {
    const filled = (done: number): number => (progressLine({ ...HALFWAY, done, fraction: 0 }).match(/█/g) ?? []).length;
    assert.deepEqual([0, 10, 20, 40].map(filled), [0, 5, 10, 20]);
  });

  it('counts the rate from where this process began', async () => {
    const { stderr, clock, terminal } = make(false);
    const progress = new Progress(terminal, 'Training', 'updates');
    progress.advance(30, 40);
    clock.seconds = 10;
    progress.advance(35, 40);
    progress.end();
    assert.deepEqual(stderr.lines, ['Training: 35/40 updates, 2.0 s/update, 10 s left']);
  });

  it('writes plain lines seldom, and the last state always', async () => {
    const { stderr, clock, terminal } = make(false);
    const progress = new Progress(terminal, 'Scoring', 'rows');
    for (let row = 0; row <= 100; row++) {
      clock.seconds = row / 1000;
      progress.advance(row, 100);
      await setTimeout(0);
    }
    progress.end();
    assert.deepEqual(stderr.lines, ['Scoring: 100/100 rows, 1000.0 rows/s']);
  });

  it('rewrites one line on a terminal and takes it away at the end', async () => {
    const { stderr, terminal } = make(true);
    const progress = new Progress(terminal, 'Scoring', 'rows');
    progress.advance(0, 2);
    await setTimeout(20);
    assert.match(stderr.text, /^\rScoring ▕ {20}▏ 0\/2 rows/);
    progress.advance(2, 2);
    progress.end();
    assert.ok(stderr.text.endsWith('\r\u001b[K'));
    assert.ok(!stderr.text.includes('\n'));
  });
});
