/** What is wrong with a message that fits no type of the protocol: panel and extension may be of different versions. */
import * as v from 'valibot';

export function misfitText(issues: readonly [v.BaseIssue<unknown>, ...v.BaseIssue<unknown>[]]): string {
  const [first] = issues;
  return `${v.getDotPath(first) ?? 'message'}: ${first.message}`;
}
