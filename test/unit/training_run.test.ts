import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Cancelled, throwIfCancelled } from '../../src/engine/common/errors.ts';
import { NodeFileSystem } from '../../src/engine/common/file_system.ts';
import { RunDirectory } from '../../src/engine/runs/run_directory.ts';
import { RunStore } from '../../src/engine/runs/run_store.ts';
import { openConfig } from '../../src/engine/server/config_source.ts';
import { currentEnvironment } from '../../src/engine/training/environment.ts';
import { type RunObserver, TrainingRun } from '../../src/engine/training/training_run.ts';
import type { RunConfig } from '../../src/protocol/run_config.ts';
import { runFingerprint } from '../support/run_fingerprint.ts';
import { systemWorld, tinyRunConfig, writeTinyWorkspace } from '../support/studio_harness.ts';

const files = new NodeFileSystem();

/** A stop button that is pressed after so many looks at it; a run looks before every batch and every decoded token. */
class PressedAfter {
  readonly #looks: number;
  looked = 0;
  constructor(looks: number) {
    this.#looks = looks;
  }
  get aborted(): boolean {
    return ++this.looked > this.#looks;
  }
}

function observe(button: PressedAfter): RunObserver {
  const signal = button as unknown as AbortSignal;
  return {
    signal,
    onPause: async () => throwIfCancelled(signal),
    onProgress: () => {},
    onEvent: () => {},
    onWarning: (message) => assert.fail(message),
  };
}

describe('training run', function () {
  this.timeout(120_000);
  let folder: string;
  let config: RunConfig;
  let uninterrupted: unknown;
  let looks: number;

  const store = () => new RunStore(systemWorld, config.outputDirectory);
  const start = async (button: PressedAfter): Promise<string> => {
    const run = await TrainingRun.create(systemWorld, store(), config, currentEnvironment(config));
    await run.execute(observe(button)).catch(ignoreCancelled);
    return run.directory;
  };
  const resume = async (directory: string, button: PressedAfter): Promise<void> => {
    const observer = observe(button);
    const run = await TrainingRun.resume(systemWorld, store(), directory, currentEnvironment(config), observer);
    await run.execute(observer).catch(ignoreCancelled);
  };
  const statusOf = async (directory: string) => (await new RunDirectory(files, directory).record()).status;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'latro-run-'));
    await writeTinyWorkspace(folder);
    const source = { kind: 'inline' as const, config: tinyRunConfig(folder), baseDirectory: folder };
    const overrides = {
      sampling: { rationalesPerQuestion: 2, maxRationaleTokens: 12 },
      evaluation: { every: 1, k: 2, maxTokens: 12 },
      checkpoints: { every: 3 },
    };
    config = await openConfig(files, { source, overrides });
    const button = new PressedAfter(Number.POSITIVE_INFINITY);
    uninterrupted = await runFingerprint(files, await start(button));
    looks = button.looked;
  });
  after(() => rm(folder, { recursive: true }));

  it('stopped at any moment and resumed, gives the bytes of the uninterrupted run', async () => {
    assert.ok(looks > 50, `${looks} moments`);
    const moments = 12;
    for (let i = 0; i < moments; i++) {
      const moment = Math.floor((i * looks) / moments);
      const directory = await start(new PressedAfter(moment));
      assert.equal(await statusOf(directory), 'stopped');
      await resume(directory, new PressedAfter(Number.POSITIVE_INFINITY));
      assert.deepEqual(await runFingerprint(files, directory), uninterrupted, `stopped at ${moment} of ${looks}`);
      await rm(directory, { recursive: true });
    }
  });

  it('stopped again and again, gets there all the same', async () => {
    const directory = await start(new PressedAfter(looks >> 2));
    let stops = 1;
    for (; (await statusOf(directory)) !== 'finished'; stops++) {
      assert.ok(stops < 20, 'every stretch is longer than an update');
      await resume(directory, new PressedAfter(looks >> 2));
    }
    assert.ok(stops > 2);
    assert.deepEqual(await runFingerprint(files, directory), uninterrupted);
  });
});

function ignoreCancelled(error: unknown): void {
  if (!(error instanceof Cancelled)) throw error;
}
