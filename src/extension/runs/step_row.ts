import * as v from 'valibot';

const Whole = v.pipe(v.number(), v.integer());

/** What a step's rollouts hand over: whose they are, and a row by its content key and its line (1-based) at the time of the run. */
export const StepRow = v.object({
  dataset: v.string(),
  rowKey: v.string(),
  line: v.pipe(Whole, v.minValue(1)),
  runId: v.string(),
  step: v.pipe(Whole, v.minValue(0)),
});
export type StepRow = v.InferOutput<typeof StepRow>;
