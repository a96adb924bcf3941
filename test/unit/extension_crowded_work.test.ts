/** Work of the extension that is asked for faster than it is done. */
import assert from 'node:assert/strict';
import { Limit } from '../../src/extension/common/limit.ts';
import { Renewal } from '../../src/extension/common/renewal.ts';

describe('what is made anew', () => {
  it('is made one at a time: what is asked during one is in the next, once', async () => {
    let [made, atOnce, most] = [0, 0, 0];
    const renewal = new Renewal(async () => {
      most = Math.max(most, ++atOnce);
      await new Promise((resolve) => setTimeout(resolve, 5));
      atOnce--;
      made++;
    });
    const first = renewal.ask();
    const others = Array.from({ length: 100 }, () => renewal.ask());
    await Promise.all([first, ...others]);
    assert.deepEqual([made, most], [2, 1]);
    await renewal.ask();
    assert.equal(made, 3);
  });
});

describe('a limit', () => {
  it('lets so many work at once, in order, and gives the place of one that failed to the next', async () => {
    const limit = new Limit(3);
    let [atOnce, most] = [0, 0];
    const begun: number[] = [];
    const work = (n: number) =>
      limit.run(async () => {
        begun.push(n);
        most = Math.max(most, ++atOnce);
        await new Promise((resolve) => setImmediate(resolve));
        atOnce--;
        if (n % 5 === 0) throw new Error(`${n}`);
        return n;
      });
    const ended = await Promise.allSettled(Array.from({ length: 20 }, (_, n) => work(n)));
    assert.deepEqual(
      begun,
      Array.from({ length: 20 }, (_, n) => n),
    );
    assert.equal(most, 3);
    assert.equal(ended.filter(({ status }) => status === 'fulfilled').length, 16);
    assert.equal(await work(1), 1, 'every place is free again');
  });
});
