/** A prompt given as text, to token ids. */
import type { Tokenizer } from '../engine/model/tokenizer.ts';

/**
 * With the special tokens that the model expects in front of a text, unless the text already begins with the first of them, as one that
 * a chat template rendered does: twice the same token is not what the model was trained on.
 */
export function encodePrompt(tokenizer: Tokenizer, text: string): number[] {
  const { bos } = tokenizer.specialTokens;
  return tokenizer.encode(text, { addSpecialTokens: bos === null || bos === '' || !text.startsWith(bos) });
}
