// What a stage of `npm test` came to, from its exit code and what it printed.

const KINDS = ['passing', 'failing', 'pending'];

/**
 * @param code of the stage; null: nothing of it was run
 * @returns mocha's counts; the mark of the stage's line and what else to say there; whether its output says nothing that the line does not
 */
export function stageOutcome(name, code, lines) {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colour codes begin with an escape character
  const plain = lines.map((line) => line.replace(/\u001b\[[0-9;]*m/g, ''));
  const counts = Object.fromEntries(KINDS.map((kind) => [kind, countOf(plain, kind)]));
  const isQuiet = (code === 0 || code === null) && Object.values(counts).every((count) => count === 0);
  // A stage that is no test run, or that broke off before it could count, still shows in the last line.
  if (code !== 0 && code !== null && counts.failing === 0) counts.failing = 1;
  const isSkipped = code === null || (code === 0 && counts.passing === 0 && counts.pending > 0);
  if (code === null && counts.pending === 0) counts.pending = 1;
  const mark = isSkipped ? `– skipped: ${name}` : `${code === 0 ? '✓' : '✗'} ${name}`;
  const reasons = plain.filter((line) => /\bskipped: ./.test(line)).map((line) => line.trim());
  return { counts, mark, notes: [...new Set(reasons)], isQuiet };
}

/** The sum of mocha's "N passing" lines of one kind; `@vscode/test-cli` prints one per configuration. */
function countOf(lines, kind) {
  const counts = lines.map((line) => new RegExp(`^\\s*(\\d+) ${kind}\\b`).exec(line)?.[1] ?? 0);
  return counts.reduce((sum, count) => sum + Number(count), 0);
}
