/** A small LaTRO run on a GPU: what training does there is what it does on the CPU, and its record says where it was done. */
import { strict as assert } from 'node:assert';
import { join } from 'node:path';
import { systemClock } from '../../src/engine/common/clock.ts';
import { NodeFileSystem } from '../../src/engine/common/file_system.ts';
import { systemProcesses } from '../../src/engine/runs/processes.ts';
import { RunDirectory } from '../../src/engine/runs/run_directory.ts';
import { RunStore } from '../../src/engine/runs/run_store.ts';
import type { Device } from '../../src/engine/runtime/session.ts';
import { currentEnvironment } from '../../src/engine/training/environment.ts';
import { TrainingRun } from '../../src/engine/training/training_run.ts';
import type { StepMetrics } from '../../src/protocol/records.ts';
import type { RunConfig } from '../../src/protocol/run_config.ts';
import { DEVICE_UNDER_TEST, requireDevice } from '../support/devices_under_test.ts';
import { temporaryFolder } from '../support/model_fixtures.ts';
import { runFingerprint } from '../support/run_fingerprint.ts';
import { SILENT, tinyRunConfig, writeTinyProject } from '../support/tiny_run.ts';

const files = new NodeFileSystem();
const world = { files, clock: systemClock, processes: systemProcesses };
/** Relative; rounding of each update moves the next one. */
const TOLERANCE = 1e-3;

describe(`LaTRO on ${DEVICE_UNDER_TEST}`, function () {
  // However slow the machine: a software driver compiles hundreds of shaders.
  this.timeout(900_000);
  const folder = temporaryFolder();
  before(async function () {
    await requireDevice(this);
    await writeTinyProject(folder.path);
  });

  const train = async (config: RunConfig, on: Device): Promise<RunDirectory> => {
    const store = new RunStore(world, join(folder.path, 'runs'));
    const run = await TrainingRun.create(world, store, config, currentEnvironment(on, 1));
    await run.execute(SILENT);
    return new RunDirectory(files, run.directory);
  };
  const metrics = async (run: RunDirectory): Promise<StepMetrics[]> =>
    (await run.events()).records.flatMap((event) => (event.type === 'step' ? [event.metrics] : []));

  /** Little of it: the software driver takes its time. */
  const tinyRun = (trainable: RunConfig['trainable']): RunConfig =>
    tinyRunConfig(folder.path, {
      trainable,
      sampling: { rationalesPerQuestion: 3, maxRationaleTokens: 6, minRationaleTokens: 0 },
      steps: 2,
    });
  const ADAPTER = tinyRunConfig('.').trainable;

  async function assertSameTraining(actual: RunDirectory, expected: RunDirectory): Promise<void> {
    const wanted = await metrics(expected);
    const found = await metrics(actual);
    assert.equal(found.length, 2);
    found.forEach((step, i) => {
      // The very same rationales: otherwise the rest could not agree.
      assert.equal(step.meanRationaleTokens, wanted[i]!.meanRationaleTokens);
      for (const name of ['loss', 'gradientNorm', 'meanSelfReward'] as const) {
        const [a, b] = [step[name], wanted[i]![name]];
        assert.ok(
          Math.abs(a - b) <= TOLERANCE * Math.max(1, Math.abs(b)),
          `update ${i + 1}, ${name}: ${a} is not ${b}`,
        );
      }
    });
  }

  it('trains an adapter as on the CPU, says where it did, and resumes bit by bit', async () => {
    const config = tinyRun(ADAPTER);
    const run = await train(config, DEVICE_UNDER_TEST);
    await assertSameTraining(run, await train(config, 'cpu'));

    const { identity, operators = {}, status } = await run.record();
    assert.equal(status, 'finished');
    assert.equal(identity.device, DEVICE_UNDER_TEST);
    for (const program of ['extend', 'extend-score', 'step']) {
      assert.ok(operators[program]!.onDevice > 50, program);
      assert.deepEqual(operators[program]!.fellBack, {}, program);
    }

    const straight = await runFingerprint(files, run.path);
    const store = new RunStore(world, join(folder.path, 'runs'));
    const environment = currentEnvironment(DEVICE_UNDER_TEST, 1);
    const again = await TrainingRun.resume(world, store, run.path, environment, SILENT, { fromStep: 1 });
    await again.execute(SILENT);
    assert.deepEqual(await runFingerprint(files, run.path), straight);
  });

  it('trains all weights as on the CPU', async () => {
    const config = tinyRun({ kind: 'full' });
    await assertSameTraining(await train(config, DEVICE_UNDER_TEST), await train(config, 'cpu'));
  });
});
