/** Who is at a question without rationales is led to one that has some: an update samples a few of many rows. */
import type { DatasetRow } from '../../engine/datasets/row.ts';
import { samePath } from '../common/same_path.ts';
import { type DatasetText, nearestRow, rowAt } from '../dataset/dataset_rows.ts';
import type { Place } from '../dataset/place.ts';
import type { KnownRuns } from '../runs/dataset_runs.ts';
import { newestRowKeys } from '../runs/rollout_index.ts';
import type { QuestionSource } from './question_source.ts';

/**
 * The row nearest to a place that the newest update of the run shown has sampled: of such a question there is the most to see. Undefined
 * where the row at the place has rationales of its own, and where nothing was sampled of the rows as they stand.
 */
export async function nearestSampled(
  text: DatasetText,
  place: Place,
  { runs, source }: { readonly runs: KnownRuns; readonly source: Pick<QuestionSource, 'known' | 'runOf'> },
): Promise<DatasetRow | undefined> {
  const file = text.fileName;
  const run = await source.runOf({ file });
  if (run === null) return undefined;
  const at = rowAt(text, place);
  if (at.kind === 'no-dataset' || at.kind === 'too-large') return undefined;
  if (at.kind === 'row' && (await source.known({ file, row: at.row, text: at.text })).sampled.size > 0)
    return undefined;
  // Of a test set a run samples no rationales: nothing to search all of it for.
  if (!samePath(run.dataset, file)) return undefined;
  const sampled = await newestRowKeys(runs.directory(run));
  return sampled.size === 0 ? undefined : await nearestRow(text, place, (rowKey) => sampled.has(rowKey));
}
