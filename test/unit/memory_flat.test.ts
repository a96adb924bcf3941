/** Nothing that an update makes stays behind: `npm run bench:leak` shows the same over 2,000 updates. */
import { strict as assert } from 'node:assert';
import { growthOf, type Held, leaksOf, memoryOver } from '../../scripts/bench/leak.ts';

describe('memory over many updates', () => {
  it('no tensors, buffers or objects pile up', async () => {
    const held = await memoryOver(400, 20);
    const text = held.map(({ resident, heap, buffers }) =>
      [resident, heap, buffers].map((x) => x.toFixed(2)).join('/'),
    );
    assert.deepEqual(leaksOf(growthOf(held)), [], `MB (resident/heap/buffers): ${text}`);
  }).timeout(60_000);

  it('what grows a little at every update is a leak, and what grows once is none', () => {
    const held = (resident: (update: number) => number): Held[] =>
      Array.from({ length: 20 }, (_, i) => 100 * (i + 1)).map((update) => {
        return { update, resident: 180 + resident(update), heap: 10, buffers: 0.2 };
      });
    assert.deepEqual(leaksOf(growthOf(held((update) => (update > 1500 ? 30 : 0)))), []);
    const [leak, ...others] = leaksOf(growthOf(held((update) => 0.25 * update)));
    assert.match(leak!, /^resident: 250\.00 kB per update/);
    assert.deepEqual(others, []);
  });
});
