/** Under which weights a draft was written. A run that is rolled back and resumed makes others by the same names, and another run has them too. */
import type { RationaleQuestion } from '../src/protocol/rationale_messages.ts';

export interface WrittenUnder {
  /** Whose weights: as in the snapshot. Absent in drafts from before it was kept. */
  readonly run?: string | null | undefined;
  readonly checkpoint?: string | undefined;
  /** As in the snapshot's checkpoints: tells these weights from others of the same name. */
  readonly weights?: string | undefined;
}

export function writtenUnder({ run, checkpoints }: RationaleQuestion, checkpoint: string) {
  const weights = checkpoints.find(({ name }) => name === checkpoint)?.weights;
  return { run, checkpoint, ...(weights === undefined ? {} : { weights }) };
}

/** Whether the weights of that name are still those. Where nothing tells them from others there are no others. */
export function areSame({ checkpoint, weights }: WrittenUnder, { checkpoints }: RationaleQuestion): boolean {
  const now = checkpoints.find(({ name }) => name === checkpoint)?.weights;
  return now === undefined || now === weights;
}

/** Whether it was written among the rationales that are shown: ids of others may be equal to theirs. */
export function isAmongShown(draft: WrittenUnder, snapshot: RationaleQuestion): boolean {
  const { run, current } = snapshot;
  return draft.run === run && draft.checkpoint === current?.checkpoint && areSame(draft, snapshot);
}
