import assert from 'node:assert/strict';
import fc from 'fast-check';
import { LatroError } from '../../src/engine/common/errors.ts';
import { mendableError } from '../../src/engine/common/file_system.ts';
import { CheckpointFolder, stepName } from '../../src/engine/runs/checkpoint.ts';
import { requireFinite } from '../../src/engine/runs/run_writer.ts';
import { FaultyFileSystem } from '../support/faulty_file_system.ts';
import { PowerLossFileSystem } from '../support/power_loss_file_system.ts';
import { newToyRun, toyWorld } from '../support/toy_run.ts';

const POSITION = { eventsBytes: 0, best: null };
const content = (text: string) => ({
  'adapter/weights': [new TextEncoder().encode(text)],
  'state.json': [new TextEncoder().encode('{}')],
});

describe('checkpoints', () => {
  let disk: PowerLossFileSystem;
  let folder: CheckpointFolder;
  beforeEach(async () => {
    disk = new PowerLossFileSystem();
    await disk.makeDirectory('/checkpoints');
    folder = new CheckpointFolder(disk, '/checkpoints');
  });

  it('round-trip every byte, however the caller cuts them into pieces', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 50 })),
        fc.integer({ min: 0, max: 9_999_999 }),
        async (pieces, step) => {
          const saved = await folder.save(
            step,
            { 'a/b/c.bin': pieces, empty: [] },
            { eventsBytes: 17, best: { step: 1, score: 0.5 } },
          );
          const found = await folder.verify(step);
          assert.deepEqual(found, saved);
          assert.deepEqual(
            [...(await disk.read(`${saved.directory}/a/b/c.bin`))],
            pieces.flatMap((piece) => [...piece]),
          );
          await folder.remove(step);
          assert.equal(await folder.verify(step), null);
        },
      ),
    );
  });

  it('keep the newest, and whatever is still needed', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.integer({ min: 1, max: 2_000_000 }), { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 0, max: 5 }),
        fc.array(fc.nat({ max: 7 }), { maxLength: 2 }),
        async (unsorted, keep, neededIndexes) => {
          const steps = unsorted.sort((a, b) => a - b);
          const fresh = new PowerLossFileSystem();
          await fresh.makeDirectory('/c');
          const here = new CheckpointFolder(fresh, '/c');
          for (const step of steps) await here.save(step, content(`${step}`), POSITION);
          const needed = neededIndexes.map((index) => steps[index] ?? null);
          assert.deepEqual(await here.prune(keep, needed), []);
          const left = await here.steps();
          const kept = Math.max(keep, 2);
          assert.deepEqual(
            left,
            steps.filter((step, i) => i >= steps.length - kept || needed.includes(step)),
          );
          for (const step of left) assert('manifest' in ((await here.verify(step)) ?? {}));
          assert.deepEqual(await fresh.list('/c'), left.map(stepName).sort(), 'nothing else is left behind');
        },
      ),
    );
  });

  it('that cannot be removed stop nothing and are named', async () => {
    for (const step of [1, 2, 3, 4]) await folder.save(step, content('x'), POSITION);
    const stubborn = new Proxy(disk, {
      get(target, name) {
        if (name !== 'rename') return Reflect.get(target, name, target).bind(target);
        return async (from: string, to: string) => {
          if (from.endsWith(stepName(1)))
            throw mendableError(Object.assign(new Error('busy'), { code: 'EPERM' }), from);
          return target.rename(from, to);
        };
      },
    });
    const stuck = await new CheckpointFolder(stubborn, '/checkpoints').prune(2, []);
    assert.deepEqual(
      stuck.map(({ step }) => step),
      [1],
    );
    assert.deepEqual(await folder.steps(), [1, 3, 4]);
  });

  it('are never seen half, while being saved or removed', async () => {
    await folder.save(1, content('one'), POSITION);
    for (let at = 1; ; at++) {
      const faulty = new FaultyFileSystem(disk, { at, kind: 'crash' });
      const attempt = new CheckpointFolder(faulty, '/checkpoints');
      await attempt
        .save(2, content('two'), POSITION)
        .then(() => attempt.remove(2))
        .catch(() => {});
      for (const step of await folder.steps())
        assert('manifest' in ((await folder.verify(step)) ?? {}), `step ${step}, call ${at}`);
      assert.equal((await folder.newest()).damaged.length, 0);
      if (!faulty.struck) break;
      await folder.removeLeftovers();
      if ((await folder.steps()).includes(2)) await folder.remove(2);
    }
    assert.deepEqual(await disk.list('/checkpoints'), [stepName(1)]);
  });

  it('that find the disk full leave nothing behind', async () => {
    for (let at = 2; ; at++) {
      const faulty = new FaultyFileSystem(disk, { at, kind: 'error', code: 'ENOSPC' });
      const saved = new CheckpointFolder(faulty, '/checkpoints').save(1, content('x'), POSITION);
      if (
        await saved.then(
          () => true,
          () => false,
        )
      )
        break;
      const names = await disk.list('/checkpoints');
      assert(
        names.length === 0 || (names.length === 1 && names[0] === stepName(1)),
        `after call ${at}: ${names.join()}`,
      );
      if (names.length === 1) await folder.remove(1);
    }
  });

  it('saved again at the same step stay when whole, and are replaced when not', async () => {
    await folder.save(1, content('first'), POSITION);
    await folder.save(1, content('second'), POSITION);
    assert.equal(new TextDecoder().decode(await disk.read('/checkpoints/step-000001/adapter/weights')), 'first');
    await disk.truncate('/checkpoints/step-000001/adapter/weights', 2);
    await folder.save(1, content('third'), POSITION);
    assert('manifest' in ((await folder.verify(1)) ?? {}));
    assert.equal(new TextDecoder().decode(await disk.read('/checkpoints/step-000001/adapter/weights')), 'third');
  });

  it('refuse names that lead out of their folder', async () => {
    for (const name of ['../x', '/x', 'a//b', 'a/../b', '.hidden', '', 'a\\b', 'a/']) {
      await assert.rejects(folder.save(1, { [name]: [] }, POSITION), /not a file name/);
    }
    assert.deepEqual(await folder.steps(), []);
    await folder.save(2, content('x'), POSITION);
    const file = '/checkpoints/step-000002/manifest.json';
    const manifest = JSON.parse(new TextDecoder().decode(await disk.read(file)));
    manifest.files[0].name = '../../secret';
    const handle = await disk.open(file, 'replace');
    await handle.write(new TextEncoder().encode(JSON.stringify(manifest)));
    assert('reason' in ((await folder.verify(2)) ?? {}));
  });

  it('of a newer format are refused, not treated as damaged', async () => {
    await folder.save(1, content('x'), POSITION);
    const handle = await disk.open('/checkpoints/step-000001/manifest.json', 'replace');
    await handle.write(new TextEncoder().encode('{"formatVersion": 2}'));
    await assert.rejects(folder.newest(), (error: LatroError) => {
      assert.equal(error.code, 'run-identity');
      assert.match(error.reason, /format version 2.*up to 1/);
      return true;
    });
    assert.deepEqual(await folder.steps(), [1]);
  });

  it('with numbers that are not finite are refused before anything is written', async () => {
    const writer = await newToyRun(toyWorld(disk), '/runs');
    await writer.saveCheckpoint(1, content('good'));
    const before = writer.record;
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      await assert.rejects(
        writer.saveCheckpoint(2, content('bad'), () => requireFinite('lora_B', new Float32Array([0, 1, bad]))),
        (error: LatroError) =>
          error instanceof LatroError && error.code === 'non-finite' && error.reason.startsWith('lora_B[2] is'),
      );
    }
    assert.deepEqual(await writer.directory.checkpoints.steps(), [1]);
    assert.equal(writer.record, before);
    requireFinite('fine', new Float32Array([0, -1, 3e38]));
    await writer.release();
  });
});
