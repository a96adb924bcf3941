/** The phrases that end a rationale, of the two presets. A template's own marker is added to them where a task is set up. */

/** The reference's list (trainer_config.py:67-87) as text, less those that contain another one or differ only in white space. */
export const PAPER_STOP_PHRASES: string[] = [
  'Answer:',
  'The answer is',
  'the answer is',
  'so the final answer is',
  'The function call is',
  'the function call is',
];

/** Longer phrases take their lead-in ("Therefore,") out of z with them; letter case does not matter. */
export const STOP_PHRASES: string[] = [
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
