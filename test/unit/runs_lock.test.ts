import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { LatroError } from '../../src/engine/common/errors.ts';
import { NodeFileSystem } from '../../src/engine/common/file_system.ts';
import { type Processes, type ProcessId, systemProcesses } from '../../src/engine/runs/processes.ts';
import { currentWriter, RunLock } from '../../src/engine/runs/run_lock.ts';
import { FaultyFileSystem } from '../support/faulty_file_system.ts';
import { ManualClock } from '../support/manual_clock.ts';
import { PowerLossFileSystem } from '../support/power_loss_file_system.ts';

const clock = new ManualClock();
const node = new NodeFileSystem();

/** Processes of one machine, some alive. */
function machine(alive: ReadonlySet<string>, self: ProcessId): Processes {
  return { self: async () => self, isAlive: async ({ pid, start }) => alive.has(`${pid}/${start}`) };
}
const process1 = { pid: 1, start: 'a', host: 'here' };
const process2 = { pid: 2, start: 'a', host: 'here' };

function isLocked(error: unknown): boolean {
  return error instanceof LatroError && error.code === 'run-locked';
}

describe('the lock of a run', () => {
  let disk: PowerLossFileSystem;
  beforeEach(async () => {
    disk = new PowerLossFileSystem();
    await disk.makeDirectory('/run');
  });
  const acquire = (alive: string[], self: ProcessId) =>
    RunLock.acquire(disk, '/run', machine(new Set(alive), self), clock);

  it('refuses a second writer, names the first, and lets it in once the first has gone', async () => {
    const first = await acquire(['1/a', '2/a'], process1);
    await assert.rejects(acquire(['1/a', '2/a'], process2), (error: LatroError) => {
      assert.equal(error.code, 'run-locked');
      assert.match(error.reason, /Process 1 /);
      return true;
    });
    await assert.rejects(acquire(['1/a'], process1), isLocked, 'nor twice in one process');
    await first.release();
    await (await acquire(['2/a'], process2)).release();
    assert.deepEqual(await disk.list('/run'), []);
  });

  it('recovers a lock whose process is dead, or whose pid is another process by now', async () => {
    await acquire(['1/a'], process1);
    const second = await acquire(['2/a'], process2);
    assert.deepEqual(await disk.list('/run'), ['writer-2-a.lock']);
    await second.release();
    await acquire(['1/a'], process1);
    await acquire(['1/b', '2/a'], process2);
    assert.deepEqual(await disk.list('/run'), ['writer-2-a.lock']);
  });

  it('never takes a lock held on another machine, and names the file to delete', async () => {
    await acquire([], { pid: 1, start: 'a', host: 'there' });
    await assert.rejects(acquire([], process2), (error: LatroError) => {
      assert.match(error.reason, /on there/);
      assert.match(error.nextStep, /delete .*writer-1-a\.lock/);
      return true;
    });
    assert.deepEqual(await disk.list('/run'), ['writer-1-a.lock']);
  });

  it('leaves at most one writer and never a stuck lock, when any call fails', async () => {
    for (let at = 1; ; at++) {
      disk = new PowerLossFileSystem();
      await disk.makeDirectory('/run');
      await acquire([], { pid: 3, start: 'a', host: 'here' });
      const faulty = new FaultyFileSystem(disk, { at, kind: 'crash' });
      await RunLock.acquire(faulty, '/run', machine(new Set(['1/a']), process1), clock).catch(() => {});
      if (!faulty.struck) break;
      assert.equal(await currentWriter(disk, '/run', machine(new Set(), process2)), null, 'process 1 is dead');
      await acquire(['2/a'], process2);
      assert.deepEqual(await disk.list('/run'), ['writer-2-a.lock']);
    }
  });

  it('lets at most one of several in, however their calls interleave', async () => {
    const pids = [1, 2, 3, 4];
    const alive = new Set(pids.map((pid) => `${pid}/a`));
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), async (scheduler) => {
        const shared = new PowerLossFileSystem();
        await shared.makeDirectory('/run');
        await RunLock.acquire(shared, '/run', machine(new Set(), { pid: 9, start: 'dead', host: 'here' }), clock);
        const interleaved = new Proxy(shared, {
          get(target, name) {
            const member = Reflect.get(target, name, target) as unknown;
            if (typeof member !== 'function') return member;
            return (...args: unknown[]) =>
              scheduler.schedule(Promise.resolve(), String(name)).then(() => member.apply(target, args));
          },
        });
        const entered = Promise.all(
          pids.map((pid) =>
            RunLock.acquire(interleaved, '/run', machine(alive, { pid, start: 'a', host: 'here' }), clock).then(
              () => pid,
              () => null,
            ),
          ),
        );
        await scheduler.waitFor(entered);
        const inside = (await entered).filter((pid) => pid !== null);
        assert(inside.length <= 1, `${inside.join()} are in`);
        const left = (await shared.list('/run')).filter((name) => name !== 'writer-9-dead.lock');
        assert.deepEqual(
          left,
          inside.map((pid) => `writer-${pid}-a.lock`),
          'who is not in leaves no lock',
        );
      }),
      { numRuns: 300 },
    );
  });

  it('is seen, and seen to be stale, with real processes', async function () {
    this.timeout(20_000);
    const folder = await mkdtemp(join(tmpdir(), 'latro-lock-'));
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    try {
      await once(child, 'spawn');
      const self = await systemProcesses.self();
      assert.equal(self.pid, process.pid);
      assert(await systemProcesses.isAlive(self));
      assert.equal(await systemProcesses.isAlive({ ...self, start: 'earlier' }), self.start === '');

      const lock = await RunLock.acquire(node, folder, systemProcesses, clock);
      assert.deepEqual(await currentWriter(node, folder, systemProcesses), self);
      await lock.release();

      const other = { pid: child.pid ?? 0, start: '', host: self.host };
      await writeFile(join(folder, `writer-${other.pid}-.lock`), JSON.stringify(other));
      await assert.rejects(RunLock.acquire(node, folder, systemProcesses, clock), isLocked);
      child.kill('SIGKILL');
      await once(child, 'exit');
      assert.equal(await currentWriter(node, folder, systemProcesses), null);
      await RunLock.acquire(node, folder, systemProcesses, clock);
      assert.equal((await readdir(folder)).length, 1);
    } finally {
      child.kill('SIGKILL');
      await rm(folder, { recursive: true });
    }
  });
});
