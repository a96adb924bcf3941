/** A table in plain text: the first column left-aligned, the others as `align` says; numbers want to be on the right. */
export function textTable(rows: readonly (readonly string[])[], align: 'left' | 'right' = 'right'): string[] {
  const widths: number[] = [];
  for (const row of rows)
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, visibleLength(cell));
    });
  return rows.map((row) =>
    row
      .map((cell, i) => {
        const padding = ' '.repeat((widths[i] ?? 0) - visibleLength(cell));
        return i === 0 || align === 'left' ? cell + padding : padding + cell;
      })
      .join('   ')
      .trimEnd(),
  );
}

/** Without colours. */
function visibleLength(text: string): number {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character is what begins a colour
  return Array.from(text.replaceAll(/\u001b\[\d+m/g, '')).length;
}
