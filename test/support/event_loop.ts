/** How long a computation holds the event loop: what an editor would feel of it. */
import { existsSync, openSync, readSync } from 'node:fs';

/** The loop is looked at this often. */
const LOOK_MILLISECONDS = 1;

/** One turn of the event loop. */
export interface Turn {
  /**
   * Milliseconds for which the main thread computed, collected garbage or was in the system on its own account. What other programs take
   * of a busy machine is not among them, nor is waiting: a read that blocks shows in `clock` alone.
   */
  readonly processor: number;
  /** Milliseconds on the clock, with everything that other programs took. */
  readonly clock: number;
}

export interface LongestTurn {
  /** Milliseconds of processor time, in the turn that had most of it. */
  readonly longest: number;
  /** Milliseconds on the clock, of the turn that had most of them. */
  readonly onTheClock: number;
  readonly turns: number;
}

/** Times every turn of this process's event loop until it is stopped. */
export class LoopWatch {
  readonly #onTurn: (turn: Turn) => void;
  #clock = performance.now();
  #processor = processorTime();
  #timer: NodeJS.Timeout | undefined;

  constructor(onTurn: (turn: Turn) => void) {
    this.#onTurn = onTurn;
    this.#timer = setTimeout(this.#look, LOOK_MILLISECONDS);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  readonly #look = (): void => {
    const [clock, processor] = [performance.now(), processorTime()];
    this.#onTurn({ clock: clock - this.#clock, processor: processor - this.#processor });
    [this.#clock, this.#processor] = [clock, processor];
    this.#timer = setTimeout(this.#look, LOOK_MILLISECONDS);
  };
}

/** The longest turn while `work` is done, that of its end included. */
export async function longestTurn(work: () => Promise<unknown>): Promise<LongestTurn> {
  let [longest, onTheClock, turns] = [0, 0, 0];
  const watch = new LoopWatch(({ processor, clock }) => {
    longest = Math.max(longest, processor);
    onTheClock = Math.max(onTheClock, clock);
    turns++;
  });
  try {
    await work();
    for (const before = turns; turns === before; ) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MILLISECONDS));
    }
  } finally {
    watch.stop();
  }
  return { longest, onTheClock, turns };
}

const ACCOUNT = '/proc/self/schedstat';
const account = existsSync(ACCOUNT) ? openSync(ACCOUNT, 'r') : undefined;
const text = Buffer.alloc(128);

/** Milliseconds of processor time of the main thread; where the system does not say them, of the whole process. */
function processorTime(): number {
  const { threadCpuUsage } = process as { threadCpuUsage?: () => NodeJS.CpuUsage }; // not in Node 20
  if (threadCpuUsage === undefined && account !== undefined) {
    // "time on a processor, time waited for one, turns on one", in nanoseconds; a few milliseconds old
    return Number.parseInt(text.toString('latin1', 0, readSync(account, text, 0, text.length, 0)), 10) / 1e6;
  }
  const { user, system } = (threadCpuUsage ?? process.cpuUsage)();
  return (user + system) / 1000;
}
