/** How near two free texts are (chrF, ROUGE-L), and how unlike several rationales of one question are (diversity). */

const CHRF_ORDER = 6;
const CHRF_BETA = 2;

/**
 * chrF of one segment against one reference, in [0, 100]: F_β over character 1- to 6-grams, β = 2, white space ignored, orders
 * that either text is too short for left out; sacreBLEU's defaults. Popović 2015, "chrF: character n-gram F-score", eq. 1.
 */
export function chrF(hypothesis: string, reference: string): number {
  const [hypothesisText, referenceText] = [hypothesis, reference].map((text) =>
    Array.from(text.replace(/\s+/gu, '')),
  ) as [string[], string[]];
  let precision = 0;
  let recall = 0;
  let orders = 0;
  for (let n = 1; n <= CHRF_ORDER; n++) {
    const ours = countNgrams(hypothesisText, n);
    const theirs = countNgrams(referenceText, n);
    const [ourCount, theirCount] = [hypothesisText.length - n + 1, referenceText.length - n + 1];
    if (ourCount <= 0 || theirCount <= 0) continue;
    let matches = 0;
    for (const [ngram, count] of ours) matches += Math.min(count, theirs.get(ngram) ?? 0);
    precision += matches / ourCount;
    recall += matches / theirCount;
    orders++;
  }
  if (precision + recall === 0) return 0;
  const [p, r, weight] = [precision / orders, recall / orders, CHRF_BETA ** 2];
  return (100 * (1 + weight) * p * r) / (weight * p + r);
}

/**
 * ROUGE-L F1 in [0, 1]: the longest common subsequence of words against both lengths. Lin 2004, "ROUGE", §3.1. Words are runs of
 * letters and digits in lower case, as in rouge_score without stemmer; unlike it, letters beyond a–z count too, and every
 * Chinese or Japanese character is a word.
 */
export function rougeL(hypothesis: string, reference: string): number {
  const [ours, theirs] = [words(hypothesis), words(reference)];
  const common = longestCommonSubsequence(ours, theirs);
  return common === 0 ? 0 : (2 * common) / (ours.length + theirs.length);
}

/** Both scores of one free-text answer: chrF in [0, 100], ROUGE-L F1 in [0, 1]. */
export interface TextSimilarity {
  readonly chrF: number;
  readonly rougeL: number;
}

export function textSimilarity(hypothesis: string, reference: string): TextSimilarity {
  return { chrF: chrF(hypothesis, reference), rougeL: rougeL(hypothesis, reference) };
}

/** Share of different n-grams among all word n-grams of the texts, in [0, 1]; 0 when there is none. Li et al. 2016, "distinct-n". */
export function distinctN(texts: readonly string[], n: number): number {
  const ngrams = texts.map(words).flatMap((list) => [...countNgrams(list, n)]);
  const total = ngrams.reduce((sum, [, count]) => sum + count, 0);
  return total === 0 ? 0 : new Set(ngrams.map(([ngram]) => ngram)).size / total;
}

/** Mean over all pairs of texts of |A ∩ B| / |A ∪ B| of their word sets, in [0, 1]: 1, all alike. Null with fewer than two texts. */
export function pairwiseJaccard(texts: readonly string[]): number | null {
  const sets = texts.map((text) => new Set(words(text)));
  let sum = 0;
  let pairs = 0;
  for (const [i, a] of sets.entries()) {
    for (const b of sets.slice(i + 1)) {
      const shared = [...a].filter((word) => b.has(word)).length;
      const union = a.size + b.size - shared;
      sum += union === 0 ? 1 : shared / union;
      pairs++;
    }
  }
  return pairs === 0 ? null : sum / pairs;
}

/** How many different answers were given; none given is no answer. */
export function distinctAnswers(answers: readonly (string | null)[]): number {
  return new Set(answers.filter((answer) => answer !== null)).size;
}

function words(text: string): string[] {
  return (
    text
      .toLowerCase()
      .match(
        /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]|[\p{L}\p{N}\p{M}]+?(?=[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]|[^\p{L}\p{N}\p{M}]|$)/gu,
      ) ?? []
  );
}

function countNgrams(items: readonly string[], n: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (let start = 0; start + n <= items.length; start++) {
    const ngram = items.slice(start, start + n).join('\u0000');
    counts.set(ngram, (counts.get(ngram) ?? 0) + 1);
  }
  return counts;
}

function longestCommonSubsequence(a: readonly string[], b: readonly string[]): number {
  let row = new Uint32Array(b.length + 1);
  for (const word of a) {
    const next = new Uint32Array(b.length + 1);
    for (let j = 1; j <= b.length; j++) {
      next[j] = b[j - 1] === word ? (row[j - 1] as number) + 1 : Math.max(row[j] as number, next[j - 1] as number);
    }
    row = next;
  }
  return row[b.length] as number;
}
