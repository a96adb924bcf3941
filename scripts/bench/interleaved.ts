/** Rounds of a stage and of the floors in turn. */
import type { FloorMeter, Floors } from './floors.ts';
import { round } from './report.ts';
import { median } from './statistics.ts';

/** One round and the floors around it. */
export interface Judged<T> {
  readonly result: T;
  readonly floors: Floors;
}

export interface Rounds {
  /** However long they take. */
  readonly least: number;
  /** Seconds after which no further round begins. */
  readonly patience: number;
}

const MOST_ROUNDS = 7;

/**
 * Where the machine's speed drifts, both drift, and each round is judged by the floors around it. The first floors are measured after the first
 * round, so that the memory they take is not counted.
 * @param clock seconds
 */
export async function interleaved<T>(
  { least, patience }: Rounds,
  action: () => Promise<T>,
  openFloors: () => Promise<FloorMeter>,
  clock: () => number = () => performance.now() / 1000,
): Promise<{ readonly rounds: readonly Judged<T>[]; readonly measured: readonly Floors[] }> {
  const start = clock();
  const first = await action();
  const meter = await openFloors();
  let before = await meter.measure();
  const measured = [before];
  const rounds: Judged<T>[] = [{ result: first, floors: before }];
  const isPatient = (): boolean => clock() - start < patience;
  while (rounds.length < least || (rounds.length < MOST_ROUNDS && isPatient())) {
    const result = await action();
    const after = await meter.measure();
    measured.push(after);
    rounds.push({ result, floors: middle([before, after]) });
    before = after;
  }
  await meter.dispose();
  return { rounds, measured };
}

export function middle(floors: readonly Floors[]): Floors {
  return {
    matmulGflops: round(median(floors.map(({ matmulGflops }) => matmulGflops)), 1),
    memoryGBs: round(median(floors.map(({ memoryGBs }) => memoryGBs)), 2),
  };
}
