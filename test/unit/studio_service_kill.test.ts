/** The real engine process, ended by SIGKILL in the middle of a run; another one resumes it. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { NodeFileSystem } from '../../src/engine/common/file_system.ts';
import { RunDirectory } from '../../src/engine/runs/run_directory.ts';
import { EngineClient } from '../../src/extension/engine/engine_client.ts';
import { engineRecordFile, readEngineRecord } from '../../src/protocol/engine_record.ts';
import { bundledProgram } from '../support/bundled_program.ts';
import { eventually } from '../support/eventually.ts';
import { runFingerprint } from '../support/run_fingerprint.ts';
import { nextMessage, tinyRunConfig, writeTinyWorkspace } from '../support/studio_harness.ts';

const files = new NodeFileSystem();

describe('studio service: an engine process killed by SIGKILL', function () {
  this.timeout(240_000);
  let workspace: string;
  let engine: Engine;
  before(async () => {
    workspace = await mkdtemp(join(tmpdir(), 'latro-'));
    await writeTinyWorkspace(workspace);
    engine = await startEngine(workspace);
  });
  after(async () => {
    await engine.client.request('shutdown', { stopJobs: true });
    await engine.ended;
    await rm(workspace, { recursive: true });
  });

  it('leaves a run that the next one resumes to the bytes of the uninterrupted run', async () => {
    const whole = await train('whole');
    assert.deepEqual((await whole.ended).outcome, { type: 'ok' });
    const uninterrupted = await runFingerprint(files, whole.runDirectory);

    for (const lastStep of [1, 3]) {
      const killed = await train(`killed-${lastStep}`);
      await nextMessage(
        engine.client,
        'runEvent',
        killed.jobId,
        ({ event }) => event.type === 'step' && event.metrics.step === lastStep,
      );
      // Anywhere in what follows: the next update, a validation, a checkpoint.
      await setTimeout(20 * lastStep);
      engine.kill();
      await engine.ended;

      engine = await startEngine(workspace);
      const run = new RunDirectory(files, killed.runDirectory);
      assert.equal((await run.record()).status, 'running', 'nobody was there to say otherwise');
      const jobId = `resumed-${lastStep}`;
      const ended = nextMessage(engine.client, 'jobEnded', jobId);
      await engine.client.request('resume', { jobId, runDirectory: killed.runDirectory });
      assert.deepEqual((await ended).outcome, { type: 'ok' });
      assert.deepEqual(await runFingerprint(files, killed.runDirectory), uninterrupted);
      const locks = (await readdir(killed.runDirectory)).filter((name) => name.endsWith('.lock'));
      assert.deepEqual(locks, [], 'the lock of the dead process is gone, and so is the last one');
    }
  });

  async function train(jobId: string) {
    const ended = nextMessage(engine.client, 'jobEnded', jobId);
    const source = { kind: 'inline' as const, config: tinyRunConfig(workspace), baseDirectory: workspace };
    const { runDirectory } = await engine.client.request('train', { jobId, source, overrides: { steps: 5 } });
    return { jobId, runDirectory, ended };
  }
});

interface Engine {
  readonly client: EngineClient;
  readonly ended: Promise<unknown>;
  kill(): void;
}

async function startEngine(workspace: string): Promise<Engine> {
  const name = `${basename(workspace)}-${process.hrtime.bigint()}`;
  const socket =
    process.platform === 'win32' ? `\\\\.\\pipe\\${name}` : join(await mkdtemp(join(tmpdir(), 'latro-')), 's');
  const record = engineRecordFile(workspace);
  const child = spawn(
    process.execPath,
    [bundledProgram('src/engine/server/main.ts'), '--socket', socket, '--record', record],
    {
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
  const ended = once(child, 'exit');
  return { client: await connect(child, record), ended, kill: () => child.kill('SIGKILL') };
}

async function connect(child: ChildProcess, recordFile: string): Promise<EngineClient> {
  const record = await eventually(async () => {
    assert.equal(child.exitCode ?? child.signalCode, null, 'the engine did not start');
    const found = await readEngineRecord(recordFile);
    return found?.pid === child.pid && found;
  });
  return EngineClient.connect(record, 'test');
}
