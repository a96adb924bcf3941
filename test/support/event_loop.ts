/** How long a computation holds the event loop: what an editor would feel of it. */
import { setImmediate } from 'node:timers/promises';

export interface LongestTurn {
  /** Milliseconds between two turns of the event loop, at the longest. */
  readonly longest: number;
  readonly turns: number;
}

/**
 * Runs `work` and takes the time between every two turns meanwhile: on the clock and as processor time, of which the shorter counts.
 * On a machine that does other things as well the clock measures those too, and processor time counts other threads.
 */
export async function longestTurn(work: () => Promise<unknown>): Promise<LongestTurn> {
  let running = true;
  let longest = 0;
  let turns = 0;
  const watch = async () => {
    let wall = performance.now();
    let cpu = process.cpuUsage();
    while (running) {
      await setImmediate();
      const { user, system } = process.cpuUsage(cpu);
      longest = Math.max(longest, Math.min(performance.now() - wall, (user + system) / 1000));
      turns++;
      wall = performance.now();
      cpu = process.cpuUsage();
    }
  };
  const watching = watch();
  try {
    await work();
  } finally {
    running = false;
    await watching;
  }
  return { longest, turns };
}

/**
 * The longest turn of the best of up to three runs, ending early once one stays under `limit`: work that holds the event loop does so
 * every time, while a garbage collection or another program on the machine does not.
 */
export async function bestLongestTurn(limit: number, work: () => Promise<unknown>): Promise<LongestTurn> {
  let best = await longestTurn(work);
  for (let run = 1; run < 3 && best.longest >= limit; run++) {
    const again = await longestTurn(work);
    if (again.longest < best.longest) best = again;
  }
  return best;
}
