/** Do the tags mean anything? What a run reports of its reasoning strategies (§7.5 of the design). */
import { logMeanExp, orderFreeMean } from '../latro/log_space.ts';

/** One rationale, and its log-probability with each tag in front of it. */
export interface TagScores {
  /** The tag it was sampled under, 0-based. */
  readonly tag: number;
  /** log π_θ(z'|x,g) for every tag g, (N), nats. */
  readonly logProbs: readonly number[];
}

/**
 * Tag information, nats: how much a rationale tells of the tag that it was written under,
 *
 *     I(g; z | x) ≈ E[ log π(z|x,g) − log (1/N) Σ_g' π(z|x,g') ]
 *
 * with g uniform over the N tags. 0 when tags are ignored, at most log N; a finite sample may be slightly negative.
 */
export function tagInformation(rationales: readonly TagScores[]): number {
  return orderFreeMean(rationales.map(({ tag, logProbs }) => (logProbs[tag] as number) - logMeanExp(logProbs)));
}

/** How often each tag took each trace. Traces of different questions line up by their source (a teacher, or the tag or
 * temperature they were sampled with). */
export interface MatchingFrequencies {
  /** (N, sources): share of the source's matchings that went to the tag; columns sum to 1, or 0 for a source never seen. */
  readonly shares: number[][];
  /** Mean entropy of the columns seen, nats, in [0, log N]: log N when tags are taken at random, 0 when each source has its tag. */
  readonly entropy: number;
}

/** One trace and the tag that took it, both 0-based. */
export interface Matching {
  readonly tag: number;
  readonly source: number;
}

/** (N, sources): how often each tag took a trace of each source; `tags` is N. */
export function matchingCounts(matchings: readonly Matching[], tags: number, sources: number): number[][] {
  const counts = Array.from({ length: tags }, () => Array<number>(sources).fill(0));
  for (const { tag, source } of matchings) {
    const row = counts[tag];
    if (row?.[source] === undefined) throw new Error(`no tag ${tag} or no source ${source}`);
    row[source] += 1;
  }
  return counts;
}

/** From the counts of one stretch of training, those of its updates added up. */
export function frequenciesOf(counts: readonly (readonly number[])[]): MatchingFrequencies {
  const sources = counts[0]?.length ?? 0;
  const totals = Array.from({ length: sources }, (_, j) => counts.reduce((sum, row) => sum + (row[j] as number), 0));
  const shares = counts.map((row) => row.map((count, j) => (totals[j] === 0 ? 0 : count / (totals[j] as number))));
  const seen = totals.flatMap((total, j) => (total === 0 ? [] : [entropyOf(shares.map((row) => row[j] as number))]));
  return { shares, entropy: seen.length === 0 ? 0 : orderFreeMean(seen) };
}

/** −Σ p log p, nats. */
export function entropyOf(probabilities: readonly number[]): number {
  return -probabilities.reduce((sum, p) => sum + (p > 0 ? p * Math.log(p) : 0), 0);
}
