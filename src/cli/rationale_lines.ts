/** Sampled rationales and what each of them is worth. */
import { madeOf } from '../protocol/counted_tokens.ts';
import type { QuestionRollout, RationaleRecord } from '../protocol/records.ts';
import { selfRewardWords } from './self_reward.ts';
import { harmless, type Terminal } from './terminal.ts';

/** What the figures of `rationaleLines` are. */
export function rationaleMeasure({ rationales: [first] }: QuestionRollout): string {
  return selfRewardWords(first === undefined ? null : madeOf(first)).what;
}

/** The `most` with the highest self-reward, best first. */
export function rationaleLines({ rationales }: QuestionRollout, most: number, terminal: Terminal): string[] {
  const shown = [...rationales].sort((a, b) => b.selfReward - a.selfReward || a.sample - b.sample).slice(0, most);
  const figures = shown.map((each) => selfRewardWords(madeOf(each)).inFull(each.selfReward));
  const width = Math.max(...figures.map(({ length }) => length));
  return shown.flatMap((rationale, i) => {
    const [first = '(no rationale)', ...rest] = harmless(rationale.text).trim().split(/\n+/);
    const margin = ' '.repeat(width + 1 + VERDICT);
    const head = `${figures[i]!.padStart(width)} ${verdict(rationale, terminal)}`;
    return [`  ${head}   ${first}`, ...rest.map((line) => `  ${margin}   ${line}`)];
  });
}

const VERDICT = 5;

function verdict({ correct, extractedAnswer }: RationaleRecord, terminal: Terminal): string {
  const word = extractedAnswer === null ? 'none' : correct ? 'right' : 'wrong';
  return terminal.style(correct ? 'green' : 'red', word.padEnd(VERDICT));
}
