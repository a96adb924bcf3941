/**
 * Traces for SSFT from the model's own samples (§7.4 of the design; ours: the paper takes them from several teachers).
 * Sampled sets have less spread than teachers' sets, so what is kept is chosen for being good *and* different.
 */
import { jaccard, wordNgrams } from './ngrams.ts';

export interface TraceCandidate {
  readonly text: string;
  /** Self-reward, nats. */
  readonly reward: number;
  /** reward − log π(y|x), nats: what the rationale adds. */
  readonly informationGain: number;
  /** null where the answer cannot be checked. */
  readonly correct: boolean | null;
  readonly finished: boolean;
  readonly leaksAnswer: boolean;
}

export interface SelectionSettings {
  /** M: at most this many traces per question. */
  readonly traces: number;
  /** λ in [0, 1]: 1 chooses by reward alone, 0 by difference alone. */
  readonly rewardWeight: number;
  /** Words per n-gram of the Jaccard distance; 2 by default. */
  readonly ngram?: number;
}

/**
 * Indexes of the chosen candidates, in the order of choice. Candidates must be finished, not leak the answer, not be wrong, and
 * gain information (> 0 nats). The first is the best by reward; each next one maximises
 *
 *     λ · r̂ + (1 − λ) · min over the chosen of (1 − Jaccard)
 *
 * with r̂ the reward scaled to [0, 1] over the eligible candidates (1 when all are equal). A candidate without any difference
 * to a chosen one is never chosen. Ties go to the earlier candidate.
 */
export function selectTraces(candidates: readonly TraceCandidate[], settings: SelectionSettings): number[] {
  const eligible = candidates.flatMap((candidate, index) =>
    candidate.finished && !candidate.leaksAnswer && candidate.correct !== false && candidate.informationGain > 0
      ? [{ index, reward: candidate.reward, grams: wordNgrams(candidate.text, settings.ngram ?? 2) }]
      : [],
  );
  const rewards = eligible.map(({ reward }) => reward);
  const lowest = Math.min(...rewards);
  const range = Math.max(...rewards) - lowest;
  const chosen: (typeof eligible)[number][] = [];
  const distance = (grams: ReadonlySet<string>) => Math.min(1, ...chosen.map((c) => 1 - jaccard(grams, c.grams)));
  const score = ({ reward, grams }: (typeof eligible)[number]) => {
    const scaledReward = range > 0 ? (reward - lowest) / range : 1;
    if (chosen.length === 0) return scaledReward;
    const far = distance(grams);
    return far === 0 ? -1 : settings.rewardWeight * scaledReward + (1 - settings.rewardWeight) * far;
  };
  while (chosen.length < settings.traces) {
    let best: (typeof eligible)[number] | undefined;
    let bestScore = 0;
    for (const candidate of eligible) {
      if (chosen.includes(candidate)) continue;
      const value = score(candidate);
      if (value >= 0 && (best === undefined || value > bestScore)) [best, bestScore] = [candidate, value];
    }
    if (best === undefined) break;
    chosen.push(best);
  }
  return chosen.map(({ index }) => index);
}
