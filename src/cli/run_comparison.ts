/** Which two evaluations of a run, or of two runs, are compared. */
import { LatroError } from '../engine/common/errors.ts';
import { compareEvaluations, type EvaluationComparison } from '../engine/evaluate/compare.ts';
import { evaluationName, evaluationStep, type RunDirectory } from '../engine/runs/run_directory.ts';
import type { EvaluationRow, EvaluationSummary } from '../protocol/records.ts';

export interface Evaluated {
  /** How to call these weights: "base", "step 40". */
  readonly label: string;
  readonly summary: EvaluationSummary;
  readonly rows: readonly EvaluationRow[];
}

export interface Compared {
  readonly before: Evaluated;
  readonly after: Evaluated;
  readonly greedy: EvaluationComparison;
  /** null: not both have samples. */
  readonly majority: EvaluationComparison | null;
}

/** Before and after a run, on its test questions. @throws LatroError `bad-request` when there is no such pair */
export async function compareRun(run: RunDirectory): Promise<Compared> {
  return compare(await evaluated(run, evaluationName(null, 'test'), 'base'), await finalEvaluation(run));
}

/** The results of two runs. @throws LatroError `bad-request` when one has none, or they share no question */
export async function compareRuns(a: RunDirectory, b: RunDirectory): Promise<Compared> {
  const [before, after] = [await finalEvaluation(a), await finalEvaluation(b)];
  return compare({ ...before, label: `${a.id} ${before.label}` }, { ...after, label: `${b.id} ${after.label}` });
}

function compare(before: Evaluated, after: Evaluated): Compared {
  const sampled = before.summary.k > 0 && after.summary.k > 0;
  return {
    before,
    after,
    greedy: compareEvaluations(before.rows, after.rows),
    majority: sampled ? compareEvaluations(before.rows, after.rows, { answers: 'majority' }) : null,
  };
}

/** Of the weights the run chose; of a run that is not finished, the newest there is. */
async function finalEvaluation(run: RunDirectory): Promise<Evaluated> {
  const { best, step } = await run.record();
  const chosen = best?.step ?? step;
  const steps = (await run.evaluationNames())
    .filter((name) => name.endsWith('-test'))
    .map((name) => evaluationStep(name) ?? 0)
    .filter((found) => found > 0)
    .sort((a, b) => Number(b === chosen) - Number(a === chosen) || b - a);
  for (const found of steps) {
    const name = evaluationName(found, 'test');
    if ((await run.evaluation(name)) !== null) return evaluated(run, name, `step ${found}`);
  }
  throw new LatroError(
    'bad-request',
    `The run ${run.id} has no finished evaluation of test questions after training.`,
    'Give its config a "dataset.test", or resume it until it is finished.',
  );
}

async function evaluated(run: RunDirectory, name: string, label: string): Promise<Evaluated> {
  const summary = await run.evaluation(name);
  if (summary === null) {
    throw new LatroError(
      'bad-request',
      `The run ${run.id} has no finished evaluation of its test questions before training.`,
      'Give its config a "dataset.test", or resume it until it is finished.',
    );
  }
  return { label, summary, rows: await run.evaluationRows(name) };
}
