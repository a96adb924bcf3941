import assert from 'node:assert/strict';
import { join } from 'node:path';
import { systemClock } from '../../src/engine/common/clock.ts';
import { Cancelled, type LatroError } from '../../src/engine/common/errors.ts';
import { NodeFileSystem } from '../../src/engine/common/file_system.ts';
import { systemProcesses } from '../../src/engine/runs/processes.ts';
import { RunDirectory } from '../../src/engine/runs/run_directory.ts';
import { RunStore } from '../../src/engine/runs/run_store.ts';
import { type RunObserver, type RunProgress, TrainingRun } from '../../src/engine/training/training_run.ts';
import type { RunConfig } from '../../src/protocol/run_config.ts';
import { expectLatroError } from '../support/expect_latro_error.ts';
import { FaultyFileSystem } from '../support/faulty_file_system.ts';
import { temporaryFolder } from '../support/model_fixtures.ts';
import { runFingerprint } from '../support/run_fingerprint.ts';
import { SILENT, TINY_ENVIRONMENT, tinyRunConfig, writeTinyProject } from '../support/tiny_run.ts';

const files = new NodeFileSystem();
const world = { files, clock: systemClock, processes: systemProcesses };

describe('a training run', () => {
  const folder = temporaryFolder();
  let config: RunConfig;
  let store: RunStore;
  let uninterrupted: unknown;
  const said: string[] = [];

  before(async () => {
    await writeTinyProject(folder.path);
    config = tinyRunConfig(folder.path, {
      dataset: { train: 'train.jsonl', test: 'test.jsonl', holdOutFraction: 0.34 },
      evaluation: { every: 2, k: 2, maxTokens: 6 },
      checkpoints: { every: 1, keep: 10 },
      steps: 4,
    });
    store = new RunStore(world, config.outputDirectory);
    const run = await newRun();
    await run.execute({ ...SILENT, onProgress: ({ message }) => said.push(message) });
    uninterrupted = await runFingerprint(files, run.directory);
  });

  const newRun = (): Promise<TrainingRun> => TrainingRun.create(world, store, config, TINY_ENVIRONMENT);
  const resume = (run: TrainingRun, fromStep?: number): Promise<TrainingRun> =>
    TrainingRun.resume(world, store, run.id, TINY_ENVIRONMENT, SILENT, { fromStep });

  it('says what an update earned, in figures as they stand everywhere', () => {
    const earned = said.filter((message) => message.startsWith('self-reward'));
    assert.ok(earned.length >= 4);
    for (const message of earned) assert.match(message, /^self-reward −\d+\.\d\d, \d+ % right, \d+ tokens$/);
  });

  /** Where the run is stopped: at the first progress that `when` holds for. */
  const moments: Record<string, (progress: RunProgress) => boolean> = {
    'before its first update': ({ phase, done }) => phase === 'evaluating-before' && done > 0,
    'while it samples': ({ phase, done, fraction }) => phase === 'training' && done === 1 && fraction > 0.2,
    'between two updates': ({ phase, done, fraction }) => phase === 'training' && done === 3 && fraction === 0,
    'while it validates': ({ message }) => message.startsWith('validating: 0'),
    'when only the last evaluation is left': ({ phase }) => phase === 'evaluating-after',
  };
  for (const [moment, when] of Object.entries(moments)) {
    it(`stopped ${moment}, can be resumed, and is then the run that was never stopped`, async () => {
      const run = await newRun();
      const stop = new AbortController();
      const observer: RunObserver = {
        ...SILENT,
        signal: stop.signal,
        onProgress: (progress) => {
          if (when(progress)) stop.abort();
        },
      };
      await assert.rejects(run.execute(observer), Cancelled);
      const { status, step } = await new RunDirectory(files, run.directory).record();
      assert.equal(status, 'stopped');
      const checkpoints = await new RunDirectory(files, run.directory).checkpoints.steps();
      assert.equal(checkpoints.at(-1) ?? 0, step, 'what was done is saved');
      const again = await resume(run);
      await again.execute(SILENT);
      assert.deepEqual(await runFingerprint(files, run.directory), uninterrupted);
    });
  }

  for (const stopped of [false, true]) {
    it(`says how long it rested, ${stopped ? 'also where a stop ended that' : 'and is otherwise the run that never did'}`, async () => {
      let ahead = 0;
      // As on Linux, where the monotonic clock stands still while the machine sleeps.
      const clock = {
        ...systemClock,
        now: () => systemClock.now() + ahead,
        iso: () => new Date(systemClock.now() + ahead).toISOString(),
      };
      const run = await TrainingRun.create({ ...world, clock }, store, config, TINY_ENVIRONMENT);
      let asked = 0;
      const finished = run.execute({
        ...SILENT,
        onPause: async (save) => {
          if (save === undefined || ++asked !== 4) return;
          await save();
          ahead += 8 * 3600 * 1000;
          if (stopped) throw new Cancelled();
        },
      });
      await (stopped ? assert.rejects(finished, Cancelled) : finished);
      const { records } = await new RunDirectory(files, run.directory).events();
      const rests = records.flatMap((event, i) => (event.type === 'paused' ? [{ event, next: records[i + 1] }] : []));
      assert.equal(rests.length, 1);
      const [{ event, next }] = rests as [(typeof rests)[number]];
      assert.ok(Math.abs(event.seconds - 8 * 3600) < 60, `${event.seconds} s`);
      assert.equal(next?.type, stopped ? 'status' : 'step');
      if (stopped) await (await resume(run)).execute(SILENT);
      assert.deepEqual(await runFingerprint(files, run.directory), uninterrupted);
    });
  }

  it('goes on from any kept checkpoint as if it had never gone further', async () => {
    const run = await newRun();
    await run.execute(SILENT);
    const directory = new RunDirectory(files, run.directory);
    const steps = await directory.checkpoints.steps();
    assert(steps.length >= 4);
    for (const step of steps.reverse()) {
      const back = await resume(run, step);
      const seen: number[] = [];
      await back.execute({ ...SILENT, onEvent: (event) => event.type === 'step' && seen.push(event.metrics.step) });
      assert.deepEqual(
        seen,
        [1, 2, 3, 4].filter((update) => update > step),
      );
      assert.deepEqual(await runFingerprint(files, run.directory), uninterrupted, `from update ${step}`);
    }
  });

  it('is left as it was when it is to go on from a checkpoint it does not have', async () => {
    const run = await newRun();
    await run.execute(SILENT);
    const directory = new RunDirectory(files, run.directory);
    const before = [await directory.record(), await directory.events(), await directory.checkpoints.steps()];
    await assert.rejects(resume(run, 17), (error: LatroError) => {
      assert.equal(error.code, 'run-damaged');
      assert.match(error.message, /no whole checkpoint of step 17.*Roll back to one of: .*4/);
      return true;
    });
    assert.deepEqual([await directory.record(), await directory.events(), await directory.checkpoints.steps()], before);
    // Nor is it left locked.
    await (await store.open(run.id)).release();
  });

  it('that has no room for its directory lets go of it', async () => {
    const counting = new FaultyFileSystem(files);
    const newIn = (store: string, files: FaultyFileSystem): Promise<TrainingRun> =>
      TrainingRun.create(
        { ...world, files },
        new RunStore({ ...world, files }, join(folder.path, store)),
        config,
        TINY_ENVIRONMENT,
      );
    const whole = await newIn('roomy', counting);
    await assert.rejects(store.open(whole.directory), (error: LatroError) => error.code === 'run-locked');
    const end = (run: TrainingRun): Promise<void> =>
      assert.rejects(run.execute({ ...SILENT, signal: AbortSignal.abort() }));
    const { calls } = counting;
    await end(whole);
    let failed = 0;
    for (let at = calls - 12; at <= calls; at++) {
      const cramped = `cramped-${at}`;
      const full = new FaultyFileSystem(files, { at, kind: 'full' });
      const made = await newIn(cramped, full).catch((error: LatroError) => error);
      if (made instanceof TrainingRun) {
        await end(made);
        continue;
      }
      failed++;
      assert.equal(made.code, 'disk-full');
      const [run] = await files.list(join(folder.path, cramped));
      assert(run !== undefined);
      const left = await files.list(join(folder.path, cramped, run));
      assert(!left.some((name) => name.endsWith('.lock')), `${left} after ${full.log[at - 1]}`);
    }
    assert(failed > 5, `${failed} of the calls found the disk full`);
  });

  it('is not begun when the mapping names a column that no row has', async () => {
    const mapping = { question: 'question', answer: 'answer' };
    const create = (more: object): Promise<TrainingRun> =>
      TrainingRun.create(
        world,
        store,
        { ...config, dataset: { ...config.dataset, format: 'columns', mapping: { ...mapping, ...more } } },
        TINY_ENVIRONMENT,
      );
    const before = await files.list(store.folder);
    for (const role of ['rationale', 'context']) {
      const wrong = () => create({ [role]: 'no_such_column' });
      await expectLatroError(wrong, 'config-invalid', `mapping.${role}`, '"no_such_column"', 'train.jsonl');
    }
    assert.deepEqual(await files.list(store.folder), before);
  });
});
