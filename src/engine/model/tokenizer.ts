/** A model's tokenizer, from tokenizer.json and tokenizer_config.json. Encoding is `@huggingface/tokenizers`; decoding is by bytes. */

import { join } from 'node:path';
import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import * as v from 'valibot';
import { LatroError } from '../common/errors.ts';
import type { AddedTokens } from './added_tokens.ts';
import type { ModelConfig } from './config.ts';
import { parseJson, readOptionalJson, readRequiredJson } from './json_file.ts';
import { type Decoding, tokenDecoding } from './token_bytes.ts';
import { tokenizerJsonWith } from './tokenizer_files.ts';

const TokenField = v.nullish(v.union([v.string(), v.object({ content: v.string() })]));
const TokenizerConfigSchema = v.looseObject({
  bos_token: TokenField,
  eos_token: TokenField,
  pad_token: TokenField,
  unk_token: TokenField,
});

/** Contents of the special tokens a model names, for chat templates. */
export interface SpecialTokens {
  readonly bos: string | null;
  readonly eos: string | null;
  readonly pad: string | null;
  readonly unk: string | null;
}

interface DecodeOptions {
  /** Leaves out tokens such as `<s>` or `<|im_end|>`. */
  readonly skipSpecialTokens: boolean;
}

export class Tokenizer {
  /** One more than the largest token id. */
  readonly vocabSize: number;
  readonly specialTokens: SpecialTokens;
  readonly bosTokenId: number | null;
  readonly eosTokenId: number | null;
  readonly padTokenId: number | null;
  /** Ids of all tokens marked special. */
  readonly specialIds: ReadonlySet<number>;
  readonly #path: string;
  readonly #tokenizer: HuggingFaceTokenizer;
  readonly #decoding: Decoding;
  /** By token id; filled as tokens are met. */
  readonly #bytes: (Uint8Array | undefined)[] = [];

  private constructor(path: string, tokenizer: HuggingFaceTokenizer, decoding: Decoding, special: SpecialTokens) {
    this.#path = path;
    this.#tokenizer = tokenizer;
    this.#decoding = decoding;
    this.specialTokens = special;
    const added = [...tokenizer.get_added_tokens_decoder().values()];
    this.specialIds = new Set(added.filter((token) => token.special).map((token) => token.id));
    this.vocabSize = Math.max(-1, ...added.map((token) => token.id), largestId(tokenizer)) + 1;
    const idOf = (token: string | null): number | null =>
      token === null ? null : (tokenizer.token_to_id(token) ?? null);
    this.bosTokenId = idOf(special.bos);
    this.eosTokenId = idOf(special.eos);
    this.padTokenId = idOf(special.pad);
  }

  /**
   * The folder's tokenizer, with `added` tokens beside its own.
   * Errors: model-not-found, model-damaged, model-unsupported (a kind of tokenizer none of our models has), tokenizer-mismatch when it
   * knows an added token already.
   */
  static async load(folder: string, added: AddedTokens | null = null): Promise<Tokenizer> {
    const path = join(folder, 'tokenizer.json');
    const json = await readRequiredJson(
      path,
      { missing: 'model-not-found', damaged: 'model-damaged' },
      'Download the model again with its tokenizer.json.',
    );
    const configPath = join(folder, 'tokenizer_config.json');
    const config = parseJson(
      TokenizerConfigSchema,
      (await readOptionalJson(configPath, 'model-damaged')) ?? {},
      configPath,
      'model-damaged',
    );
    const decoding = tokenDecoding((json as { decoder?: unknown } | null)?.decoder, path);
    const content = (field: v.InferOutput<typeof TokenField>): string | null =>
      typeof field === 'string' ? field : (field?.content ?? null);
    const special = {
      bos: content(config.bos_token),
      eos: content(config.eos_token),
      pad: content(config.pad_token),
      unk: content(config.unk_token),
    };
    requireSensibleIds(json, path);
    try {
      const whole = added === null ? (json as object) : tokenizerJsonWith(json, added, path);
      return new Tokenizer(path, new HuggingFaceTokenizer(whole, config), decoding, special);
    } catch (error) {
      if (error instanceof LatroError) throw error;
      throw new LatroError(
        'model-damaged',
        `${path} cannot be used as a tokenizer: ${(error as Error).message}.`,
        'Download the model again.',
        { cause: error },
      );
    }
  }

  /** The id of the token that reads exactly so; null: there is none. */
  idOf(token: string): number | null {
    return this.#tokenizer.token_to_id(token) ?? null;
  }

