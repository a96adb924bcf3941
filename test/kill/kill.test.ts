/**
 * Ends a training process by SIGKILL, at random moments and within every file-system call it makes, resumes the run, and compares bytes
 * with the run that nobody interrupted. LATRO_KILLS sets the number of random moments (default 200).
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NodeFileSystem } from '../../src/engine/common/file_system.ts';
import { RandomStream } from '../../src/engine/common/random.ts';
import { runFingerprint } from '../support/run_fingerprint.ts';
import { resume } from './subject.ts';

const CHILD = fileURLToPath(new URL('./child.ts', import.meta.url));
const RANDOM_KILLS = Number(process.env.LATRO_KILLS ?? 200);
const files = new NodeFileSystem();

describe('a training process killed by SIGKILL', function () {
  this.timeout(0);
  let folder: string;
  let uninterrupted: unknown;
  let calls = 0;
  /** From the child's first word to its end, in milliseconds. */
  let duration = 0;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'latro-kill-'));
    const store = join(folder, 'uninterrupted');
    const child = await startChild(store);
    const started = performance.now();
    const output = await child.ended();
    duration = performance.now() - started;
    calls = Number(/calls (\d+)/.exec(output)?.[1]);
    assert(calls > 100, `the uninterrupted run said: ${output}`);
    uninterrupted = await runFingerprint(files, await onlyRun(store));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('within any file-system call, resumed, gives the bytes of the uninterrupted run', async () => {
    for (let call = 1; call <= calls; call++) {
      const store = join(folder, `call-${call}`);
      const output = await (await startChild(store, `${call}`)).ended();
      assert(!output.includes('calls'), 'it was to be killed');
      await resumeAndCompare(store, `killed in call ${call} of ${calls}`);
    }
  });

  it(`at ${RANDOM_KILLS} random moments, resumed, gives the bytes of the uninterrupted run`, async () => {
    const random = new RandomStream(2026);
    for (let kill = 1; kill <= RANDOM_KILLS; kill++) {
      const store = join(folder, `moment-${kill}`);
      const moment = random.next() * duration;
      const child = await startChild(store);
      const timer = setTimeout(() => child.kill(), moment);
      await child.ended();
      clearTimeout(timer);
      await resumeAndCompare(store, `kill ${kill}, after ${moment.toFixed(1)} ms of ${duration.toFixed(0)}`);
    }
  });

  async function resumeAndCompare(store: string, what: string): Promise<void> {
    const run = await onlyRun(store).catch(() => null);
    if (run !== null) {
      await resume(files, run);
      assert.deepEqual(await runFingerprint(files, run), uninterrupted, what);
    }
    await rm(store, { recursive: true, force: true });
  }
});

/** The run in a store; rejects when it had not come into being. */
async function onlyRun(store: string): Promise<string> {
  const [name, ...others] = await readdir(store);
  assert(name !== undefined && others.length === 0, `${store} holds ${[name, ...others].join(', ')}`);
  assert((await files.status(join(store, name, 'run.json'))) !== null, 'no run.json');
  return join(store, name);
}

async function startChild(store: string, ...args: string[]) {
  const child = spawn(process.execPath, ['--import=tsx', CHILD, store, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const closed = once(child, 'close');
  await Promise.race([once(child.stdout, 'data'), closed]);
  return {
    kill: () => child.kill('SIGKILL'),
    ended: async () => {
      await closed;
      return output;
    },
  };
}
