import assert from 'node:assert/strict';
import { utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import type { Clock } from '../../src/engine/common/clock.ts';
import { LatroError } from '../../src/engine/common/errors.ts';
import { PolicyCache, type PolicySource } from '../../src/engine/server/policy_cache.ts';
import { ProgressMeter } from '../../src/engine/server/progress_meter.ts';
import type { Policy } from '../../src/engine/training/policy.ts';
import type { JobProgress } from '../../src/protocol/engine_rpc.ts';
import { temporaryFolder } from '../support/model_fixtures.ts';
import { writeTinyModelFolder } from '../support/tiny_model_folder.ts';

describe('progress meter', () => {
  const seconds = { now: 0 };
  const clock: Clock = { now: () => 0, iso: () => '', monotonic: () => 1000 * seconds.now };
  const meter = () => {
    const shown: JobProgress[] = [];
    const made = new ProgressMeter(clock, (progress) => shown.push(progress));
    const report = (done: number, total = 1000, phase = 'training') => {
      made.report({ phase, done, total, unit: 'updates', message: '' });
      return shown.at(-1)!;
    };
    return { report, shown };
  };
  beforeEach(() => {
    seconds.now = 0;
  });

  it('is right from the first item on, wherever a resumed run begins', () => {
    fc.assert(
      fc.property(
        fc.nat(900),
        fc.double({ min: 0.01, max: 100, noNaN: true }),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 10 }),
        (before, perItem, batches) => {
          const { report } = meter();
          assert.equal(report(before).ratePerSecond, null);
          let done = before;
          for (const batch of batches) {
            seconds.now += batch * perItem;
            done += batch;
            const { ratePerSecond, secondsLeft } = report(done);
            assert.ok(Math.abs(ratePerSecond! * perItem - 1) < 1e-6);
            assert.ok(Math.abs(secondsLeft! - (1000 - done) * perItem) < 1e-3);
          }
        },
      ),
    );
  });

  it('follows a run that gets slower, within a few items', () => {
    const { report } = meter();
    report(0);
    for (let done = 1; done <= 20; done++) {
      seconds.now += done <= 10 ? 1 : 4;
      report(done);
    }
    const { ratePerSecond } = report(20);
    assert.ok(ratePerSecond! > 0.25 && ratePerSecond! < 0.27, `${ratePerSecond}`);
  });

  it('counts down while an item is under way, and starts anew in another phase', () => {
    const { report } = meter();
    report(0, 10);
    seconds.now = 5;
    assert.equal(report(1, 10).secondsLeft, 45);
    seconds.now = 7;
    assert.equal(report(1, 10).secondsLeft, 43);
    assert.equal(report(0, 3, 'evaluating-after').ratePerSecond, null);
    seconds.now = 8;
    assert.equal(report(1, 3, 'evaluating-after').secondsLeft, 2);
  });

  it('takes nothing for done in this process before the extent of a phase is known', () => {
    const { report } = meter();
    report(0, 0);
    seconds.now = 1;
    assert.equal(report(50).ratePerSecond, null);
    seconds.now = 3;
    assert.equal(report(51).ratePerSecond, 0.5);
  });

  it('spares the client messages that say nothing new', () => {
    const { report, shown } = meter();
    for (let i = 0; i < 50; i++) {
      report(0);
      seconds.now += 0.01;
    }
    assert.ok(shown.length <= 6, `${shown.length} messages in half a second`);
  });
});

describe('policy cache', () => {
  const folder = temporaryFolder();
  let cache: PolicyCache;
  const source = (name: string): PolicySource => ({
    model: join(folder.path, name),
    adapter: null,
    programs: { device: 'cpu', threads: 1 },
    sequenceLength: 64,
  });
  const same = async (policy: Policy) => policy;
  const computes = (policy: Policy) =>
    policy.model.score([{ prompt: [3], continuations: [{ ids: [], predictions: [{ at: 0, target: 4, weight: 1 }] }] }]);

  before(async () => {
    for (const [i, name] of ['a', 'b', 'c'].entries()) await writeTinyModelFolder(join(folder.path, name), i + 1);
  });
  afterEach(() => cache.dispose());

  it('keeps the two used last and disposes of the others', async () => {
    cache = new PolicyCache();
    const [a, b] = [await cache.use(source('a'), same), await cache.use(source('b'), same)];
    assert.equal(await cache.use(source('a'), same), a);
    const scores = await computes(b);
    await cache.use(source('c'), same);
    assert.equal(cache.size, 2);
    assert.equal(await cache.use(source('a'), same), a);
    await assert.rejects(computes(b), (error) => error instanceof LatroError && error.code === 'use-after-dispose');
    assert.deepEqual(await cache.use(source('b'), computes), scores);
  });

  it('holds one big model at a time, but never disposes of one in use', async () => {
    cache = new PolicyCache({ policies: 2, bytes: 1 });
    await cache.use(source('a'), same);
    await cache.use(source('b'), async (b) => {
      assert.equal(cache.size, 1);
      await cache.use(source('c'), async (c) => {
        assert.equal(cache.size, 2);
        await computes(c);
      });
      await computes(b);
    });
    assert.equal(cache.size, 1);
  });

  it('loads a folder again that was written anew', async () => {
    cache = new PolicyCache();
    const before = await cache.use(source('a'), computes);
    await writeTinyModelFolder(join(folder.path, 'a'), 9);
    await utimes(join(folder.path, 'a', 'model.safetensors'), 1, 1);
    assert.notDeepEqual(await cache.use(source('a'), computes), before);
  });

  it('holds nothing of a model that cannot be loaded', async () => {
    cache = new PolicyCache();
    await assert.rejects(cache.use(source('none'), same), LatroError);
    await writeFile(join(folder.path, 'c', 'model.safetensors'), 'cut short');
    await assert.rejects(cache.use(source('c'), same), LatroError);
    assert.equal(cache.size, 0);
  });
});
