/**
 * Where a rationale ends: at the first stop phrase of its decoded text. The reference code compares token ids instead and misses
 * every other tokenisation of the same words (".\n\n" merged into one token, "**The answer is", "the final answer is"); z then holds
 * the answer that y repeats, and is rewarded for it.
 */

export interface StopMatch {
  /** Where z's text ends: white space and markdown before the phrase ("\n\n**") are not part of z. */
  readonly index: number;
  /** Where the phrase's own words begin. */
  readonly phraseIndex: number;
  readonly phrase: string;
}

/** What markdown may put around and between the words of a phrase. */
const DECORATION = '*_`~';
const BEFORE_PHRASE = new RegExp(`[\\s${DECORATION}#>]`);
/** Longest run of white space and decoration between two words; a bound keeps the search linear. */
const LONGEST_GAP = 8;

/**
 * The first stop phrase in `text`, in any case and under markdown decoration, as whole words; of several at one place the longest.
 * Offsets are UTF-16 code units.
 */
export function findStop(text: string, phrases: readonly string[]): StopMatch | null {
  return firstMatch(text, compile(phrases));
}

/** Watches one rationale grow, piece by decoded piece; each push looks only at the end of the text, and keeps only that. */
export class StopWatcher {
  readonly #compiled: CompiledPhrases;
  readonly #pieceEnds: number[] = [];
  /** The end of the text, from `#tailStart` on. */
  #tail = '';
  #tailStart = 0;

  constructor(phrases: readonly string[]) {
    this.#compiled = compile(phrases);
  }

  /**
   * @returns the phrase that this piece completes, or null. `pieces` of those pushed so far belong to z: all that end before the
   * phrase, also the one that brings the last of z together with white space (".\n\n").
   */
  push(piece: string): (StopMatch & { readonly pieces: number }) | null {
    this.#tail += piece;
    this.#pieceEnds.push(this.#tailStart + this.#tail.length);
    const match = firstMatch(this.#tail, this.#compiled);
    if (!match) {
      this.#forget();
      return null;
    }
    const index = match.index + this.#tailStart;
    const phraseIndex = match.phraseIndex + this.#tailStart;
    return { index, phraseIndex, phrase: match.phrase, pieces: this.#piecesBefore(index, phraseIndex) };
  }

  /** Drops what no later phrase can begin in; the tail then begins with a character that no white space before a phrase reaches. */
  #forget(): void {
    let cut = Math.max(0, this.#tail.length - this.#compiled.longest - 1);
    while (cut > 0 && BEFORE_PHRASE.test(this.#tail[cut] as string)) cut--;
    this.#tail = this.#tail.slice(cut);
    this.#tailStart += cut;
  }

  #piecesBefore(index: number, phraseIndex: number): number {
    if (index === 0) return 0;
    const last = this.#pieceEnds.findIndex((end) => end >= index);
    return (this.#pieceEnds[last] as number) <= phraseIndex ? last + 1 : last;
  }
}

interface CompiledPhrases {
  readonly phrases: readonly string[];
  readonly pattern: RegExp;
  /** Longest text that any phrase can match. */
  readonly longest: number;
}

const compiledPhrases = new WeakMap<readonly string[], CompiledPhrases>();

function compile(phrases: readonly string[]): CompiledPhrases {
  const known = compiledPhrases.get(phrases);
  if (known) return known;
  const sorted = phrases.filter((phrase) => phrase.trim() !== '').sort((a, b) => b.length - a.length);
  const sources = sorted.map((phrase) => `(${phraseSource(phrase)})`);
  const compiled = {
    phrases: sorted,
    pattern: new RegExp(sources.length === 0 ? '(?!)' : sources.join('|'), 'iu'),
    longest: Math.max(0, ...sorted.map((phrase) => phrase.length * (1 + LONGEST_GAP))),
  };
  compiledPhrases.set(phrases, compiled);
  return compiled;
}

/** Source of a pattern for a phrase's words with white space and markdown between them. */
export function phraseSource(phrase: string): string {
  const tokens = [...phrase.trim().matchAll(/(\s*)([\p{L}\p{N}\p{M}]+|[^\s\p{L}\p{N}\p{M}])/gu)];
  const isWord = (token: string | undefined): boolean => /[\p{L}\p{N}]/u.test(token ?? '');
  const parts = tokens.map(([, space, token = ''], i) => {
    const escaped = token.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
    if (i === 0) return escaped;
    const smallest = space !== '' && isWord(token) ? 1 : 0;
    return `[${space === '' ? '' : '\\s'}${DECORATION}]{${smallest},${LONGEST_GAP}}${escaped}`;
  });
  const before = isWord(tokens[0]?.[2]) ? '(?<![\\p{L}\\p{N}])' : '';
  const after = isWord(tokens.at(-1)?.[2]) ? '(?![\\p{L}\\p{N}])' : '';
  return before + parts.join('') + after;
}

function firstMatch(text: string, { pattern, phrases }: CompiledPhrases): StopMatch | null {
  const match = pattern.exec(text);
  if (!match) return null;
  let index = match.index;
  while (index > 0 && BEFORE_PHRASE.test(text[index - 1] as string)) index--;
  const group = match.findIndex((captured, i) => i > 0 && captured !== undefined);
  return { index, phraseIndex: match.index, phrase: phrases[group - 1] as string };
}
