/** Word diffs on screen: removed words struck through, added words underlined, so that colour is never alone. */
import { type Child, h } from './dom.ts';
import { wordDiff } from './word_diff.ts';

/** `show` picks a side for side-by-side views; 'both' is the inline view. */
export function diffView(before: string, after: string, show: 'both' | 'before' | 'after'): Child {
  // Where a text begins is no part of what it says.
  return wordDiff(before.trimStart(), after.trimStart()).map(({ kind, text }) => {
    if (kind === 'same') return text;
    if (kind === 'removed') return show === 'after' ? null : h('del', null, text);
    return show === 'before' ? null : h('ins', null, text);
  });
}
