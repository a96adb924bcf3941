/**
 * Whole prompts into an empty cache. On the host some at a time: what a layer gives of all prompts of an evaluation leaves every processor's
 * cache, and is memory that nothing else needs (docs/bench/NOTES.md, "Evaluations").
 */
import { throwIfCancelled } from '../common/errors.ts';
import type { Cache } from './extend_inputs.ts';
import { KeyValueCache } from './kv_cache.ts';
import type { LanguageModel } from './language_model.ts';

/** Of a run, padding included; a single prompt may be longer. */
export const PREFILL_TOKENS = 1024;

export interface PrefillOptions {
  readonly signal?: AbortSignal | undefined;
  readonly tokensAtOnce?: number;
}

/** @returns final hidden states (rows, D) after each prompt's last token */
export async function prefill(
  model: LanguageModel,
  cache: Cache,
  prompts: readonly (readonly number[])[],
  contextLength: number,
  { signal, tokensAtOnce = PREFILL_TOKENS }: PrefillOptions = {},
): Promise<Float32Array> {
  if (!(cache instanceof KeyValueCache)) return model.extendHidden(cache, prompts, contextLength);
  const width = model.config.hiddenSize;
  const hidden = new Float32Array(prompts.length * width);
  const parts: KeyValueCache[] = [];
  let row = 0;
  for (const piece of inPieces(prompts, tokensAtOnce)) {
    throwIfCancelled(signal);
    const part = new KeyValueCache(model.config, piece.length);
    hidden.set(await model.extendHidden(part, piece, contextLength), row * width);
    parts.push(part);
    row += piece.length;
  }
  cache.take(parts);
  return hidden;
}

/** Neighbours, as many as fit when each is as long as the longest. */
function inPieces(prompts: readonly (readonly number[])[], tokensAtOnce: number): (readonly number[])[][] {
  const pieces: (readonly number[])[][] = [];
  let longest = 0;
  for (const prompt of prompts) {
    const piece = pieces.at(-1);
    longest = Math.max(longest, prompt.length);
    if (piece !== undefined && (piece.length + 1) * longest <= tokensAtOnce) {
      piece.push(prompt);
    } else {
      pieces.push([prompt]);
      longest = prompt.length;
    }
  }
  return pieces;
}