  /** `addSpecialTokens` puts the tokens around the text that the model's post-processor asks for, such as `<s>` first. */
  encode(text: string, options: { readonly addSpecialTokens: boolean }): number[] {
    const { ids } = this.#tokenizer.encode(text, { add_special_tokens: options.addSpecialTokens });
    // The library gives undefined where the vocabulary has neither the character nor an unknown token.
    const known: readonly (number | undefined)[] = ids;
    return known.filter((id) => id !== undefined);
  }

  /** The exact text, without transformers' `clean_up_tokenization_spaces`, which would make it differ from what was sampled. */
  decode(ids: readonly number[], options: DecodeOptions = { skipSpecialTokens: false }): string {
    return this.decodePieces(ids, options).join('');
  }

  /**
   * The text each token adds, for display; joined they are `decode(ids)`. A character spread over several tokens is shown on the
   * one that completes it. Skipped special tokens and ids outside the vocabulary add ''.
   */
  decodePieces(ids: readonly number[], options: DecodeOptions = { skipSpecialTokens: false }): string[] {
    const stream = this.decodeStream(options);
    const pieces = ids.map((id) => stream.push(id));
    const rest = stream.end();
    if (rest !== '') pieces[pieces.length - 1] += rest;
    return pieces;
  }

  /** Decodes token by token, at constant cost each. */
  decodeStream(options: DecodeOptions = { skipSpecialTokens: false }): DecodeStream {
    return new DecodeStream((id) => {
      if (options.skipSpecialTokens && this.specialIds.has(id)) return NO_BYTES;
      return this.#bytesOf(id);
    }, this.#decoding.dropsLeadingSpace);
  }

  /** Errors: tokenizer-mismatch when the tokenizer makes ids that the model has no embedding for. */
  checkAgainst(config: ModelConfig): void {
    if (this.vocabSize <= config.vocabSize) return;
    throw new LatroError(
      'tokenizer-mismatch',
      `${this.#path} makes token ids up to ${this.vocabSize - 1}, but config.json gives the model a vocabulary of ${config.vocabSize}.`,
      'Use the tokenizer.json that belongs to this model.',
    );
  }

  #bytesOf(id: number): Uint8Array {
    const known = this.#bytes[id];
    if (known !== undefined) return known;
    const token = this.#tokenizer.id_to_token(id);
    if (token === undefined) return NO_BYTES;
    const bytes = this.#decoding.bytesOf(token);
    this.#bytes[id] = bytes;
    return bytes;
  }
}

const NO_BYTES = new Uint8Array(0);

/** Far above any vocabulary; the library makes a list as long as the largest id. */
const LARGEST_ID = 2 ** 24 - 1;

function requireSensibleIds(json: unknown, path: string): void {
  const { model, added_tokens: added } = json as { model?: { vocab?: unknown }; added_tokens?: unknown };
  const vocabulary = model?.vocab;
  const ids = Array.isArray(vocabulary) ? [vocabulary.length - 1] : Object.values(vocabulary ?? {});
  const addedIds = Array.isArray(added) ? added.map((token: { id?: unknown } | null) => token?.id) : [];
  for (const id of [...ids, ...addedIds]) {
    if (typeof id === 'number' && Number.isInteger(id) && id >= 0 && id <= LARGEST_ID) continue;
    throw new LatroError(
      'model-damaged',
      `${path} gives a token the id ${JSON.stringify(id)?.slice(0, 40)}, which is no whole number from 0 to ${LARGEST_ID}.`,
      'Download the model again.',
    );
  }
}

function largestId(tokenizer: HuggingFaceTokenizer): number {
  let largest = -1;
  for (const id of tokenizer.get_vocab(true).values()) largest = Math.max(largest, id);
  return largest;
}

/** Text of a growing list of tokens. Bytes that are no UTF-8 become U+FFFD, as the WHATWG encoding standard has it. */
export class DecodeStream {
  readonly #bytesOf: (id: number) => Uint8Array;
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  #dropSpace: boolean;

  constructor(bytesOf: (id: number) => Uint8Array, dropsLeadingSpace: boolean) {
    this.#bytesOf = bytesOf;
    this.#dropSpace = dropsLeadingSpace;
  }

  /** The text that this token completes. */
  push(id: number): string {
    return this.#dropped(this.#decoder.decode(this.#bytesOf(id), { stream: true }));
  }

  /** What an unfinished character at the end comes to; the stream then starts afresh. */
  end(): string {
    return this.#dropped(this.#decoder.decode());
  }

  #dropped(text: string): string {
    if (!this.#dropSpace || text === '') return text;
    this.#dropSpace = false;
    return text.startsWith(' ') ? text.slice(1) : text;
  }
}
