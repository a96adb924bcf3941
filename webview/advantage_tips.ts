/** Baseline, advantage and weight of a rationale, as their hovers explain them: by the formula of the method that made them. */
import { sum } from '../src/protocol/counted_tokens.ts';
import { GROUP_EPSILON } from '../src/protocol/group_epsilon.ts';
import { samplesOf } from '../src/protocol/rationale_draw.ts';
import type { RationaleSet, RationaleView } from '../src/protocol/rationale_messages.ts';
import type { RationaleRecord } from '../src/protocol/records.ts';
import { fixed, signed, significant } from './format.ts';
import { siblingCount, siblingsOf } from './rationale_figures.ts';
import { equated, rewardFormula, rewardParts, same } from './reward_tips.ts';
import { t } from './strings.ts';
import type { Tip } from './tip.ts';

export function baselineTip(rationale: RationaleView, set: RationaleSet): Tip {
  const { record } = rationale;
  const { baseline, made } = record;
  if (baseline === null) return aloneTip(t('rationale.baseline'), rationale, set);
  const rewards = siblingsOf(rationale, set)?.map(({ reward }) => reward) ?? null;
  const k = siblingCount(rationale, set);
  switch (made?.advantage) {
    case 'group-normalised': {
      const total = rewards === null ? null : sum(rewards);
      const equation = total === null ? null : mean('b = 1 ⁄ K · Σ_j r_j', total, k);
      return {
        title: t('rationale.baseline.plain'),
        ...equated(baseline, equation),
        text: t('rationale.baseline.mean'),
      };
    }
    case 'expected':
      return {
        title: t('rationale.baseline.plain'),
        numbers: fixed(baseline, 3),
        text: t('rationale.baseline.expected'),
      };
    case 'joint-bound':
      return { title: t('rationale.baseline.plain'), numbers: fixed(baseline, 3), text: t('rationale.baseline.joint') };
    case 'leave-one-out':
    case undefined: {
      const others = rewards === null ? null : sum(rewards) - record.reward;
      const equation = others === null ? null : mean('b_k = 1 ⁄ (K − 1) · Σ_{j≠k} r_j', others, k - 1);
      const shown = equated(baseline, equation);
      const known = made !== undefined || shown.formula !== undefined;
      return {
        title: t(known ? 'rationale.baseline' : 'rationale.baseline.plain'),
        ...shown,
        numbers: siblingsKnown(rationale) ? `${shown.numbers},  K = ${k}` : shown.numbers!,
        text: t(known ? 'rationale.baseline.text' : 'rationale.made.unknown'),
      };
    }
  }
}

/** Of one kept from an earlier sample only K is known, not how many were under its strategy. */
const siblingsKnown = ({ record, keptFrom }: RationaleView): boolean =>
  keptFrom === undefined || record.made?.siblings === 'question' || record.strategy === undefined;

const mean = (formula: string, total: number, n: number) => ({
  formula,
  value: total / n,
  written: `1 ⁄ ${n} · ${total < 0 ? `(${fixed(total, 3)})` : fixed(total, 3)}`,
});

export function advantageTip(rationale: RationaleView, set: RationaleSet): Tip {
  const { record } = rationale;
  const { advantage, baseline, made } = record;
  if (advantage === null || baseline === null) return aloneTip(t('rationale.advantage'), rationale, set);
  const shown = equated(advantage, advantageEquation(rationale, baseline, set), (value) => signed(value, 3));
  const texts = [effect(rationale)];
  if (shown.formula === undefined)
    texts.unshift(t(made === undefined ? 'rationale.made.unknown' : 'rationale.advantage.siblings'));
  else if (made?.advantageClip != null) texts.unshift(t('rationale.advantage.clipped'));
  return { title: t('rationale.advantage'), ...shown, text: texts.join(' ') };
}

function advantageEquation(rationale: RationaleView, baseline: number, set: RationaleSet) {
  const { record } = rationale;
  const { made, reward } = record;
  const difference = `(${rewardParts(record)}) − (${fixed(baseline, 3)})`;
  const siblings = siblingsOf(rationale, set);
  if (made?.advantage === 'group-normalised') {
    if (siblings === null) return null;
    const spread = deviation(siblings.map((each) => each.reward));
    return {
      formula: 'A_k = (r_k − b) ⁄ (std r + ε)',
      value: (reward - baseline) / (spread + GROUP_EPSILON),
      written: `(${difference}) ⁄ (${fixed(spread, 3)} + ${GROUP_EPSILON})`,
    };
  }
  const clip = made?.advantageClip ?? null;
  if (clip !== null) {
    if (siblings === null) return null;
    const spread = deviation(siblings.map((each) => each.reward - each.baseline!));
    const value = Math.min(clip, Math.max(-clip, (reward - baseline) / spread));
    return {
      formula: `A_k = clip((r_k − b_k) ⁄ std, −c, c)${rewardFormula(record)}`,
      value,
      written: `clip((${difference}) ⁄ ${fixed(spread, 3)}, −${clip}, ${clip})`,
    };
  }
  const b = made?.advantage === 'expected' ? 'b' : 'b_k';
  return { formula: `A_k = r_k − ${b}${rewardFormula(record)}`, value: reward - baseline, written: difference };
}

