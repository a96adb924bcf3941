/**
 * People's ratings of rationales, in a sidecar beside the dataset (`train.jsonl` → `train.jsonl.ratings.json`). A rating belongs to a
 * row by its content key and to a rationale by its text, so sorting, editing or deleting other rows moves nothing.
 */
import * as v from 'valibot';
import { RatingVerdict } from './rationale_messages.ts';

export const RatingRecord = v.object({
  rowKey: v.string(),
  /** The whole text of the rated rationale. */
  rationale: v.string(),
  /** null: only a note. */
  verdict: v.nullable(RatingVerdict),
  /** Empty: no note. */
  note: v.string(),
  /** ISO 8601. */
  time: v.string(),
});
export type RatingRecord = v.InferOutput<typeof RatingRecord>;

export const RatingsFile = v.object({ version: v.literal(1), ratings: v.array(RatingRecord) });
export type RatingsFile = v.InferOutput<typeof RatingsFile>;

export const ratingsFile = (dataset: string): string => `${dataset}.ratings.json`;
