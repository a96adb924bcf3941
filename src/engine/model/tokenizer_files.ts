/** The tokenizer files of a model folder with added tokens, as transformers and our own tokenizer read them. */
import { join } from 'node:path';
import { LatroError } from '../common/errors.ts';
import type { AddedTokens } from './added_tokens.ts';
import { readOptionalJson } from './json_file.ts';

interface TokenizerJson {
  readonly added_tokens?: readonly { readonly content: string; readonly id: number }[];
  readonly model: { readonly vocab: Readonly<Record<string, number>> };
}

const entryOf = (content: string) => ({
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  // Found in the text as it is, before the tokenizer's normaliser.
  normalized: false,
  // Not special: a tag stays visible in decoded text, as `<think>` does in published reasoning models.
  special: false,
});

/**
 * `tokenizer.json` with the new tokens. They also enter the model's own vocabulary: the tokenizers library numbers an added token that
 * it does not find there one after the last, whatever id the file says, and embeddings are often padded past the last token.
 * @throws LatroError `tokenizer-mismatch` when a token is there already, or the kind of vocabulary has no room between
 */
export function tokenizerJsonWith(json: unknown, tokens: AddedTokens, path: string): object {
  const { model, added_tokens: added = [], ...rest } = json as TokenizerJson & Record<string, unknown>;
  const { vocab } = model;
  if (typeof vocab !== 'object' || vocab === null || Array.isArray(vocab)) {
    throw new LatroError(
      'tokenizer-mismatch',
      `${path} has a vocabulary that tokens cannot be added to.`,
      'Use a model with a byte-pair tokenizer.',
    );
  }
  const known = tokens.texts.find(
    (text) => Object.hasOwn(vocab, text) || added.some(({ content }) => content === text),
  );
  if (known !== undefined) {
    throw new LatroError(
      'tokenizer-mismatch',
      `${path} knows the token ${JSON.stringify(known)} already.`,
      'Use the model and tokenizer it was added to, or another text for the token.',
    );
  }
  const ids = tokens.texts.map((text, i): [string, number] => [text, tokens.firstId + i]);
  return {
    ...rest,
    added_tokens: [...added, ...ids.map(([text, id]) => ({ id, ...entryOf(text) }))],
    model: { ...model, vocab: { ...vocab, ...Object.fromEntries(ids) } },
  };
}

/** `tokenizer_config.json` with the new tokens, which transformers adds once more by this list. */
function tokenizerConfigWith(json: unknown, tokens: AddedTokens): object {
  const config = (json ?? {}) as { readonly added_tokens_decoder?: object };
  const entries = tokens.texts.map((text, i) => [String(tokens.firstId + i), entryOf(text)]);
  return { ...config, added_tokens_decoder: { ...config.added_tokens_decoder, ...Object.fromEntries(entries) } };
}

/** `added_tokens.json`: text → id, transformers' own file; `before` is what it held. */
export function addedTokensJson(tokens: AddedTokens, before: unknown = {}): Record<string, number> {
  const entries = tokens.texts.map((text, i) => [text, tokens.firstId + i]);
  return { ...(before as Record<string, number>), ...Object.fromEntries(entries) };
}

/** `tokenizer.json`, `tokenizer_config.json` and `added_tokens.json` of the folder `source` with the new tokens, by name. */
export async function tokenizerFilesWith(
  source: string,
  tokens: AddedTokens,
): Promise<Record<string, Iterable<Uint8Array>>> {
  const read = async (name: string) => (await readOptionalJson(join(source, name), 'model-damaged')) ?? {};
  const write = (contents: unknown) => [new TextEncoder().encode(`${JSON.stringify(contents, null, 2)}\n`)];
  const path = join(source, 'tokenizer.json');
  return {
    'tokenizer.json': write(tokenizerJsonWith(await read('tokenizer.json'), tokens, path)),
    'tokenizer_config.json': write(tokenizerConfigWith(await read('tokenizer_config.json'), tokens)),
    'added_tokens.json': write(addedTokensJson(tokens, await read('added_tokens.json'))),
  };
}
