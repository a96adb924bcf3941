/** Text of models and datasets in Markdown: shown to the character and never interpreted. */

/**
 * One line. Spaces stay spaces, so that it is wrapped between words, which it is not as VS Code's own `appendText` writes it; only those
 * that Markdown would drop or take for a block of code are hard ones.
 */
export function shownText(line: string): string {
  return line
    .replace(/[!-/:-@[-`{-~]/g, '\\$&')
    .replace(/\t/g, '    ')
    .replace(/[\r\n\v\f\u0085\u2028\u2029]/g, ' ')
    .replace(/^ +| (?= )/g, (spaces) => '\u00a0'.repeat(spaces.length));
}

/** One paragraph a line; empty ones are left out. */
export const shownLines = (lines: readonly string[]): string =>
  lines
    .filter((line) => line !== '')
    .map(shownText)
    .join('\n\n');
