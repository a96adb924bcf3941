/**
 * What each token stands for as bytes of UTF-8, read from the `decoder` of a tokenizer.json. Bytes and not text, because one
 * character may be spread over several tokens.
 */

import { LatroError } from '../common/errors.ts';

export type TokenBytes = (token: string) => Uint8Array;

export interface Decoding {
  readonly bytesOf: TokenBytes;
  /** The first space of a whole text is dropped: SentencePiece puts one before every text. */
  readonly dropsLeadingSpace: boolean;
}

interface DecoderJson {
  readonly type: string;
  readonly decoders?: readonly DecoderJson[];
  readonly pattern?: { readonly String?: string };
  readonly content?: string;
  readonly start?: number;
  readonly stop?: number;
}

const utf8 = new TextEncoder();

/**
 * Supported are the two families our models use: byte-level (GPT-2, Llama 3, Qwen) and SentencePiece with byte fallback
 * (Llama 2, Mistral, Phi-3). Errors: model-unsupported for another decoder.
 */
export function tokenDecoding(decoder: unknown, path: string): Decoding {
  const steps = flatten(decoder as DecoderJson | null);
  const names = steps.map(({ type }) => type);
  if (names.length === 1 && names[0] === 'ByteLevel') return { bytesOf: byteLevelBytes, dropsLeadingSpace: false };

  const space = steps.find(({ type, content }) => type === 'Replace' && content === ' ')?.pattern?.String;
  const strip = steps.find(({ type }) => type === 'Strip');
  const known = names.every((name) => ['Replace', 'ByteFallback', 'Fuse', 'Strip'].includes(name));
  const stripsOneSpace = strip === undefined || (strip.content === ' ' && strip.start === 1 && strip.stop === 0);
  const wholeText = strip === undefined || names.indexOf('Fuse') < names.indexOf('Strip');
  if (space === undefined || !known || !stripsOneSpace || !wholeText || !names.includes('Fuse')) {
    throw new LatroError(
      'model-unsupported',
      `${path}: the token decoder "${names.join(', ') || 'none'}" is not supported, only byte-level and SentencePiece decoders are.`,
      'Use a Llama, Mistral, Phi-3, Qwen2 or Qwen3 model with its own tokenizer.json.',
    );
  }
  const fallsBack = names.includes('ByteFallback');
  return {
    bytesOf: (token) => sentencePieceBytes(token, space, fallsBack),
    dropsLeadingSpace: strip !== undefined,
  };
}

function flatten(decoder: DecoderJson | null): DecoderJson[] {
  if (decoder === null || typeof decoder !== 'object') return [];
  return decoder.type === 'Sequence' ? (decoder.decoders ?? []).flatMap(flatten) : [decoder];
}

function sentencePieceBytes(token: string, space: string, fallsBack: boolean): Uint8Array {
  const byte = fallsBack ? /^<0x([0-9A-Fa-f]{2})>$/.exec(token) : null;
  return byte ? Uint8Array.of(Number.parseInt(byte[1] as string, 16)) : utf8.encode(token.replaceAll(space, ' '));
}

/** A token with a character outside the byte alphabet is an added token and stands for itself. */
function byteLevelBytes(token: string): Uint8Array {
  const bytes: number[] = [];
  for (const character of token) {
    const byte = BYTE_OF_CHARACTER.get(character);
    if (byte === undefined) return utf8.encode(token);
    bytes.push(byte);
  }
  return Uint8Array.from(bytes);
}

/** GPT-2's alphabet (`bytes_to_unicode` in its encoder.py): printable Latin-1 bytes as themselves, the others from U+0100 on. */
const BYTE_OF_CHARACTER: ReadonlyMap<string, number> = new Map(
  (() => {
    const isPrintable = (byte: number): boolean =>
      (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    let next = 0x100;
    return Array.from({ length: 256 }, (_, byte): [string, number] => [
      String.fromCharCode(isPrintable(byte) ? byte : next++),
      byte,
    ]);
  })(),
);
