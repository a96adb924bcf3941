/** How every figure of a rationale explains itself: its formula, and the formula with this rationale's numbers in it. */
import { samplesOf } from '../src/protocol/rationale_draw.ts';
import type { RationaleSet, RationaleView } from '../src/protocol/rationale_messages.ts';
import type { AnswerTokenRecord, RationaleRecord, TokenRecord } from '../src/protocol/records.ts';
import { fixed, probability, signed } from './format.ts';
import { otherReward, siblingCount } from './rationale_figures.ts';
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

/** Never a formula without its numbers: where β or log π_0 is not known, or is not in this figure, it says so instead. */
export function klTip({ record, keptFrom }: RationaleView, set: RationaleSet): Tip {
  const title = t('rationale.kl');
  const beta = keptFrom === undefined ? set.beta : keptFrom.beta;
  const { referenceLogProb: reference, logProb, klPenalty } = record;
  if (beta === 0) return { title, text: t('rationale.kl.off') };
  if (beta === null || reference === null)
    return { title, numbers: fixed(klPenalty, 3), text: t('rationale.kl.unknown') };
  const kl = logProb - reference;
  const formula = 'β · (log π(z | x) − log π_0(z | x))';
  const numbers = `${fixed(beta * kl, 3)} = ${beta} · (${fixed(logProb)} − (${fixed(reference)}))`;
  const elsewhere = Math.abs(klPenalty - beta * kl) > 1e-6 * Math.max(1, Math.abs(beta * kl));
  return { title, formula, numbers, text: t(elsewhere ? 'rationale.kl.inPenalty' : 'rationale.kl.text') };
}

export function baselineTip(rationale: RationaleView, set: RationaleSet): Tip {
  const { baseline } = rationale.record;
  if (baseline === null) return aloneTip(t('rationale.baseline'), rationale, set);
  return {
    title: t('rationale.baseline'),
    formula: 'b_k = 1 ⁄ (K − 1) · Σ_{j≠k} r_j',
    numbers: `${fixed(baseline, 3)}, K = ${siblingCount(rationale, set)}`,
    text: t('rationale.baseline.text'),
  };
}

export function advantageTip(rationale: RationaleView, set: RationaleSet): Tip {
  const { record } = rationale;
  const { advantage, baseline } = record;
  if (advantage === null || baseline === null) return aloneTip(t('rationale.advantage'), rationale, set);
  return {
    title: t('rationale.advantage'),
    formula: 'A_k = r_k − b_k,  r_k = log p(y | x, z_k) − β·KL_k',
    numbers: `${signed(advantage, 3)} = (${rewardParts(record)}) − (${fixed(baseline, 3)})`,
    text: advantage >= 0 ? t('rationale.advantage.more') : t('rationale.advantage.less'),
  };
}

/** Without siblings there is neither baseline nor advantage; what can be said is how its reward stands to that of the samples. */
function aloneTip(title: string, { record, origin, scoredBy }: RationaleView, set: RationaleSet): Tip {
  if (origin !== 'edited') return { title, text: t('rationale.alone.unscored') };
  const rewards = samplesOf(set.rationales).map((sample) => sample.record.reward);
  // Other weights give other rewards: the difference would be theirs too.
  if (scoredBy !== undefined || rewards.length === 0) return { title, text: t('rationale.alone.edited') };
  const mean = rewards.reduce((sum, reward) => sum + reward, 0) / rewards.length;
  return {
    title,
    formula: 'r − 1 ⁄ K · Σ_k r_k',
    numbers: `${signed(record.reward - mean, 3)} = (${rewardParts(record)}) − (${fixed(mean, 3)}), K = ${rewards.length}`,
    text: `${t('rationale.alone.edited')} ${t('rationale.alone.beside')}`,
  };
}

function rewardParts(record: RationaleRecord): string {
  const other = otherReward(record);
  const parts = [`${fixed(record.selfReward, 3)} − ${fixed(record.klPenalty, 3)}`];
  if (other !== 0) {
    const what = record.stopReason === 'length' ? t('rationale.truncation') : t('rationale.bonus');
    parts.push(`${other < 0 ? '−' : '+'} ${fixed(Math.abs(other), 3)} (${what})`);
  }
  return parts.join(' ');
}

export function weightTip({ advantage, tokens }: RationaleRecord): Tip {
  const title = t('rationale.weight.title');
  if (advantage === null) return { title, text: t('rationale.weight.none.text') };
  return {
    title,
    formula: 'w_t = A_k ⁄ (N·K)',
    numbers: `A = ${signed(advantage, 3)}, ${t('rationale.weight.tokens', tokens.length)}`,
    text: advantage >= 0 ? t('rationale.advantage.more') : t('rationale.advantage.less'),
  };
}

export function lengthTip(record: RationaleRecord): Tip {
  return { title: t('rationale.length'), text: t(`rationale.stop.${record.stopReason}`, record.tokens.length) };
}

/** `prefix` is log p(y | x, z_≤t) up to and with this token, where it was traced. */
export function tokenTip(token: TokenRecord, record: RationaleRecord, prefix: number | undefined): Tip {
  const weight =
    record.advantage === null
      ? t('rationale.token.noWeight')
      : t('rationale.token.weight', signed(record.advantage, 3));
  const lines = [weight];
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
