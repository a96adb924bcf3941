/** How every figure of a rationale explains itself: its formula, and the formula with this rationale's numbers in it. */
import type { RationaleSet } from '../src/protocol/panel_messages.ts';
import type { AnswerTokenRecord, RationaleRecord, TokenRecord } from '../src/protocol/records.ts';
import { fixed, probability, signed } from './format.ts';
import { otherReward, sampled } from './rationale_figures.ts';
import { t } from './strings.ts';
import type { Tip } from './tooltip.ts';

export function selfRewardTip(record: RationaleRecord): Tip {
  return {
    title: t('rationale.selfReward'),
    formula: 'log p(y | x, z) = Σ_t log π(y_t | x, z, y_{<t})',
    numbers: t(
      'rationale.selfReward.numbers',
      fixed(record.selfReward, 3),
      fixed(record.answerLogProb, 3),
      fixed(record.templateLogProb, 3),
    ),
    text: t('rationale.selfReward.text', probability(record.selfReward)),
  };
}

export function klTip(record: RationaleRecord, set: RationaleSet): Tip {
  const reference = record.referenceLogProb;
  return {
    title: t('rationale.kl'),
    formula: 'β · (log π(z | x) − log π_0(z | x))',
    ...(reference === null || set.beta === null
      ? {}
      : {
          numbers: `${fixed(record.klPenalty, 3)} = ${set.beta} · (${fixed(record.logProb)} − (${fixed(reference)}))`,
        }),
    text: t('rationale.kl.text'),
  };
}

export function baselineTip(record: RationaleRecord, set: RationaleSet): Tip {
  return {
    title: t('rationale.baseline'),
    formula: 'b_k = 1 ⁄ (K − 1) · Σ_{j≠k} r_j',
    numbers: `${fixed(record.baseline, 3)}, K = ${sampleCount(set)}`,
    text: t('rationale.baseline.text'),
  };
}

export function advantageTip(record: RationaleRecord): Tip {
  const other = otherReward(record);
  const parts = [`${fixed(record.selfReward, 3)} − ${fixed(record.klPenalty, 3)}`];
  if (other !== 0) {
    const what = record.stopReason === 'length' ? t('rationale.truncation') : t('rationale.bonus');
    parts.push(`${other < 0 ? '−' : '+'} ${fixed(Math.abs(other), 3)} (${what})`);
  }
  return {
    title: t('rationale.advantage'),
    formula: 'A_k = r_k − b_k,  r_k = log p(y | x, z_k) − β·KL_k',
    numbers: `${signed(record.advantage, 3)} = (${parts.join(' ')}) − (${fixed(record.baseline, 3)})`,
    text: record.advantage >= 0 ? t('rationale.advantage.more') : t('rationale.advantage.less'),
  };
}

export function lengthTip(record: RationaleRecord): Tip {
  return { title: t('rationale.length'), text: t(`rationale.stop.${record.stopReason}`, record.tokens.length) };
}

/** `prefix` is log p(y | x, z_≤t) up to and with this token, where it was traced. */
export function tokenTip(token: TokenRecord, record: RationaleRecord, prefix: number | undefined): Tip {
  const lines = [t('rationale.token.weight', signed(record.advantage, 3))];
  if (prefix !== undefined) lines.push(t('rationale.token.prefix', fixed(prefix), probability(prefix)));
  return {
    title: t('rationale.token', quoted(token.text)),
    formula: 'log π(z_t | x, z_{<t})',
    ...(token.logProb === null ? {} : { numbers: `${fixed(token.logProb, 3)}   p = ${probability(token.logProb)}` }),
    text: lines.join(' '),
  };
}

export function answerTokenTip(token: AnswerTokenRecord): Tip {
  const bare = token.logProbWithoutRationale;
  return {
    title: t(token.part === 'answer' ? 'rationale.answerToken' : 'rationale.templateToken', quoted(token.text)),
    formula: 'log π(y_t | x, z, y_{<t})',
    ...(token.logProb === null ? {} : { numbers: `${fixed(token.logProb, 3)}   p = ${probability(token.logProb)}` }),
    text:
      bare === null || token.logProb === null
        ? t('rationale.answerToken.unscored')
        : t('rationale.answerToken.without', fixed(bare, 3), probability(bare), signed(token.logProb - bare, 3)),
  };
}

export function quoted(text: string): string {
  return `“${visibleToken(text)}”`;
}

/** A token as it can be seen: a lone newline or an end token would otherwise be an empty cell. */
export function visibleToken(text: string): string {
  const shown = text.replaceAll('\n', '⏎').trim();
  if (/^<.*>$/.test(shown)) return t('rationale.endToken');
  return shown === '' ? '␣' : shown;
}

function sampleCount(set: RationaleSet): number {
  return sampled(set.rationales).length;
}
