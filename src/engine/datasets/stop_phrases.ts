import { answerMarker, type Template } from './template.ts';

/**
 * The stop strings of LaTRO's code, in its order (trainer_config.py:67-87). The reference tokenises each and looks for its ids,
 * which misses every other tokenisation; we look for the words in the decoded text (evaluate/stop.ts), so the variants that
 * differ only in case and white space are one phrase below.
 */
export const PAPER_STOP_PHRASES: readonly string[] = [
  'Answer:',
  ' Answer:',
  '\nAnswer:',
  'The answer is',
  ' The answer is',
  '\nThe answer is',
  'The answer is:',
  ' The answer is:',
  '\nThe answer is:',
  ' the answer is',
  'so the final answer is',
  'So, the answer is',
  'Therefore, the answer is',
  'The function call is:',
  '\nThe function call is:',
  'The function call is',
  '\nThe function call is',
  'the function call is',
];

/** Longer phrases take their lead-in ("Therefore,") out of z with them. */
export const STOP_PHRASES: readonly string[] = [
  'answer:',
  'the answer:',
  'final answer:',
  'the final answer:',
  'the answer is',
  'the final answer is',
  'the correct answer is',
  'so the answer is',
  'so, the answer is',
  'so the final answer is',
  'so, the final answer is',
  'thus the answer is',
  'thus, the answer is',
  'hence the answer is',
  'hence, the answer is',
  'therefore the answer is',
  'therefore, the answer is',
  'therefore the final answer is',
  'therefore, the final answer is',
  'the function call is',
];

/** The phrases that end a rationale under a template: its own marker too, when it is not among the common ones. */
export function stopPhrases(template: Template): readonly string[] {
  const marker = answerMarker(template);
  const known = STOP_PHRASES.some((phrase) => phrase === marker.toLowerCase());
  return known || marker === '' ? STOP_PHRASES : [marker, ...STOP_PHRASES];
}
