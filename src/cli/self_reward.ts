/** What a self-reward is called and how it is written: a probability has no nats, and a gain is no probability. */
import type { SelfRewardMade } from '../protocol/counted_tokens.ts';
import { fixed, percent, points, signed } from './number_format.ts';

export interface SelfRewardWords {
  /** "log p(right answer | question, rationale)", and which tokens it counts. */
  readonly what: string;
  /** "−0.02 nats". */
  readonly figure: (value: number) => string;
  /** The same with the probability behind it, where there is one. */
  readonly inFull: (value: number) => string;
}

const AFTER = 'p(right answer | question, rationale)';
const BEFORE = 'p(right answer | question)';
const TOKEN_AFTER = 'mean p(token of the right answer | question, rationale)';
const TOKEN_BEFORE = 'mean p(token of the right answer | question)';

/** @param made null: a record that does not say it */
export function selfRewardWords(made: SelfRewardMade | null): SelfRewardWords {
  if (made === null) return words('self-reward', (value) => fixed(value, 2));
  const { kind, over, subtractNoRationale: gains } = made;
  const tokens = over === 'answer' ? "the answer's own tokens" : 'answer and template';
  switch (kind) {
    case 'log-probability':
    case 'jepo':
      return gains
        ? words(`log ${AFTER} − log ${BEFORE} of ${tokens}`, (value) => `${signed(value, 2)} nats`)
        : words(
            `log ${AFTER} of ${tokens}`,
            nats,
            (value) => `${nats(value)} (${percent(Math.exp(value)).padStart(7)})`,
          );
    case 'spread-weighted':
      return words(
        `log ${AFTER}${gains ? ` − log ${BEFORE}` : ''} of ${tokens}, weighted by their spread`,
        (value) => `${gains ? signed(value, 2) : fixed(value, 2)} nats, weighted`,
      );
    case 'probability':
      return gains ? words(`${AFTER} − ${BEFORE} of ${tokens}`, points) : words(`${AFTER} of ${tokens}`, percent);
    case 'mean-token-probability':
      return gains
        ? words(`${TOKEN_AFTER} − ${TOKEN_BEFORE} of ${tokens}`, (value) => `${points(value)} a token`)
        : words(`${TOKEN_AFTER} of ${tokens}`, (value) => `${percent(value)} a token`);
    case 'verifier':
      return words('a verifier: 1 right, 0 wrong', (value) => fixed(value, 2));
  }
}

const nats = (value: number): string => `${fixed(value, 2)} nats`;

const words = (
  what: string,
  figure: SelfRewardWords['figure'],
  inFull: SelfRewardWords['inFull'] = figure,
): SelfRewardWords => ({ what, figure, inFull });
