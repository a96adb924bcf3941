/** Word-level difference of two rationales: pure, no DOM. */
import { diffWordsWithSpace } from 'diff';

export type DiffPart = { readonly kind: 'same' | 'removed' | 'added'; readonly text: string };

/**
 * Concatenating 'same' and 'removed' gives `before`, 'same' and 'added' gives `after`. Words that agree by chance inside a rewritten
 * passage are few; spaces and signs between two changes belong to the change, so that a passage reads as one removal and one addition.
 */
export function wordDiff(before: string, after: string): DiffPart[] {
  const changes = diffWordsWithSpace(before, after);
  const parts: DiffPart[] = [];
  let removed = '';
  let added = '';
  const flush = (): void => {
    if (removed !== '') parts.push({ kind: 'removed', text: removed });
    if (added !== '') parts.push({ kind: 'added', text: added });
    removed = added = '';
  };
  changes.forEach((change, i) => {
    if (change.removed) removed += change.value;
    else if (change.added) added += change.value;
    else if (i > 0 && i < changes.length - 1 && !/[\p{L}\p{N}]/u.test(change.value)) {
      removed += change.value;
      added += change.value;
    } else {
      flush();
      parts.push({ kind: 'same', text: change.value });
    }
  });
  flush();
  return parts;
}
