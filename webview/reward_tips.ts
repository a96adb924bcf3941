/** What a self-reward and the reward are made of, as their hovers say it: an equation only where its two sides are the same number. */
import { bareLogProbs, countedLogProbs, madeOf, type SelfRewardMade, sum } from '../src/protocol/counted_tokens.ts';
import type { CountedOver } from '../src/protocol/figures_made.ts';
import type { RationaleRecord } from '../src/protocol/records.ts';
import { fixed, probability } from './format.ts';
import { t } from './strings.ts';
import type { Tip } from './tip.ts';

/** Of figures that went through JSON and, some, through float32. */
const TOLERANCE = 1e-5;

export const same = (a: number, b: number): boolean => Math.abs(a - b) <= TOLERANCE * Math.max(1, Math.abs(b));

interface Equation {
  readonly formula: string;
  /** The right side, as a number and as it is written. */
  readonly value: number;
  readonly written: string;
}

/** `value` alone where nothing, or something else, is known to make it. */
export function equated(
  value: number,
  equation: Equation | null,
  write: (value: number) => string = (each) => fixed(each, 3),
): Pick<Tip, 'formula' | 'numbers'> {
  if (equation === null || !same(value, equation.value)) return { numbers: write(value) };
  return { formula: equation.formula, numbers: `${write(value)} = ${equation.written}` };
}

export function selfRewardTip(record: RationaleRecord): Tip {
  const title = t('rationale.selfReward');
  const made = madeOf(record);
  if (made === null) return { title, numbers: fixed(record.selfReward, 3), text: t('rationale.made.unknown') };
  const { kind } = made;
  if (kind === 'verifier') return { title, numbers: fixed(record.selfReward, 3), text: t('rationale.verifier.text') };
  const texts = [t(`rationale.selfReward.${kind}`), counted(record, made.over)];
  if (made.subtractNoRationale) texts.push(t('rationale.selfReward.gain'));
  else if (kind === 'log-probability' || kind === 'jepo')
    texts.push(t('rationale.selfReward.likely', probability(record.selfReward)));
  return { title, ...equated(record.selfReward, selfRewardEquation(record, made)), text: texts.join(' ') };
}

/** Which tokens are meant, in words. */
export function counted(record: RationaleRecord, over: CountedOver): string {
  return over === 'answer'
    ? t('rationale.counted.answer', fixed(record.templateLogProb, 3))
    : t('rationale.counted.all');
}

function selfRewardEquation(record: RationaleRecord, made: SelfRewardMade): Equation | null {
  const own = countedLogProbs(record, made.over);
  const bare = made.subtractNoRationale ? bareLogProbs(record, made.over) : [];
  if (own === null || bare === null) return null;
  const subtracts = made.subtractNoRationale;
  const t_ = made.over === 'answer' ? 't∈a' : 't';
  const token = 'π(y_t | x, z, y_{<t})';
  const without = 'π(y_t | x, y_{<t})';
  switch (made.kind) {
    case 'log-probability':
    case 'jepo':
      return {
        formula: `Σ_{${t_}} log ${token}${subtracts ? ` − Σ_{${t_}} log ${without}` : ''}`,
        value: sum(own) - sum(bare),
        written: `${logProbParts(record, made.over)}${subtracts ? ` − (${fixed(sum(bare), 3)}) (${t('rationale.without')})` : ''}`,
      };
    case 'probability':
      return {
        formula: `Π_{${t_}} ${token}${subtracts ? ` − Π_{${t_}} ${without}` : ''}`,
        value: Math.exp(sum(own)) - (subtracts ? Math.exp(sum(bare)) : 0),
        written: `exp(${fixed(sum(own), 3)})${subtracts ? ` − exp(${fixed(sum(bare), 3)})` : ''}`,
      };
    case 'mean-token-probability': {
      const [r, r0] = [own, bare].map((logProbs) => sum(logProbs.map(Math.exp)));
      const mean = `1 ⁄ m · Σ_{${t_}} ${token}`;
      const written = `1 ⁄ ${own.length} · ${fixed(r!, 3)}`;
      if (!subtracts) return { formula: mean, value: r! / own.length, written };
      return {
        formula: `clip(${mean} − 1 ⁄ m · Σ_{${t_}} ${without}, 0, 1)`,
        value: Math.min(1, Math.max(0, (r! - r0!) / own.length)),
        written: `clip(${written} − 1 ⁄ ${own.length} · ${fixed(r0!, 3)}, 0, 1)`,
      };
    }
    case 'spread-weighted':
    case 'verifier':
      return null;
  }
}

function logProbParts({ answerLogProb, templateLogProb }: RationaleRecord, over: CountedOver): string {
  const answer = `${fixed(answerLogProb, 3)} (${t('rationale.heat.answer')})`;
  return over === 'answer' ? answer : `${answer} ${added(templateLogProb)} (${t('rationale.heat.template')})`;
}

/** A term of a sum, with its sign apart. */
export function added(value: number): string {
  return `${value < 0 ? '−' : '+'} ${fixed(Math.abs(value), 3)}`;
}

/** r_k as the sum it is, with what its terms are. Null where it is none: JEPO's bound is shared. */
export function rewardParts(record: RationaleRecord): string {
  const { made, reward, klPenalty, selfReward, ratingBonus = 0 } = record;
  if (made?.advantage === 'joint-bound') return fixed(reward, 3);
  if (made?.judgedBy === 'verifier') return `${fixed(reward, 3)} (${t('rationale.verifier')})`;
  const base = reward + klPenalty - ratingBonus;
  const penalised = !same(base, selfReward);
  // An older record does not say what else stands in its reward.
  const what = made === undefined && record.stopReason !== 'length' ? 'rationale.other' : 'rationale.truncation';
  const first = penalised ? `${fixed(base, 3)} (${t(what)})` : fixed(selfReward, 3);
  const bonus = ratingBonus === 0 ? '' : ` ${added(ratingBonus)} (${t('rationale.bonus')})`;
  return `${first} − ${klPenalty < 0 ? `(${fixed(klPenalty, 3)})` : fixed(klPenalty, 3)}${bonus}`;
}

/** r_k in symbols. */
export function rewardFormula({ made, reward, klPenalty, selfReward, ratingBonus = 0 }: RationaleRecord): string {
  if (made?.advantage === 'joint-bound' || made?.judgedBy === 'verifier') return '';
  const base = reward + klPenalty - ratingBonus;
  return same(base, selfReward) && ratingBonus === 0 ? ',  r_k = R(z_k) − β·KL_k' : '';
}

/** What the mean self-reward can be set beside: the same figure of the same tokens without any rationale. */
export function withoutRationale(record: RationaleRecord | undefined): string | null {
  const made = record === undefined ? null : madeOf(record);
  const bare = made === null || made.subtractNoRationale ? null : bareLogProbs(record!, made.over);
  if (made === null || bare === null) return null;
  const which = made.over === 'answer' ? t('rationale.over.answer') : t('rationale.over.all');
  switch (made.kind) {
    case 'log-probability':
    case 'jepo':
      return t('rationale.mean.bare', `log p = ${fixed(sum(bare))}`, which);
    case 'probability':
      return t('rationale.mean.bare', `p = ${fixed(Math.exp(sum(bare)), 3)}`, which);
    case 'mean-token-probability':
      return t('rationale.mean.bare', `p = ${fixed(sum(bare.map(Math.exp)) / bare.length, 3)}`, which);
    case 'spread-weighted':
    case 'verifier':
      return null;
  }
}
