/**
 * Minimum-cost matching of M traces to N ≥ M tags (SSFT, arXiv 2510.05132, eq. 2):
 *
 *     σ̂ = argmin over injective σ: {1..M} → {1..N} of  Σ_j C[σ(j)][j]
 *
 * by the Hungarian method with potentials and shortest augmenting paths (Kuhn 1955; Jonker & Volgenant 1987), exact,
 * O(M²·N).
 */
import { LatroError } from '../common/errors.ts';

/** Costs closer than this, relative to their size, count as a tie. */
const TIE = 1e-12;

/**
 * σ̂ as `matching[j]` = tag of trace j, both 0-based. Tie rule (ours): of all optimal matchings, the one whose first trace has
 * the lowest tag, then whose second trace has the lowest, and so on.
 *
 * @param cost C, (N, M): row = tag, column = trace; finite numbers.
 * @throws LatroError `config-invalid` when there are more traces than tags.
 */
export function matchTracesToTags(cost: readonly (readonly number[])[]): number[] {
  const traces = cost[0]?.length ?? 0;
  checkCost(cost, traces);
  // Row = trace, column = tag, as the algorithm below wants it.
  const byTrace = Array.from({ length: traces }, (_, j) => cost.map((row) => row[j] as number));
  const optimum = matchingCost(cost, minimumMatching(byTrace));

  // Trace by trace, the lowest tag with which the rest can still reach the optimum.
  const matching: number[] = [];
  let remaining = cost.map((_, tag) => tag);
  let spent = 0;
  for (let j = 0; j < traces; j++) {
    const tag = remaining.find((candidate) => {
      const others = remaining.filter((other) => other !== candidate);
      const rest = byTrace.slice(j + 1).map((row) => others.map((other) => row[other] as number));
      const total = minimumMatching(rest).reduce(
        (sum, column, row) => sum + (rest[row]?.[column] as number),
        spent + (byTrace[j]?.[candidate] as number),
      );
      return total <= optimum + TIE * (1 + Math.abs(optimum));
    }) as number;
    matching.push(tag);
    spent += byTrace[j]?.[tag] as number;
    remaining = remaining.filter((other) => other !== tag);
  }
  return matching;
}

/** Σ_j C[σ(j)][j]. */
export function matchingCost(cost: readonly (readonly number[])[], matching: readonly number[]): number {
  return matching.reduce((sum, tag, j) => sum + (cost[tag]?.[j] as number), 0);
}

/** One minimum-cost matching of every row to a column of its own, rows ≤ columns: the column of each row. */
function minimumMatching(cost: readonly (readonly number[])[]): number[] {
  const rows = cost.length;
  const columns = cost[0]?.length ?? 0;
  // Index 0 is "none"; rows and columns are 1-based here.
  const rowPotential = new Float64Array(rows + 1);
  const columnPotential = new Float64Array(columns + 1);
  const rowOfColumn = new Int32Array(columns + 1);
  for (let row = 1; row <= rows; row++) {
    const slack = new Float64Array(columns + 1).fill(Number.POSITIVE_INFINITY);
    const previous = new Int32Array(columns + 1);
    const visited = new Uint8Array(columns + 1);
    let column = 0;
    rowOfColumn[0] = row;
    // Grow the alternating tree from `row` along the smallest slack until it reaches a free column.
    do {
      visited[column] = 1;
      const treeRow = rowOfColumn[column] as number;
      let smallest = Number.POSITIVE_INFINITY;
      let next = 0;
      for (let j = 1; j <= columns; j++) {
        if (visited[j]) continue;
        const reduced =
          (cost[treeRow - 1]?.[j - 1] as number) - (rowPotential[treeRow] as number) - (columnPotential[j] as number);
        if (reduced < (slack[j] as number)) {
          slack[j] = reduced;
          previous[j] = column;
        }
        if ((slack[j] as number) < smallest) {
          smallest = slack[j] as number;
          next = j;
        }
      }
      for (let j = 0; j <= columns; j++) {
        if (visited[j]) {
          const matched = rowOfColumn[j] as number;
          rowPotential[matched] = (rowPotential[matched] as number) + smallest;
          columnPotential[j] = (columnPotential[j] as number) - smallest;
        } else {
          slack[j] = (slack[j] as number) - smallest;
        }
      }
      column = next;
    } while (rowOfColumn[column] !== 0);
    // Flip the path back to the root.
    while (column !== 0) {
      const before = previous[column] as number;
      rowOfColumn[column] = rowOfColumn[before] as number;
      column = before;
    }
  }
  const columnOfRow = new Array<number>(rows);
  for (let j = 1; j <= columns; j++) {
    const row = rowOfColumn[j] as number;
    if (row > 0) columnOfRow[row - 1] = j - 1;
  }
  return columnOfRow;
}

function checkCost(cost: readonly (readonly number[])[], traces: number): void {
  if (traces > cost.length) {
    throw new LatroError(
      'config-invalid',
      `${traces} traces of one question cannot have a reasoning strategy each: there are only ${cost.length}.`,
      'Use at least as many strategies as traces per question.',
    );
  }
  if (cost.some((row) => row.length !== traces || row.some((value) => !Number.isFinite(value)))) {
    throw new LatroError(
      'non-finite',
      'A trace has a log-probability that is not a finite number under one of the strategies.',
      'Go back to the last good checkpoint and lower the learning rate.',
    );
  }
}
