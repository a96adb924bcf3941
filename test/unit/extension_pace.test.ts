import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';
import { Pace } from '../../src/extension/common/pace.ts';

describe('pace of a window', () => {
  it('makes one action of many asks, and never within the ask', async () => {
    let actions = 0;
    const pace = new Pace(() => actions++, 5);
    for (let i = 0; i < 100; i++) pace.ask();
    assert.equal(actions, 0);
    await setTimeout(60);
    assert.equal(actions, 1);
  });

  it('keeps its interval however often it is asked, and looks once more at what came last', async () => {
    const interval = 40;
    let latest = 0;
    let seen = 0;
    const at: number[] = [];
    const pace = new Pace(
      () => {
        seen = latest;
        at.push(performance.now());
      },
      0,
      interval,
    );
    for (latest = 1; latest < 30; latest++) {
      pace.ask();
      await setTimeout(5);
    }
    pace.ask();
    for (let wait = 0; seen !== latest && wait < 200; wait++) await setTimeout(5);
    assert.equal(seen, latest);
    assert.ok(at.length > 1, 'it does not wait until the asks end');
    // Timers of Node count whole milliseconds.
    const gaps = at.slice(1).map((time, i) => time - at[i]!);
    assert.ok(Math.min(...gaps) > interval - 2, gaps.join(' '));
  });

  it('does nothing more once it is disposed', async () => {
    let actions = 0;
    const pace = new Pace(() => actions++, 5);
    pace.ask();
    pace.dispose();
    pace.ask();
    await setTimeout(30);
    assert.equal(actions, 0);
  });
});
