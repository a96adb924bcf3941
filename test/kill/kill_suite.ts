/**
 * Ends a training process by SIGKILL, at random moments and within every file-system call it makes, or lets it find the disk full there;
 * then resumes the run and compares bytes with the run that nobody interrupted: adapter, moments, rollouts, evaluations, metrics.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { LatroError } from '../../src/engine/common/errors.ts';
import { NodeFileSystem } from '../../src/engine/common/file_system.ts';
import { RandomStream } from '../../src/engine/common/random.ts';
import type { StepMetrics } from '../../src/protocol/records.ts';
import { FaultyFileSystem } from '../support/faulty_file_system.ts';
import { runFingerprint } from '../support/run_fingerprint.ts';
import { bundleChild, type ChildProgram, startChild } from './killed_process.ts';
import { onlyRun, trainOrResume, writeProject } from './subject.ts';

/** With this many random moments every file-system call is tried, too; with fewer, as many of the calls fewer, evenly spread. */
export const ALL_KILLS = 200;
const files = new NodeFileSystem();

/** Every `of`-th kill, counted from `index`, so that the whole can be done in parts. */
export interface Part {
  readonly index: number;
  readonly of: number;
}

export function describeKills(randomKills: number, { index, of }: Part = { index: 0, of: 1 }): void {
  const stride = Math.max(1, Math.floor(ALL_KILLS / randomKills));
  const range = (from: number, to: number, step: number): number[] =>
    Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, i) => from + i * step).filter(
      (_, i) => i % of === index,
    );

  describe('a training process killed by SIGKILL', function () {
    this.timeout(0);
    let folder: string;
    let project: string;
    let program: ChildProgram;
    let uninterrupted: { events: { type: string; metrics?: StepMetrics }[] };
    let calls = 0;
    /** From the child's first word to its end, in milliseconds. */
    let duration = 0;

    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'latro-kill-'));
      project = join(folder, 'project');
      await writeProject(project);
      program = await bundleChild();
      const store = join(folder, 'uninterrupted');
      const child = await startChild(program, project, store);
      const started = performance.now();
      const output = await child.ended();
      duration = performance.now() - started;
      calls = Number(/calls (\d+)/.exec(output)?.[1]);
      assert(calls > 200, `the uninterrupted run said: ${output}`);
      uninterrupted = (await fingerprint(store)) as typeof uninterrupted;
    });
    after(async () => {
      await program.remove();
      await rm(folder, { recursive: true, force: true });
    });

    it('is killed in a run that has something of everything to lose', () => {
      const types = new Set(uninterrupted.events.map(({ type }) => type));
      assert.deepEqual([...types].sort(), ['evaluation', 'health', 'step']);
      const updates = uninterrupted.events.flatMap(({ metrics }) => metrics ?? []);
      for (const used of ['approvedRationales', 'ratedRationales'] as const)
        assert(
          updates.some((update) => (update[used] ?? 0) > 0),
          used,
        );
    });

    it('within any file-system call, resumed, gives the bytes of the uninterrupted run', async () => {
      await inParallel(range(stride, calls, stride), async (call) => {
        const store = join(folder, `call-${call}`);
        const output = await (await startChild(program, project, store, `${call}`)).ended();
        assert(!output.includes('calls'), 'it was to be killed');
        await resumeAndCompare(store, `killed in call ${call} of ${calls}`);
      });
    });

    it(`at ${randomKills} random moments, also while it resumes, gives the bytes of the uninterrupted run`, async () => {
      await inParallel(range(1, randomKills, 1), async (kill) => {
        const random = new RandomStream(2026, kill);
        const store = join(folder, `moment-${kill}`);
        const moments: string[] = [];
        do {
          const moment = random.next() * duration;
          moments.push(moment.toFixed(0));
          const child = await startChild(program, project, store);
          const timer = setTimeout(() => child.kill(), moment);
          await child.ended();
          clearTimeout(timer);
        } while (random.next() < 0.25);
        await resumeAndCompare(store, `kill ${kill}, after ${moments} ms of ${duration.toFixed(0)}`);
      });
    });

    it('that finds the disk full from any file-system call on says so, and gives those bytes once there is room', async () => {
      for (const call of range(stride, calls, stride)) {
        const store = join(folder, `full-${call}`);
        const full = new FaultyFileSystem(files, { at: call, kind: 'full' });
        const ended = await trainOrResume(full, project, store).catch((error: unknown) => error);
        if (ended !== undefined) assert(ended instanceof LatroError && ended.code === 'disk-full', String(ended));
        await resumeAndCompare(store, `disk full from call ${call} of ${calls}: ${full.log[call - 1]}`);
      }
    });

    async function resumeAndCompare(store: string, what: string): Promise<void> {
      await trainOrResume(files, project, store).catch((error: unknown) => {
        throw new Error(what, { cause: error });
      });
      assert.deepEqual(await fingerprint(store), uninterrupted, what);
      await rm(store, { recursive: true, force: true });
    }

    async function fingerprint(store: string): Promise<unknown> {
      const run = await onlyRun(files, store);
      assert(run !== null);
      return runFingerprint(files, run);
    }
  });
}

/** As many at once as there are cores; stops at the first failure. */
async function inParallel<T>(items: readonly T[], action: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values();
  const worker = async (): Promise<void> => {
    for (const item of queue) await action(item);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
}