/** With divisor n − 1, as the engine's. */
function deviation(values: readonly number[]): number {
  const average = sum(values) / values.length;
  return Math.sqrt(sum(values.map((value) => (value - average) ** 2)) / (values.length - 1));
}

/** What the update does with it. */
function effect({ record, origin }: RationaleView): string {
  const { made, weight, advantage } = record;
  if (made === undefined || weight === undefined) return t('rationale.weight.unknown');
  const asked = origin === 'run' ? '' : ` ${t('rationale.onRequest')}`;
  switch (made.method) {
    case 'latro':
    case 'grpo':
      if (weight !== 0) return `${t(weight > 0 ? 'rationale.advantage.more' : 'rationale.advantage.less')}${asked}`;
      return t(same(advantage ?? 0, 0) ? 'rationale.advantage.same' : 'rationale.advantage.skipped') + asked;
    case 'gfpo':
      return t('rationale.advantage.fork');
    case 'sft':
    case 'ssft':
    case 'rejection-sampling':
      return t('rationale.advantage.shown');
  }
}

/** Without siblings there is neither baseline nor advantage; what can be said is how its reward stands to that of the samples. */
function aloneTip(title: string, { record, origin, scoredBy }: RationaleView, set: RationaleSet): Tip {
  if (origin !== 'edited') return { title, text: t('rationale.alone.unscored') };
  const samples = samplesOf(set.rationales).map((sample) => sample.record);
  // Other weights, or rewards that are made in another way: the difference would be theirs too.
  if (scoredBy !== undefined || samples.length === 0 || !samples.every((sample) => comparable(record, sample)))
    return { title, text: t('rationale.alone.edited') };
  const average = sum(samples.map(({ reward }) => reward)) / samples.length;
  return {
    title,
    formula: 'r − 1 ⁄ K · Σ_k r_k',
    numbers: `${signed(record.reward - average, 3)} = (${rewardParts(record)}) − (${fixed(average, 3)}),  K = ${samples.length}`,
    text: `${t('rationale.alone.edited')} ${t('rationale.alone.beside')}`,
  };
}

function comparable({ made: a }: RationaleRecord, { made: b }: RationaleRecord): boolean {
  if (a === undefined || b === undefined) return a === b;
  const ofItsOwn = a.kind !== 'jepo' && a.kind !== 'spread-weighted';
  return (
    ofItsOwn &&
    a.kind === b.kind &&
    a.over === b.over &&
    a.subtractNoRationale === b.subtractNoRationale &&
    a.judgedBy === b.judgedBy &&
    a.beta === b.beta
  );
}

export function weightTip(rationale: RationaleView, set: RationaleSet): Tip {
  const title = t('rationale.weight.title');
  const { record, origin } = rationale;
  const { weight, made } = record;
  if (origin === 'edited') return { title, text: t('rationale.weight.none.text') };
  if (weight === undefined || made === undefined) return { title, text: t('rationale.weight.unknown') };
  const equation = weight === 0 ? null : weightEquation(rationale, set);
  const kept = made.method === 'rejection-sampling' || made.method === 'ssft';
  const shown =
    equation !== null && Math.abs(weight - equation.value) <= 1e-6 * Math.abs(weight)
      ? { formula: equation.formula, numbers: `${weightText(weight)} = ${equation.written}` }
      : { numbers: weightText(weight) };
  const text =
    record.baseline === null && !kept
      ? t('rationale.alone.unscored')
      : kept
        ? learned(weight, made.method)
        : effect(rationale);
  return { title, ...shown, text };
}

const learned = (weight: number, method: string): string =>
  t(weight === 0 ? 'rationale.weight.left' : method === 'ssft' ? 'rationale.weight.trace' : 'rationale.weight.kept');

/** Three significant digits: weights get small with N, K and the length. */
export const weightText = (weight: number): string => `${weight > 0 ? '+' : ''}${significant(weight)}`;

function weightEquation(rationale: RationaleView, set: RationaleSet) {
  const { record, keptFrom } = rationale;
  const { made, weight = 0, advantage } = record;
  if (made === undefined) return null;
  const n = made.questions;
  const scored = samplesOf(set.rationales).filter((sample) => sample.record.baseline !== null);
  const k = keptFrom?.k ?? scored.length;
  const a = signed(advantage ?? 0, 3);
  switch (made.method) {
    case 'latro':
      return made.advantage === 'joint-bound' && made.advantageClip === null
        ? { formula: 'w_t = A_k ⁄ N', value: (advantage ?? 0) / n, written: `${a} ⁄ ${n}` }
        : { formula: 'w_t = A_k ⁄ (N·K)', value: (advantage ?? 0) / (n * k), written: `${a} ⁄ (${n} · ${k})` };
    case 'grpo': {
      const length = Math.round((advantage ?? 0) / (weight * n * k));
      return {
        formula: 'w_t = A_k ⁄ (N·K·|o_k|)',
        value: (advantage ?? 0) / (n * k * length),
        written: `${a} ⁄ (${n} · ${k} · ${length})`,
      };
    }
    case 'rejection-sampling':
    case 'ssft': {
      const tokens = Math.round(1 / weight);
      return { formula: 'w_t = 1 ⁄ T', value: 1 / tokens, written: `1 ⁄ ${tokens}` };
    }
    case 'gfpo':
    case 'sft':
      return null;
  }
}
