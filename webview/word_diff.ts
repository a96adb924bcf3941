/** Word-level difference of two rationales: pure, no DOM. */
import { diffWordsWithSpace } from 'diff';

export type DiffPart = { readonly kind: 'same' | 'removed' | 'added'; readonly text: string };

/** Concatenating 'same' and 'removed' gives `before`, 'same' and 'added' gives `after`. */
export function wordDiff(before: string, after: string): DiffPart[] {
  return diffWordsWithSpace(before, after).map((change) => ({
    kind: change.added ? 'added' : change.removed ? 'removed' : 'same',
    text: change.value,
  }));
}
