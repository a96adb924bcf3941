/** Questions that occur more than once: contradictions among the rows a run trains on, and test questions it has seen the answer of. */
import type { DatasetRow } from './row.ts';

export interface QuestionSets {
  readonly train: readonly DatasetRow[];
  readonly validation: readonly DatasetRow[];
  readonly test: readonly DatasetRow[];
}

/** One sentence for each thing that makes the figures of a run worth less than they look; none when nothing does. */
export function repeatedQuestions({ train, validation, test }: QuestionSets): string[] {
  const trained = new Map<string, DatasetRow>();
  const contradictions: [DatasetRow, DatasetRow][] = [];
  for (const row of train) {
    const first = trained.get(asked(row));
    if (first === undefined) trained.set(asked(row), row);
    else if (first.answer !== row.answer) contradictions.push([first, row]);
  }
  const warnings: string[] = [];
  const [contradiction] = contradictions;
  if (contradiction !== undefined) {
    const [first, other] = contradiction;
    const more = contradictions.length === 1 ? '' : ` (${contradictions.length} such rows in all)`;
    warnings.push(
      `Lines ${first.line} and ${other.line} of the training questions ask the same and give different answers${more}.`,
    );
  }
  for (const [name, rows] of Object.entries({ validation, test })) {
    const known = rows.filter((row) => trained.has(asked(row)));
    const [first] = known;
    if (first === undefined) continue;
    const where = `line ${first.line}, trained on as line ${trained.get(asked(first))?.line}`;
    warnings.push(
      `${known.length} of ${rows.length} ${name} questions are also trained on (the first: ${where}): what is right there may be learnt by heart.`,
    );
  }
  return warnings;
}

/** What is asked, whatever its spacing and letter case. */
function asked({ question, choices, context }: DatasetRow): string {
  return JSON.stringify([question, choices ?? [], context ?? ''])
    .replaceAll(/(?:\s|\\[nrt])+/g, ' ')
    .toLowerCase();
}
