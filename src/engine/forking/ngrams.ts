/** Word n-grams of rationales, and the two usual measures of how different a set of texts is. */

/** The set of word n-grams, case ignored; a text shorter than n words is one n-gram. Empty for an empty text. */
export function wordNgrams(text: string, n: number): Set<string> {
  const all = listNgrams(text, n);
  return new Set(all);
}

/** |A ∩ B| / |A ∪ B|, in [0, 1]; two empty sets are equal: 1. */
export function jaccard(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  let shared = 0;
  for (const gram of a) if (b.has(gram)) shared++;
  const union = a.size + b.size - shared;
  return union === 0 ? 1 : shared / union;
}

/** distinct-n (Li et al. 2016): distinct n-grams over all n-grams of the texts, in (0, 1]; 0 without any. */
export function distinctN(texts: readonly string[], n: number): number {
  const all = texts.flatMap((text) => listNgrams(text, n));
  return all.length === 0 ? 0 : new Set(all).size / all.length;
}

/** Mean Jaccard similarity over all pairs of texts, in [0, 1]; 1 means that all say the same. null for fewer than two. */
export function meanPairwiseJaccard(texts: readonly string[], n: number): number | null {
  const sets = texts.map((text) => wordNgrams(text, n));
  const pairs = sets.flatMap((a, i) => sets.slice(i + 1).map((b) => jaccard(a, b)));
  return pairs.length === 0 ? null : pairs.reduce((sum, value) => sum + value, 0) / pairs.length;
}

function listNgrams(text: string, n: number): string[] {
  const words = text.toLowerCase().match(/[\p{L}\p{N}]+|[^\s\p{L}\p{N}]/gu) ?? [];
  if (words.length === 0) return [];
  if (words.length < n) return [words.join(' ')];
  return Array.from({ length: words.length - n + 1 }, (_, i) => words.slice(i, i + n).join(' '));
}
