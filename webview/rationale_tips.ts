/** How figures of a rationale and of its tokens explain themselves; rewards and advantages have files of their own. */
import type { RationaleSet, RationaleView } from '../src/protocol/rationale_messages.ts';
import type { AnswerTokenRecord, RationaleRecord, TokenRecord } from '../src/protocol/records.ts';
import { weightText } from './advantage_tips.ts';
import { fixed, probability, signed } from './format.ts';
import { isolated } from './isolated.ts';
import { same } from './reward_tips.ts';
import { t } from './strings.ts';
import type { Tip } from './tip.ts';

/** Never a formula without its numbers: where β or log π_0 is not known, or is not in this figure, it says so instead. */
export function klTip({ record, keptFrom }: RationaleView, set: RationaleSet): Tip {
  const title = t('rationale.kl');
  const { referenceLogProb: reference, logProb, klPenalty, made } = record;
  const beta = made !== undefined ? made.beta : keptFrom === undefined ? set.beta : keptFrom.beta;
  if (beta === 0 && klPenalty === 0) return { title, text: t('rationale.kl.off') };
  if (!beta || reference === null) return { title, numbers: fixed(klPenalty, 3), text: t('rationale.kl.unknown') };
  const share = beta * (logProb - reference);
  const joint = made?.advantage === 'joint-bound';
  if (joint && !same(klPenalty, share))
    return { title, numbers: fixed(klPenalty, 3), text: t('rationale.kl.jointPenalty') };
  const formula = 'β · (log π(z | x) − log π_0(z | x))';
  const numbers = `${fixed(share, 3)} = ${beta} · (${fixed(logProb)} − (${fixed(reference)}))`;
  const what = joint ? 'rationale.kl.joint' : same(klPenalty, share) ? 'rationale.kl.text' : 'rationale.kl.inPenalty';
  return { title, formula, numbers, text: t(what) };
}

export function lengthTip(record: RationaleRecord): Tip {
  return { title: t('rationale.length'), text: t(`rationale.stop.${record.stopReason}`, record.tokens.length) };
}

/** `prefix` is log p(y | x, z_≤t) up to and with this token, where it was traced. */
export function tokenTip(token: TokenRecord, record: RationaleRecord, prefix: number | undefined): Tip {
  const { weight: w } = record;
  const weight = w === undefined ? t('rationale.token.noWeight') : t('rationale.token.weight', weightText(w));
  const lines = [weight];
  if (prefix !== undefined) lines.push(t('rationale.token.prefix', fixed(prefix), probability(prefix)));
  return {
    title: t('rationale.token', quoted(token.text)),
    formula: 'log π(z_t | x, z_{<t})',
    ...(token.logProb === null ? {} : { numbers: `${fixed(token.logProb, 3)}   p = ${probability(token.logProb)}` }),
    text: lines.join(' '),
  };
}

export function answerTokenTip(token: AnswerTokenRecord, isEnd: boolean): Tip {
  const bare = token.logProbWithoutRationale;
  return {
    title: t(
      token.part === 'answer' ? 'rationale.answerToken' : 'rationale.templateToken',
      `“${answerTokenText(token, isEnd)}”`,
    ),
    formula: 'log π(y_t | x, z, y_{<t})',
    ...(token.logProb === null ? {} : { numbers: `${fixed(token.logProb, 3)}   p = ${probability(token.logProb)}` }),
    text:
      bare === null || token.logProb === null
        ? t('rationale.answerToken.unscored')
        : t('rationale.answerToken.without', fixed(bare, 3), probability(bare), signed(token.logProb - bare, 3)),
  };
}

export function quoted(text: string): string {
  return `“${isolated(visibleToken(text))}”`;
}

/** A token as it can be seen: a lone newline would otherwise be an empty cell. */
export function visibleToken(text: string): string {
  const shown = text.replaceAll('\n', '⏎').trim();
  return shown === '' ? '␣' : shown;
}

/** Where the answer ends for the model: the last token of y, if it is one that no text has. Any other in angle brackets is what it is. */
export function endTokenOf({ answerTokens }: RationaleRecord): AnswerTokenRecord | undefined {
  const last = answerTokens.at(-1);
  return last?.part === 'template' && /^<.+>$/.test(last.text.trim()) ? last : undefined;
}

export const answerTokenText = ({ text }: AnswerTokenRecord, isEnd: boolean): string =>
  isEnd ? t('rationale.endToken') : visibleToken(text);
