/** Tables as text that other programs read. Whatever the cells hold, it is shown and never interpreted. */

/** RFC 4180. */
export function csvOfRows(rows: readonly (readonly (string | number)[])[]): string {
  return rows.map((row) => `${row.map(csvField).join(',')}\r\n`).join('');
}

export function markdownTable(header: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [header, header.map(() => '---'), ...rows.map((row) => row.map(markdownText))].map(line).join('\n');
}

/** On one line, with nothing that Markdown or HTML would take for its own. */
export function markdownText(value: string | number): string {
  return String(value)
    .replace(/[\\`*_{}[\]()#+!|<>~&]/g, (character) => `\\${character}`)
    .replace(/\s+/g, ' ');
}

/** Text with a leading =, +, - or @ would be run as a formula by spreadsheets; a number is none. */
function csvField(value: string | number): string {
  if (typeof value === 'number') return String(value);
  const text = /^[=+\-@\t\r]/.test(value) && Number.isNaN(Number(value)) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
