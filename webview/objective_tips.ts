/** What the dashboard's curves of rewards and advantages are of: that depends on the run's method and reward. */
import type { DashboardRun } from '../src/protocol/panel_messages.ts';
import { t } from './strings.ts';
import type { Tip } from './tip.ts';

export type Objective = NonNullable<DashboardRun['objective']>;

export function rewardOf({
  kind,
  over,
  subtractNoRationale,
  judgedBy,
  beta,
}: Objective): Pick<Tip, 'formula' | 'text'> {
  if (judgedBy === 'verifier' || kind === 'verifier') return { text: t('dashboard.reward.verifier') };
  const texts = [t(`dashboard.reward.${kind}`), t(`dashboard.reward.${over}`)];
  if (subtractNoRationale) texts.push(t('dashboard.reward.gain'));
  const text = texts.join(' ');
  if (kind === 'jepo') return { text };
  return { formula: beta === 0 ? 'r_k = R(z_k)' : 'r_k = R(z_k) − β·KL_k', text };
}

export function advantageOf({ advantage, advantageClip }: Objective): Pick<Tip, 'formula'> {
  switch (advantage) {
    case 'leave-one-out': {
      const difference = 'r_k − 1 ⁄ (K − 1) · Σ_{j≠k} r_j';
      return { formula: advantageClip === null ? `A_k = ${difference}` : `A_k = clip((${difference}) ⁄ std, −c, c)` };
    }
    case 'group-normalised':
      return { formula: 'A_k = (r_k − 1 ⁄ K · Σ_j r_j) ⁄ (std r + ε)' };
    case 'expected':
      return { formula: 'A_k = r_k − Σ_i p_i · r̄_i' };
    case 'joint-bound':
      return {};
  }
}
