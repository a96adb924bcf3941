import assert from 'node:assert/strict';
import { existsSync, statSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { constants, getPriority, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { EngineClient } from '../../src/extension/engine/engine_client.ts';
import { isAlive } from '../../src/extension/engine/engine_launcher.ts';
import { type EngineCrash, EngineSupervisor } from '../../src/extension/engine/engine_supervisor.ts';
import { engineRecordFile, readEngineRecord, removeDeadSocket } from '../../src/protocol/engine_record.ts';
import type { RequestParams } from '../../src/protocol/engine_rpc.ts';
import { eventually } from '../support/eventually.ts';
import { bundleTinyEngine } from '../support/tiny_engine.ts';

/** Real processes, as the extension starts them. A window is a supervisor: closing it disposes the supervisor and nothing else. */
describe('engine supervisor', function () {
  this.timeout(30_000);
  let entry: string;
  let workspace: string;
  const windows: EngineSupervisor[] = [];
  const pids = new Set<number>();
  let crashes: EngineCrash[];

  const openWindow = (version = '0.1.0') => {
    const log = { info: () => {}, warn: () => {}, error: () => {} };
    const window = new EngineSupervisor({ workspace, entry, version, log });
    window.onConnected((client) => pids.add(client.info.pid));
    window.onCrashed((crash) => crashes.push(crash));
    windows.push(window);
    return window;
  };
  const train = (jobId: string, steps: number): RequestParams<'train'> => ({
    jobId,
    source: { kind: 'inline', config: { model: 'm', dataset: { train: 'd.jsonl' } }, baseDirectory: workspace },
    overrides: { steps },
  });
  const stepsOf = async (runDirectory: string) =>
    (await readFile(path.join(runDirectory, 'events.jsonl'), 'utf8')).trim().split('\n').length;
  const gone = async (pid: number) => {
    await eventually(() => !isAlive(pid));
  };
  const shutDown = async (client: EngineClient) => {
    await client.request('shutdown', { stopJobs: true });
    await gone(client.info.pid);
  };

  before(async () => {
    entry = await bundleTinyEngine();
  });
  after(() => rm(path.dirname(entry), { recursive: true }));
  beforeEach(async () => {
    workspace = await mkdtemp(path.join(tmpdir(), 'latro-ws-'));
    crashes = [];
    delete process.env.TINY_IDLE_MILLISECONDS;
    process.env.TINY_STEP_MILLISECONDS = '20';
  });
  afterEach(async () => {
    for (const window of windows.splice(0)) window.dispose();
    for (const pid of pids) {
      if (isAlive(pid)) process.kill(pid, 'SIGKILL');
      await gone(pid);
    }
    pids.clear();
    const record = await readEngineRecord(engineRecordFile(workspace));
    if (record !== undefined) await removeDeadSocket(record.socket);
    await rm(workspace, { recursive: true, force: true, maxRetries: 5 });
  });

  it('starts nothing before something is asked, then one engine however many ask', async () => {
    const window = openWindow();
    assert.equal(await window.attach(), undefined);
    assert.equal(existsSync(engineRecordFile(workspace)), false);
    const clients = await Promise.all([window.client(), window.client(), window.attach()]);
    assert.equal(new Set(clients).size, 1);
  });

  it('lets the window come first: the engine has the lower priority', async () => {
    const client = await openWindow().client();
    const expected = Math.max(constants.priority.PRIORITY_BELOW_NORMAL, getPriority());
    assert.equal(getPriority(client.info.pid), expected);
    const group = `/proc/${client.info.pid}/autogroup`;
    if (existsSync(group)) {
      const nice = Number(/nice (-?\d+)/.exec(await readFile(group, 'utf8'))?.[1]);
      assert.equal(nice, constants.priority.PRIORITY_BELOW_NORMAL, 'among sessions too, which Linux weighs first');
    }
  });

  it('keeps the record to its owner and the workspace clean', async () => {
    await openWindow().client();
    if (process.platform !== 'win32') assert.equal(statSync(engineRecordFile(workspace)).mode & 0o777, 0o600);
    assert.equal(await readFile(path.join(workspace, '.latro', '.gitignore'), 'utf8'), '*\n');
  });

  it('lets a run outlive the window and finds it again from the next one', async () => {
    const first = openWindow();
    const { runDirectory } = await (await first.client()).request('train', train('a', 60));
    first.dispose();
    await setTimeout(100);
    const second = openWindow();
    const client = await second.attach();
    assert.equal(second.jobs.activeRun?.runDirectory, runDirectory);
    await new Promise((resolve) => second.jobs.onEnded(resolve));
    assert.equal(await stepsOf(runDirectory), 60);
    assert.deepEqual(crashes, []);
    await shutDown(client!);
  });

  it('reports a killed engine once, with the run it was training, and resumes it in a new process', async () => {
    const window = openWindow();
    const client = await window.client();
    const { runDirectory } = await client.request('train', train('a', 1_000));
    await new Promise<void>((resolve) => client.on('runEvent', ({ event }) => event.type === 'step' && resolve()));
    const { socket } = (await readEngineRecord(engineRecordFile(workspace)))!;
    process.kill(client.info.pid, 'SIGKILL');
    await new Promise<void>((resolve) => window.onCrashed(() => resolve()));
    await setTimeout(200);
    assert.equal(existsSync(path.dirname(socket)), false, 'nothing of it stays in the temporary folder');
    assert.equal(crashes.length, 1);
    assert.deepEqual(
      crashes[0]?.jobs.map((job) => [job.kind, job.runDirectory]),
      [['train', runDirectory]],
    );
    assert.deepEqual(window.jobs.jobs, []);

    const before = await stepsOf(runDirectory);
    const successor = await window.client();
    assert.notEqual(successor.info.pid, client.info.pid);
    await successor.request('resume', { jobId: 'b', runDirectory });
    await new Promise<void>((resolve) => successor.on('runEvent', () => resolve()));
    assert.ok((await stepsOf(runDirectory)) > before);
    await shutDown(successor);
  });

  it('does not take a stale record for an engine', async () => {
    const closed = openWindow();
    const { pid } = (await closed.client()).info;
    closed.dispose();
    process.kill(pid, 'SIGKILL');
    await gone(pid);
    const window = openWindow();
    const record = await readEngineRecord(engineRecordFile(workspace));
    assert.ok(record, 'the killed engine left its record');
    assert.equal(await window.attach(), undefined);
    assert.notEqual((await window.client()).info.pid, pid);
    if (process.platform !== 'win32')
      assert.equal(existsSync(path.dirname(record.socket)), false, 'its successor tidies up');
  });

  it('removes nothing that a record names but a socket where sockets are made', async () => {
    const folders = await Promise.all(['latro-', 'other-'].map((name) => mkdtemp(path.join(tmpdir(), name))));
    const files = folders.map((folder) => path.join(folder, 'engine.sock'));
    for (const file of files) await writeFile(file, 'precious');
    for (const file of files) await removeDeadSocket(file);
    for (const file of files) assert.equal(existsSync(file), true);
    for (const folder of folders) await rm(folder, { recursive: true });
  });

  it('leaves no record, socket or process after a shutdown, and calls it no crash', async () => {
    const window = openWindow();
    const client = await window.client();
    const record = await readEngineRecord(engineRecordFile(workspace));
    await shutDown(client);
    assert.equal(existsSync(engineRecordFile(workspace)), false);
    assert.equal(existsSync(path.dirname(record!.socket)), false);
    assert.deepEqual(crashes, []);
  });

  it('ends an engine that nobody needs, but not one that trains', async () => {
    process.env.TINY_IDLE_MILLISECONDS = '500';
    const window = openWindow();
    const client = await window.client();
    await client.request('train', train('a', 75)); // 1.5 s
    window.dispose();
    await setTimeout(900);
    assert.ok(isAlive(client.info.pid), 'a run keeps it alive without a window');
    await gone(client.info.pid);
    assert.equal(await stepsOf(path.join(workspace, '.latro', 'runs', 'tiny-a')), 75);
    assert.equal(existsSync(engineRecordFile(workspace)), false);
  });

  it('replaces an idle engine of another version and leaves one at work alone', async () => {
    const old = await openWindow().client();
    await old.request('train', train('a', 1_000));
    const atWork = await openWindow('0.2.0').client();
    assert.equal(atWork.info.pid, old.info.pid);
    await old.request('stop', { jobId: 'a' });
    await eventually(async () => (await old.request('listJobs', {})).jobs.length === 0);
    process.env.TINY_ENGINE_VERSION = '0.2.0';
    try {
      const idle = await openWindow('0.2.0').client();
      assert.equal(idle.info.engineVersion, '0.2.0');
      await gone(old.info.pid);
      assert.ok(await readEngineRecord(engineRecordFile(workspace)), "the old engine took its successor's record away");
    } finally {
      delete process.env.TINY_ENGINE_VERSION;
    }
    assert.deepEqual(crashes, []);
  });

  it('says why an engine could not be started', async () => {
    const window = new EngineSupervisor({
      workspace,
      entry: path.join(workspace, 'none.cjs'),
      version: '0.1.0',
      log: { info: () => {}, warn: () => {}, error: () => {} },
    });
    await assert.rejects(window.client(), {
      code: 'engine-stopped',
      message: /could not be started: it ended with code 1/,
    });
  });
});
