/** How fast this machine is at the moment, so that limits in seconds mean the same on every machine, however busy. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

/** What one quiet core of the machine that the limits were set on takes for the work below. */
const REFERENCE_MILLISECONDS = 870;
/** That machine had two, and both were used. */
const REFERENCE_CORES = 2;

/** A chain of dependent multiplications: no memory, nothing to share but the cores. */
const WORK = `
  const { parentPort } = require('node:worker_threads');
  const work = (count) => {
    let x = 0.5;
    for (let i = 0; i < count; i++) x = x * 0.999999 + 1e-7;
    return x;
  };
  work(1e6);
  const started = performance.now();
  const result = work(3e8);
  parentPort.postMessage({ milliseconds: performance.now() - started, result });
`;

/**
 * How many times as long as on the reference machine work takes now on as many cores as that had; at least 1, for a limit is not to
 * shrink on a faster machine. Takes about a second.
 */
export async function slowness(): Promise<number> {
  const times = await Promise.all(
    Array.from({ length: REFERENCE_CORES }, async () => {
      const worker = new Worker(WORK, { eval: true });
      const [{ milliseconds }] = (await once(worker, 'message')) as [{ milliseconds: number }];
      await worker.terminate();
      return milliseconds;
    }),
  );
  return Math.max(1, Math.max(...times) / REFERENCE_MILLISECONDS);
}
