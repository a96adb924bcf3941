/**
 * Answer leak: the rationale announces an answer before the answer segment begins, so that y merely copies it. Right when
 * the guess is right, and reasoning is never rewarded. Detected on the text: the reference code compares token ids and
 * misses "**The answer is", "the final answer is" and ".\n\nThe answer is". A derivation that ends in "= 72" is no leak.
 */
const ANNOUNCEMENT = /\banswer\b[\s*_:"']*(?:(?:is|are|was|equals|would be|should be|will be)\b|[:=])|####|\\boxed\b/i;

/** Character index at which a rationale first announces an answer (where it ought to have been cut); null when it does not. */
export function answerLeakIndex(rationale: string): number | null {
  const match = ANNOUNCEMENT.exec(rationale);
  return match === null ? null : match.index;
}
