/** What is wrong with a message that fits no type of the protocol: panel and extension may be of different versions. */
import * as v from 'valibot';

/** What a panel says of a message that it could not read; for the log alone. */
export const MisfitReport = v.object({ type: v.literal('misfit'), what: v.string() });
export type MisfitReport = v.InferOutput<typeof MisfitReport>;

export function misfitText(issues: readonly [v.BaseIssue<unknown>, ...v.BaseIssue<unknown>[]]): string {
  const [first] = issues;
  return `${v.getDotPath(first) ?? 'message'}: ${first.message}`;
}
