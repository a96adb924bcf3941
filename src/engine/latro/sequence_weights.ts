/**
 * Where the parts of x ⊕ z ⊕ y stand in a token sequence, and the per-token weights of the engine's one loss
 *
 *     L(θ) = − Σ_sequences Σ_t w_t · log π_θ(ids[t] | ids[<t])
 *
 * Positions are 0-based, T = n_x + n_z + m. Token t is predicted by the logits at t − 1, so `score` returns T − 1 values and
 * its entry t − 1 belongs to token t. (The reference code shifts by one twice and so counts the rationale's last token
 * as part of the answer.)
 */

/** Numbers of tokens of x, z and y. The prompt has at least one token. */
export interface SequenceLengths {
  readonly prompt: number;
  readonly rationale: number;
  readonly answer: number;
}

/** log π of the rationale's tokens, t = n_x … n_x+n_z−1. `tokenLogProbs` is what `score` returns, (T − 1). */
export function rationaleLogProbs(tokenLogProbs: ArrayLike<number>, lengths: SequenceLengths): number[] {
  checkLength(tokenLogProbs, lengths);
  return range(tokenLogProbs, lengths.prompt - 1, lengths.rationale);
}

/** log π of exactly the answer segment's m tokens, t = n_x+n_z … n_x+n_z+m−1. `tokenLogProbs` is (T − 1). */
export function answerLogProbs(tokenLogProbs: ArrayLike<number>, lengths: SequenceLengths): number[] {
  checkLength(tokenLogProbs, lengths);
  return range(tokenLogProbs, lengths.prompt + lengths.rationale - 1, lengths.answer);
}

/**
 * w (T): 0 on the prompt, `rationaleWeight` on every token of z, `answerWeights` (m) on y. w[t] multiplies
 * log π(ids[t] | ids[<t]); w[0] is always 0.
 */
export function sequenceWeights(
  lengths: SequenceLengths,
  rationaleWeight: number,
  answerWeights: readonly number[],
): Float32Array {
  checkPrompt(lengths);
  if (answerWeights.length !== lengths.answer) throw new Error('one weight per answer token is needed');
  const weights = new Float32Array(lengths.prompt + lengths.rationale + lengths.answer);
  weights.fill(rationaleWeight, lengths.prompt, lengths.prompt + lengths.rationale);
  weights.set(answerWeights, lengths.prompt + lengths.rationale);
  return weights;
}

function range(values: ArrayLike<number>, from: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => values[from + i] as number);
}

function checkLength(tokenLogProbs: ArrayLike<number>, lengths: SequenceLengths): void {
  checkPrompt(lengths);
  const expected = lengths.prompt + lengths.rationale + lengths.answer - 1;
  if (tokenLogProbs.length !== expected) {
    throw new Error(`${expected} token log-probabilities expected, ${tokenLogProbs.length} given`);
  }
}

function checkPrompt(lengths: SequenceLengths): void {
  if (lengths.prompt < 1) throw new Error('the prompt needs at least one token: nothing predicts the first token');
}
