/**
 * Rejection-sampling fine-tuning (RFT: Yuan et al. 2023, arXiv 2308.01825; STaR: Zelikman et al. 2022, arXiv 2203.14465):
 * sample rationales, keep those that reach the right answer, and fine-tune on them like on gold ones (sft.ts).
 */

/** One sampled rationale with its answer. */
export interface Candidate {
  readonly text: string;
  readonly tokens: number;
  readonly correct: boolean;
  readonly finished: boolean;
  /** Announces an answer before the answer segment (latro/answer_leak.ts). */
  readonly leaksAnswer: boolean;
}

/**
 * Which candidates of one question to train on: correct, finished, not leaking, each text once, at most `most`, the
 * shortest first. RFT prefers distinct reasoning paths; preferring the short among them is ours. Ties go to the earlier
 * sample, texts are compared with white space collapsed.
 *
 * @returns indexes into `candidates`, ascending.
 */
export function selectRejectionSamples(candidates: readonly Candidate[], most: number): number[] {
  const seen = new Set<string>();
  return candidates
    .map((candidate, index) => ({ candidate, index }))
    .filter(({ candidate }) => candidate.correct && candidate.finished && !candidate.leaksAnswer)
    .sort((a, b) => a.candidate.tokens - b.candidate.tokens || a.index - b.index)
    .filter(({ candidate }) => {
      const text = candidate.text.trim().replace(/\s+/g, ' ');
      if (seen.has(text)) return false;
      seen.add(text);
      return true;
    })
    .slice(0, Math.max(0, most))
    .map(({ index }) => index)
    .sort((a, b) => a - b);
}
