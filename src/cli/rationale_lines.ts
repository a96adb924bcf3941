/** Sampled rationales and what each of them is worth. */
import type { QuestionRollout, RationaleRecord } from '../protocol/records.ts';
import { fixed, percent } from './number_format.ts';
import { harmless, type Terminal } from './terminal.ts';

/** The `most` with the highest self-reward, best first. */
export function rationaleLines({ rationales }: QuestionRollout, most: number, terminal: Terminal): string[] {
  return [...rationales]
    .sort((a, b) => b.selfReward - a.selfReward || a.sample - b.sample)
    .slice(0, most)
    .flatMap((rationale) => {
      const [first = '(no rationale)', ...rest] = harmless(rationale.text).trim().split(/\n+/);
      const margin = ' '.repeat(WIDTH);
      return [`  ${figures(rationale, terminal)}   ${first}`, ...rest.map((line) => `  ${margin}   ${line}`)];
    });
}

const WIDTH = 27;

/** " −0.02 nats ( 98.0 %) right": `WIDTH` characters to see. */
function figures({ selfReward, correct, extractedAnswer }: RationaleRecord, terminal: Terminal): string {
  const nats = `${fixed(selfReward, 2).padStart(6)} nats (${percent(Math.exp(selfReward)).padStart(7)})`;
  const verdict = extractedAnswer === null ? 'none' : correct ? 'right' : 'wrong';
  return `${nats} ${terminal.style(correct ? 'green' : 'red', verdict.padEnd(5))}`;
}
