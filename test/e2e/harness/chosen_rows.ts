/** Rows of a real run that a picture is worth: which they are depends on what the model has learned. */
import type { RunDirectory } from '../../../src/engine/runs/run_directory.ts';

const meanReward = (rationales: readonly { readonly selfReward: number }[]): number =>
  rationales.reduce((sum, { selfReward }) => sum + selfReward, 0) / Math.max(1, rationales.length);

/** Of the newest updates, the row whose right rationales earned most more than its wrong ones; two of each where there are. */
export async function mixedLine(run: RunDirectory): Promise<number> {
  const steps = (await run.rolloutSteps()).slice(-8);
  const rollouts = (await Promise.all(steps.map((step) => run.rollouts(step)))).flat();
  const ranked = rollouts.map(({ line, rationales }) => {
    const [right, wrong] = [true, false].map((is) => rationales.filter(({ correct }) => correct === is));
    const gain = meanReward(right!) - meanReward(wrong!);
    const both = Math.min(right!.length, wrong!.length, 2);
    return { line, rank: both === 0 ? -1 : 100 * both + gain };
  });
  return ranked.toSorted((a, b) => b.rank - a.rank)[0]!.line;
}

/** The newest update whose first question got right rationales and wrong ones that differ; the newest of all without one. */
export async function mixedStep(run: RunDirectory): Promise<number> {
  const steps = await run.rolloutSteps();
  for (const step of steps.toReversed()) {
    const [{ rationales = [] } = {}] = await run.rollouts(step);
    const texts = [true, false].map((is) => new Set(rationales.flatMap((z) => (z.correct === is ? [z.text] : []))));
    if (texts.every(({ size }) => size >= 2)) return step;
  }
  return steps.at(-1)!;
}

/** The first test question that was answered wrong before and right after; the first of all without one. */
export async function fixedLine(run: RunDirectory): Promise<number> {
  const after = (await run.evaluationNames()).filter((name) => /^step-\d+-test$/.test(name)).at(-1)!;
  const [before, now] = await Promise.all(['base-test', after].map((name) => run.evaluationRows(name)));
  const wrong = new Set(before!.filter(({ greedy }) => !greedy.correct).map(({ rowKey }) => rowKey));
  const fixed = now!.filter(({ rowKey, greedy }) => greedy.correct && wrong.has(rowKey)).map(({ line }) => line);
  return Math.min(...fixed, Number.MAX_SAFE_INTEGER) === Number.MAX_SAFE_INTEGER ? 1 : Math.min(...fixed);
}
