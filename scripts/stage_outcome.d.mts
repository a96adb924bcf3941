interface Counts {
  passing: number;
  failing: number;
  pending: number;
}
export function stageOutcome(
  name: string,
  code: number | null,
  lines: readonly string[],
): { readonly counts: Counts; readonly mark: string; readonly notes: readonly string[]; readonly isQuiet: boolean };
