/** Compares two evaluations in a thread of its own: the bootstrap interval of some thousand questions takes seconds. */
import { parentPort, workerData } from 'node:worker_threads';
import { compareEvaluations } from '../../engine/evaluate/compare.ts';
import type { EvaluationRow } from '../../protocol/records.ts';

export interface ComparisonInput {
  readonly before: readonly EvaluationRow[];
  readonly after: readonly EvaluationRow[];
}

const { before, after } = workerData as ComparisonInput;
parentPort?.postMessage(compareEvaluations(before, after));
