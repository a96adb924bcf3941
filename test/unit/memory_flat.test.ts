/** Nothing that an update makes stays behind: `npm run bench:leak` shows the same over 2,000 updates. */
import { strict as assert } from 'node:assert';
import { memoryOver } from '../../scripts/bench/leak.ts';

describe('memory over many updates', () => {
  it('no tensors, buffers or objects pile up', async () => {
    const held = await memoryOver(180, 30);
    // The first ones fill caches and the runtime's arenas.
    const settled = held[1]!;
    const last = held.at(-1)!;
    const text = held.map(({ resident, heap, buffers }) =>
      [resident, heap, buffers].map((x) => x.toFixed(2)).join('/'),
    );
    // An adapter of 84 kB, its gradients and a cache: one of them kept per update would be 10 MB and more.
    assert.ok(last.buffers - settled.buffers < 0.2, `buffers, MB: ${text}`);
    assert.ok(last.heap - settled.heap < 2, `heap, MB: ${text}`);
    assert.ok(last.resident - settled.resident < 30, `resident, MB: ${text}`);
  }).timeout(120_000);
});
