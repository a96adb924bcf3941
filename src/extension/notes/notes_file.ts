/**
 * People's notes on the rows of a dataset, in a sidecar beside it (`train.jsonl` → `train.jsonl.notes.json`). A note belongs to a row by
 * its content key: sorting, editing or deleting other rows moves nothing.
 */
import * as v from 'valibot';

export const NoteRecord = v.object({
  id: v.string(),
  rowKey: v.string(),
  text: v.string(),
  author: v.string(),
  /** When it was last written, ISO 8601. */
  time: v.string(),
});
export type NoteRecord = v.InferOutput<typeof NoteRecord>;

export const NotesFile = v.object({ version: v.literal(1), notes: v.array(NoteRecord) });
export type NotesFile = v.InferOutput<typeof NotesFile>;

export const notesFile = (dataset: string): string => `${dataset}.notes.json`;
