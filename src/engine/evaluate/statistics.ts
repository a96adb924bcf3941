/** Votes, pass@k, and the paired statistics that stand behind every "better". */
import type { RandomStream } from '../common/random.ts';

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The answer given most often, of several the one given first; null when none was given. Self-consistency, Wang et al. 2023. */
export function majorityVote(answers: readonly (string | null)[]): string | null {
  const votes = new Map<string, number>();
  for (const answer of answers) if (answer !== null) votes.set(answer, (votes.get(answer) ?? 0) + 1);
  const most = Math.max(...votes.values());
  for (const [answer, count] of votes) if (count === most) return answer;
  return null;
}

/**
 * Probability that at least one of `k` answers drawn without replacement from `n` is right when `c` of the n are:
 * 1 − C(n−c, k) / C(n, k), as a product that does not overflow. Chen et al. 2021, "Codex", eq. 1. Needs 1 ≤ k ≤ n, 0 ≤ c ≤ n.
 */
export function passAtK(n: number, c: number, k: number): number {
  if (!(Number.isInteger(k) && k >= 1 && k <= n && c >= 0 && c <= n))
    throw new RangeError(`pass@${k} of ${c} right among ${n}`);
  let allWrong = 1;
  for (let i = n - c + 1; i <= n; i++) allWrong *= Math.max(0, 1 - k / i);
  return 1 - allWrong;
}

/**
 * Exact two-sided p-value of McNemar's test on `fixed` and `broken` discordant questions: under H0 each is as likely as the other,
 * so p = min(1, 2 · P(X ≤ min(fixed, broken))), X ~ Binomial(fixed + broken, ½). Summed from log-probabilities: exact for any count.
 */
export function mcNemarExact(fixed: number, broken: number): number {
  const n = fixed + broken;
  const least = Math.min(fixed, broken);
  // log C(n, i) grows with i up to n/2, so every term is scaled by the last one.
  let logLast = -n * Math.LN2;
  for (let i = 0; i < least; i++) logLast += Math.log((n - i) / (i + 1));
  let sum = 0;
  let ratio = 1;
  for (let i = least; i >= 0 && ratio > 1e-18; i--) {
    sum += ratio;
    ratio *= i / (n - i + 1);
  }
  return Math.min(1, 2 * Math.exp(logLast) * sum);
}

/** Fewer resamples for very many questions, whose interval needs fewer: at most this many draws in all. */
const MOST_DRAWS = 50_000_000;

/**
 * Percentile bootstrap interval of the mean of paired differences (Efron 1979): resample the pairs with replacement, take the
 * (1 ± confidence)/2 quantiles of the means. The same stream gives the same interval.
 */
export function bootstrapInterval(
  differences: readonly number[],
  stream: RandomStream,
  { confidence = 0.95, resamples = 10_000 }: { confidence?: number; resamples?: number } = {},
): [lo: number, hi: number] {
  const n = differences.length;
  if (n === 0) throw new RangeError('no differences to resample');
  const values = Float64Array.from(differences);
  const count = Math.min(resamples, Math.max(1000, Math.floor(MOST_DRAWS / n)));
  const means = new Float64Array(count);
  for (let b = 0; b < count; b++) {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += values[stream.nextInteger(n)] as number;
    means[b] = sum / n;
  }
  means.sort();
  return [quantile(means, (1 - confidence) / 2), quantile(means, (1 + confidence) / 2)];
}

/** Linear between order statistics (Hyndman & Fan type 7, NumPy's default). */
function quantile(sorted: Float64Array, share: number): number {
  const at = share * (sorted.length - 1);
  const below = Math.floor(at);
  const low = sorted[below] as number;
  const high = sorted[Math.min(below + 1, sorted.length - 1)] as number;
  return low + (at - below) * (high - low);
}

/** Standard normal quantile of 0.975. */
const Z_95 = 1.959963984540054;

/** Wilson's 95 % interval of a share of `right` among `n` (Wilson 1927): within [0, 1] and sound for small n. [0, 1] when n = 0. */
export function wilsonInterval(right: number, n: number): [lo: number, hi: number] {
  if (n === 0) return [0, 1];
  const share = right / n;
  const z2 = Z_95 ** 2;
  const centre = (share + z2 / (2 * n)) / (1 + z2 / n);
  const half = (Z_95 / (1 + z2 / n)) * Math.sqrt((share * (1 - share)) / n + z2 / (4 * n * n));
  return [right === 0 ? 0 : centre - half, right === n ? 1 : centre + half];
}

/** P(X ≤ k), X ~ Binomial(n, p), 0 < p < 1, 0 ≤ k ≤ n. */
function binomialAtMost(k: number, n: number, p: number): number {
  let logTerm = n * Math.log1p(-p);
  const odds = Math.log(p) - Math.log1p(-p);
  let sum = Math.exp(logTerm);
  for (let i = 1; i <= k; i++) {
    logTerm += Math.log((n - i + 1) / i) + odds;
    sum += Math.exp(logTerm);
  }
  return Math.min(1, sum);
}

/** Where a function that falls from above to below `level` on (0, 1) passes it. */
function passing(level: number, falling: (p: number) => number): number {
  let [low, high] = [0, 1];
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (falling(middle) > level) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Exact 95 % interval of a share of `right` among `n` (Clopper & Pearson 1934): within [0, 1]. [0, 1] when n = 0. */
export function clopperPearsonInterval(right: number, n: number): [lo: number, hi: number] {
  const hi = (of: number): number => (of === n ? 1 : passing(0.025, (p) => binomialAtMost(of, n, p)));
  return n === 0 ? [0, 1] : [1 - hi(n - right), hi(right)];
}

/**
 * 95 % interval of the difference (fixed − broken) / n that agrees with McNemar's exact test: it holds 0 wherever p ≥ 0.05. A
 * percentile bootstrap is too narrow while few questions changed (of 4 fixed and 0 broken it excludes 0, where p = 0.125), so it is
 * widened to what follows from the share of fixed questions among the changed ones, exact (Clopper & Pearson), on which that test rests.
 * Where none changed, to Tango's score interval (1998, eq. 9), which is ± z² / (n + z²) then.
 * @param bootstrap of the same questions
 */
export function pairedInterval(
  fixed: number,
  broken: number,
  n: number,
  bootstrap: readonly [lo: number, hi: number],
): [lo: number, hi: number] {
  const changed = fixed + broken;
  const least = Z_95 ** 2 / (n + Z_95 ** 2);
  const [lo, hi] = clopperPearsonInterval(fixed, changed);
  const exact = changed === 0 ? [-least, least] : [lo, hi].map((share) => ((2 * share - 1) * changed) / n);
  return [Math.min(bootstrap[0], exact[0]!), Math.max(bootstrap[1], exact[1]!)];
}
