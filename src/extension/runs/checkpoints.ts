/** Names of checkpoints. Pure. */

/** Weights by the number of updates behind them. */
export const checkpointName = (updates: number): string => (updates === 0 ? 'base' : `step-${updates}`);

/** The number of updates in a checkpoint's name; 0 for the base. */
export const updatesBehind = (checkpoint: string): number => Number(/^step-(\d+)$/.exec(checkpoint)?.[1] ?? 0);
