import type { LongestTurn } from '../../support/event_loop.ts';

/** What the probe leaves in the workspace. */
export const LOOP_FILE = '.loop.json';

export interface LoopReport extends LongestTurn {
  readonly seconds: number;
}
