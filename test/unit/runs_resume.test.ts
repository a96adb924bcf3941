import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LatroError } from '../../src/engine/common/errors.ts';
import { atomicWrite, type FileSystem, NodeFileSystem } from '../../src/engine/common/file_system.ts';
import { RandomStream } from '../../src/engine/common/random.ts';
import { RunDirectory } from '../../src/engine/runs/run_directory.ts';
import { RunStore } from '../../src/engine/runs/run_store.ts';
import { RunWriter } from '../../src/engine/runs/run_writer.ts';
import { FaultyFileSystem } from '../support/faulty_file_system.ts';
import { PowerLossFileSystem } from '../support/power_loss_file_system.ts';
import { runFingerprint } from '../support/run_fingerprint.ts';
import { newToyRun, toyTrain, toyWorld } from '../support/toy_run.ts';

const node = new NodeFileSystem();
/** Calls until a new run is on disk. */
const BEGUN = 25;

describe('a run that is interrupted and resumed', function () {
  this.timeout(60_000);
  let folder: string;
  let uninterrupted: unknown;
  let calls: number;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'latro-resume-'));
    const counting = new FaultyFileSystem(node);
    const writer = await newToyRun(toyWorld(counting), join(folder, 'whole'));
    await toyTrain(writer, false, counting);
    calls = counting.calls;
    uninterrupted = await runFingerprint(node, writer.directory.path);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  /** Starts a run in a process that is gone afterwards; it fails where `files` does. */
  async function interrupted(files: FileSystem, store: string): Promise<void> {
    try {
      const writer = await newToyRun(toyWorld(files, 999), store);
      try {
        await toyTrain(writer, false, files);
      } catch (error) {
        await writer.release().catch(() => {});
        throw error;
      }
    } catch (error) {
      assert(error instanceof Error);
    }
  }

  async function onlyRun(files: FileSystem, store: string): Promise<RunDirectory | null> {
    const [run, ...others] = (await new RunStore(toyWorld(files), store).list()).runs;
    assert.equal(others.length, 0);
    return run === undefined ? null : new RunDirectory(files, run.directory);
  }

  async function resumeAndCompare(files: FileSystem, run: RunDirectory, what: string): Promise<void> {
    const writer = await RunWriter.open(toyWorld(files), run.path);
    await toyTrain(writer, true, files);
    assert.deepEqual(await runFingerprint(files, run.path), uninterrupted, what);
  }

  it('equals the uninterrupted run, whichever file-system call its process ended at', async () => {
    assert(calls > 100, `${calls} calls`);
    let resumed = 0;
    for (let at = 1; at <= calls; at++) {
      const disk = new PowerLossFileSystem();
      const faulty = new FaultyFileSystem(disk, { at, kind: 'crash' });
      await interrupted(faulty, '/runs');
      const run = await onlyRun(disk, '/runs');
      if (run === null) {
        assert(at < BEGUN, `no run after ${at} calls`);
      } else {
        await resumeAndCompare(disk, run, `after call ${at}: ${faulty.log[at - 1]}`);
        resumed++;
      }
    }
    assert(resumed > calls - BEGUN);
  });

  it('equals the uninterrupted run, whichever call found the disk full', async () => {
    for (let at = 1; at <= calls; at++) {
      const disk = new PowerLossFileSystem();
      await interrupted(new FaultyFileSystem(disk, { at, kind: 'error', code: 'ENOSPC' }), '/runs');
      const run = await onlyRun(disk, '/runs');
      if (run !== null) await resumeAndCompare(disk, run, `disk full at call ${at}`);
    }
  });

  it('equals the uninterrupted run when the resuming process ends too', async () => {
    const random = new RandomStream(5);
    for (let trial = 0; trial < 100; trial++) {
      const disk = new PowerLossFileSystem();
      await interrupted(
        new FaultyFileSystem(disk, { at: BEGUN + random.nextInteger(calls - BEGUN), kind: 'crash' }),
        '/runs',
      );
      const run = await onlyRun(disk, '/runs');
      assert(run !== null);
      for (let again = 0; again < 3; again++) {
        const faulty = new FaultyFileSystem(disk, { at: 1 + random.nextInteger(60), kind: 'crash' });
        const opened = await RunWriter.open(toyWorld(faulty, 998 - again), run.path).catch(() => null);
        await opened?.resume().catch(() => {});
      }
      await resumeAndCompare(disk, run, `trial ${trial}`);
    }
  });

  it('does all this on a real disk too', async () => {
    const random = new RandomStream(6);
    for (let trial = 0; trial < 12; trial++) {
      const store = join(folder, `disk-${trial}`);
      const at = BEGUN + random.nextInteger(calls - BEGUN);
      await interrupted(new FaultyFileSystem(node, { at, kind: 'crash' }), store);
      const run = await onlyRun(node, store);
      assert(run !== null);
      await resumeAndCompare(node, run, `after call ${at}`);
    }
  });

  it('equals the uninterrupted run when the power went, whatever the disk had kept of the unflushed', async () => {
    const random = new RandomStream(3);
    for (let trial = 0; trial < 250; trial++) {
      const disk = new PowerLossFileSystem();
      const at = BEGUN + random.nextInteger(calls - BEGUN);
      await interrupted(new FaultyFileSystem(disk, { at, kind: 'crash' }), '/runs');
      disk.losePower(() => random.next());
      const run = await onlyRun(disk, '/runs');
      assert(run !== null, `trial ${trial}: the run is gone after call ${at}`);
      await resumeAndCompare(disk, run, `trial ${trial}, call ${at}`);
    }
  });

  async function finishedRun(): Promise<{ disk: PowerLossFileSystem; run: RunDirectory }> {
    const disk = new PowerLossFileSystem();
    const writer = await newToyRun(toyWorld(disk), '/runs');
    await toyTrain(writer, false, disk);
    return { disk, run: writer.directory };
  }

  it('falls back to the previous checkpoint when any file of the newest is cut, changed or gone, and says so', async () => {
    const random = new RandomStream(9);
    for (const name of [
      'manifest.json',
      'state.json',
      'adapter/adapter_config.json',
      'adapter/adapter_model.safetensors',
    ]) {
      for (const damage of ['cut', 'changed', 'gone', 'cut', 'changed']) {
        const { disk, run } = await finishedRun();
        const file = join(run.checkpoints.directory(6), name);
        const bytes = await disk.read(file);
        if (damage === 'cut') await disk.truncate(file, random.nextInteger(bytes.length));
        else if (damage === 'gone') await disk.remove(file);
        else {
          // A bit of the number after "step" in the manifest, any bit elsewhere.
          const index =
            name === 'manifest.json' ? new TextDecoder().decode(bytes).indexOf('6') : random.nextInteger(bytes.length);
          bytes[index] = (bytes[index] ?? 0) ^ (1 << random.nextInteger(3));
          await atomicWrite(disk, file, bytes);
        }
        const again = await RunWriter.open(toyWorld(disk), run.path);
        const { checkpoint, warnings } = await again.resume();
        assert.equal(checkpoint?.step, 4, `${damage} ${name}`);
        assert.match(warnings.join(), /step 6 is damaged/);
        await again.release();
        await resumeAndCompare(disk, run, `${damage} ${name}`);
      }
    }
  });

  it('refuses, and removes nothing, when no checkpoint is whole', async () => {
    const { disk, run } = await finishedRun();
    for (const step of await run.checkpoints.steps())
      await disk.remove(join(run.checkpoints.directory(step), 'state.json'));
    const [steps, rollouts, events] = [await run.checkpoints.steps(), await run.rolloutSteps(), await run.events()];
    const again = await RunWriter.open(toyWorld(disk), run.path);
    await assert.rejects(
      again.resume(),
      (error: LatroError) => error.code === 'run-damaged' && /state\.json is missing/.test(error.reason),
    );
    await again.release();
    assert.deepEqual(
      [await run.checkpoints.steps(), await run.rolloutSteps(), await run.events()],
      [steps, rollouts, events],
    );
  });

  it('refuses, and removes nothing, when its checkpoints are gone', async () => {
    const { disk, run } = await finishedRun();
    for (const step of await run.checkpoints.steps()) await disk.remove(run.checkpoints.directory(step));
    const [rollouts, events] = [await run.rolloutSteps(), await run.events()];
    const again = await RunWriter.open(toyWorld(disk), run.path);
    await assert.rejects(
      again.resume(),
      (error: LatroError) => error.code === 'run-damaged' && /after update 6/.test(error.reason),
    );
    await again.release();
    assert.deepEqual([await run.rolloutSteps(), await run.events()], [rollouts, events]);
  });

  it('resumes from weights even when the log was cut, and says what is missing', async () => {
    const { disk, run } = await finishedRun();
    await disk.truncate(run.eventsFile, 100);
    const again = await RunWriter.open(toyWorld(disk), run.path);
    const { checkpoint, warnings } = await again.resume();
    assert.equal(checkpoint?.step, 6);
    assert.match(warnings.join(), /events\.jsonl is shorter/);
    await again.close('stopped');
  });

  it('rolls back to a kept checkpoint and goes on from there as if it had never gone further', async () => {
    const { disk, run } = await finishedRun();
    const again = await RunWriter.open(toyWorld(disk), run.path);
    await assert.rejects(again.rollBack(3), (error: LatroError) => /Roll back to one of: .*4, 6/.test(error.nextStep));
    const { checkpoint } = await again.rollBack(4);
    assert.equal(checkpoint?.step, 4);
    assert.deepEqual(await again.directory.rolloutSteps(), [1, 2, 3, 4]);
    assert.equal((await again.directory.checkpoints.steps()).at(-1), 4);
    assert((await again.directory.evaluationNames()).every((name) => !name.includes('000006')));
    await again.close('stopped', 'rolled back');
    await resumeAndCompare(disk, run, 'rolled back');
  });
});
