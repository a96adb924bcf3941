/** What each language-model tool is given. package.json says the same to the models, as JSON schemas; a test compares. */
import * as v from 'valibot';

const Line = v.pipe(v.number(), v.integer(), v.minValue(1));
const Step = v.pipe(v.number(), v.integer(), v.minValue(0));
const Name = v.pipe(v.string(), v.minLength(1));

export const TOOL_INPUTS = {
  latro_list_runs: v.object({}),
  latro_read_rationales: v.object({ run: v.optional(Name), step: v.optional(Step), line: v.optional(Line) }),
  latro_score_rationale: v.object({
    file: Name,
    line: Line,
    rationale: v.pipe(v.string(), v.minLength(1), v.maxLength(20_000)),
    run: v.optional(Name),
    step: v.optional(Step),
  }),
  latro_start_run: v.object({ file: Name }),
} as const;
export type ToolName = keyof typeof TOOL_INPUTS;
export type ToolInput<N extends ToolName> = v.InferOutput<(typeof TOOL_INPUTS)[N]>;
