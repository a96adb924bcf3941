/** How the figures of a rationale were made: which formulas hold for its reward, baseline, advantage and weight. */
import * as v from 'valibot';
import type { RunConfig } from './run_config.ts';
import { Method, reward } from './run_config_fields.ts';

/** Which tokens of y = template + answer a self-reward counts. */
export const CountedOver = reward.over;
export type CountedOver = v.InferOutput<typeof CountedOver>;

export const FiguresMade = v.object({
  /** Whose update it is of; what was sampled on request is judged as `latro` judges it, whatever the run's method. */
  method: Method,
  /** What `selfReward` is: a likelihood of the answer, or a verifier's 0 or 1. */
  kind: v.picklist([...reward.kind.pipe[0].options, 'spread-weighted', 'verifier']),
  over: CountedOver,
  subtractNoRationale: v.boolean(),
  /** What stands in `reward`: the self-reward (less KL, plus ratings), or a verifier's 0 or 1 beside it. */
  judgedBy: v.picklist(['self-reward', 'verifier']),
  /**
   * 'leave-one-out': b_k = mean of the others' rewards, A_k = r_k − b_k. 'joint-bound' (JEPO): r_k and b_k are the bound with and without
   * k, with a K-th of KL and ratings. 'group-normalised' (GRPO): b = mean of all, A_k = (r_k − b) / (std r + ε).
   * 'expected' (GFPO, exact): b = Σ_i p_i r̄_i over the strategies, A_k = r_k − b.
   */
  advantage: v.picklist(['leave-one-out', 'joint-bound', 'group-normalised', 'expected']),
  /** c of A_k = clip((r_k − b_k) / std, −c, c); null: not clipped. */
  advantageClip: v.nullable(v.number()),
  /** Whose rewards make the baseline: all K, or those under its own strategy. */
  siblings: v.picklist(['question', 'strategy']),
  /** β of `klPenalty`. */
  beta: v.number(),
  /** N, the questions of the update. */
  questions: v.number(),
});
export type FiguresMade = v.InferOutput<typeof FiguresMade>;

/** How a run's method makes them. @param questions N */
export function figuresMade(
  config: Pick<RunConfig, 'method' | 'reward' | 'gfpo' | 'strategies'>,
  questions: number,
): FiguresMade {
  const { kind, over, subtractNoRationale, spreadWeights, advantageClip, klCoefficient: beta } = config.reward;
  const latro: FiguresMade = {
    method: config.method,
    kind: spreadWeights && kind === 'log-probability' ? 'spread-weighted' : kind,
    over,
    subtractNoRationale,
    judgedBy: 'self-reward',
    advantage: kind === 'jepo' ? 'joint-bound' : 'leave-one-out',
    advantageClip,
    siblings: 'question',
    beta,
    questions,
  };
  switch (config.method) {
    case 'latro':
      return { ...latro, siblings: config.strategies.count > 0 ? 'strategy' : 'question' };
    case 'sft':
    case 'ssft':
    case 'rejection-sampling':
      return { ...latro, beta: 0 };
    case 'grpo':
      return {
        ...latro,
        kind: 'verifier',
        subtractNoRationale: false,
        judgedBy: 'verifier',
        advantage: 'group-normalised',
        advantageClip: null,
        beta: 0,
      };
    case 'gfpo': {
      const { reward: judgedBy, form, advantage } = config.gfpo;
      const own = judgedBy === 'verifier' ? 0 : beta;
      return {
        ...latro,
        judgedBy,
        advantage: form === 'exact' ? 'expected' : advantage,
        advantageClip: null,
        beta: own,
      };
    }
  }
}
