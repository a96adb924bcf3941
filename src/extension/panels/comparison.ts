/** Statistics of two evaluations, computed off the extension host's thread. */
import { once } from 'node:events';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import type { EvaluationComparison } from '../../engine/evaluate/compare.ts';
import type { PairedStatistics } from '../../protocol/panel_messages.ts';
import type { EvaluationRow } from '../../protocol/records.ts';
import type { ComparisonInput } from './comparison_worker.ts';

/** Rejects with what `compareEvaluations` throws. */
export async function compareInThread(
  before: readonly EvaluationRow[],
  after: readonly EvaluationRow[],
): Promise<PairedStatistics> {
  const workerData: ComparisonInput = { before, after };
  const worker = new Worker(path.join(import.meta.dirname, 'comparison_worker.cjs'), { workerData });
  const [comparison] = (await once(worker, 'message')) as [EvaluationComparison];
  const { questions, fixed, broken, sameRight, sameWrong, difference, interval, mcNemarP } = comparison;
  return {
    questions,
    fixed,
    broken,
    bothRight: sameRight,
    bothWrong: sameWrong,
    difference,
    interval95: interval,
    mcnemarP: mcNemarP,
  };
}
