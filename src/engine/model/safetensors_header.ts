/**
 * The header of a safetensors file: JSON of one fixed shape, `{ name: { dtype, shape, data_offsets }, …, "__metadata__"?: { … } }`.
 * The checks are those of the reference implementation (`SafeTensors::read_metadata` in safetensors' tensor.rs): tensors cover
 * the data exactly, in order, without overlap or hole, and each length is shape × dtype. Beyond it we refuse duplicate keys and
 * unknown fields, and cap counts, so a reader for this grammar stands here instead of `JSON.parse`, which keeps the last duplicate.
 */

/** Bits per element of every dtype the format defines. */
const DTYPE_BITS = {
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  BOOL: 8,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  I64: 64,
  U64: 64,
  F64: 64,
  C64: 64,
} as const;

export type Dtype = keyof typeof DTYPE_BITS;

export const MAX_HEADER_BYTES = 100_000_000;
export const MAX_TENSORS = 100_000;
export const MAX_RANK = 8;
export const MAX_NAME_LENGTH = 512;

export interface TensorInfo {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** First byte, counted from the end of the header. */
  readonly start: number;
  /** One past the last byte. */
  readonly end: number;
}

export interface Header {
  /** In file order. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly metadata: ReadonlyMap<string, string>;
}

/** What is wrong with a header, as the end of a sentence; the reader of the file adds its path. */
export class HeaderFault extends Error {}

/**
 * Parses and validates. `text` is the header without its length, `dataBytes` the size of everything after it.
 * Errors: HeaderFault.
 */
export function parseHeader(text: string, dataBytes: number): Header {
  const { tensors, metadata } = new HeaderReader(text).read();
  const inOrder = [...tensors].sort(([, a], [, b]) => a.start - b.start || a.end - b.end);
  let expectedStart = 0;
  for (const [name, info] of inOrder) {
    if (info.start !== expectedStart || info.end < info.start) {
      const fault =
        info.end < info.start ? 'ends before it starts' : info.start < expectedStart ? 'overlaps' : 'leaves a hole';
      throw new HeaderFault(`tensor ${show(name)} at bytes ${info.start} to ${info.end} ${fault}`);
    }
    const bytes = byteLength(info);
    if (bytes === undefined || bytes !== info.end - info.start) {
      throw new HeaderFault(
        `tensor ${show(name)} has ${info.end - info.start} bytes, but its shape [${info.shape}] of ${info.dtype} is another size`,
      );
    }
    expectedStart = info.end;
  }
  if (expectedStart !== dataBytes) {
    const fault = expectedStart > dataBytes ? 'it is cut short' : 'there are bytes no tensor claims';
    throw new HeaderFault(`the tensors take ${expectedStart} bytes, but ${dataBytes} follow the header: ${fault}`);
  }
  return { tensors: new Map(inOrder), metadata };
}

/** undefined when the product is too large to be exact, or not a whole number of bytes. */
function byteLength({ shape, dtype }: TensorInfo): number | undefined {
  let elements = 1;
  for (const dimension of shape) {
    elements *= dimension;
    if (!Number.isSafeInteger(elements)) return undefined;
  }
  const bits = elements * DTYPE_BITS[dtype];
  return Number.isSafeInteger(bits) && bits % 8 === 0 ? bits / 8 : undefined;
}

/** A name from an untrusted file, short and on one line. */
export function show(name: string): string {
  return JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}…` : name);
}

/** Recursive descent over the fixed grammar; its depth is the grammar's, whatever the file holds. */
class HeaderReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  read(): { tensors: Map<string, TensorInfo>; metadata: Map<string, string> } {
    // The format fixes the first byte, so that a safetensors file cannot also be something else.
    if (this.#text[0] !== '{') throw new HeaderFault('the header does not begin with "{"');
    const tensors = new Map<string, TensorInfo>();
    let metadata: Map<string, string> | undefined;
    this.#members((key) => {
      if (key === '__metadata__') {
        if (metadata !== undefined) throw new HeaderFault('the key "__metadata__" occurs twice');
        metadata = this.#metadata();
        return;
      }
      if (key.length > MAX_NAME_LENGTH)
        throw new HeaderFault(`the tensor name ${show(key)} has ${key.length} characters`);
      if (tensors.has(key)) throw new HeaderFault(`the tensor name ${show(key)} occurs twice`);
      if (tensors.size === MAX_TENSORS) throw new HeaderFault(`there are more than ${MAX_TENSORS} tensors`);
      tensors.set(key, this.#tensor(key));
    });
    this.#skipSpace();
    if (this.#at !== this.#text.length) this.#unexpected();
    return { tensors, metadata: metadata ?? new Map() };
  }

  #metadata(): Map<string, string> {
    const entries = new Map<string, string>();
    this.#members((key) => {
      if (entries.has(key)) throw new HeaderFault(`the metadata key ${show(key)} occurs twice`);
      entries.set(key, this.#string());
    });
    return entries;
  }

  #tensor(name: string): TensorInfo {
    let dtype: string | undefined;
    let shape: number[] | undefined;
    let offsets: number[] | undefined;
    const once = (field: string, value: unknown): void => {
      if (value !== undefined) throw new HeaderFault(`tensor ${show(name)} has the field "${field}" twice`);
    };
    this.#members((field) => {
      switch (field) {
        case 'dtype':
          once(field, dtype);
          dtype = this.#string();
          break;
        case 'shape':
          once(field, shape);
          shape = this.#integers(MAX_RANK);
          break;
        case 'data_offsets':
          once(field, offsets);
          offsets = this.#integers(2);
          break;
        default:
          throw new HeaderFault(`tensor ${show(name)} has the unknown field ${show(field)}`);
      }
    });
    if (dtype === undefined || shape === undefined || offsets?.length !== 2) {
      throw new HeaderFault(`tensor ${show(name)} lacks one of the fields "dtype", "shape", "data_offsets"`);
    }
    if (!isDtype(dtype)) throw new HeaderFault(`tensor ${show(name)} has the unknown dtype ${show(dtype)}`);
    return { dtype, shape, start: offsets[0] as number, end: offsets[1] as number };
  }

  /** An object; `member` reads the value of each key. */
  #members(member: (key: string) => void): void {
    this.#expect('{');
    if (this.#accept('}')) return;
    do {
      const key = this.#string();
      this.#expect(':');
      member(key);
    } while (this.#accept(','));
    this.#expect('}');
  }

  #integers(most: number): number[] {
    const values: number[] = [];
    this.#expect('[');
    if (this.#accept(']')) return values;
    do {
      if (values.length === most)
        throw new HeaderFault(`a list at character ${this.#at} has more than ${most} numbers`);
      values.push(this.#integer());
    } while (this.#accept(','));
    this.#expect(']');
    return values;
  }

  /** Digits only: neither a sign, nor a fraction, nor an exponent, nor a leading zero. */
  #integer(): number {
    this.#skipSpace();
    const first = this.#at;
    while (isDigit(this.#text.charCodeAt(this.#at))) this.#at++;
    const digits = this.#text.slice(first, this.#at);
    if (digits === '' || (digits.length > 1 && digits[0] === '0')) this.#unexpected();
    const value = Number(digits);
    if (!Number.isSafeInteger(value)) throw new HeaderFault(`the number at character ${first} is too large`);
    return value;
  }

  #string(): string {
    this.#skipSpace();
    const first = this.#at;
    if (this.#text[first] !== '"') this.#unexpected();
    let end = first + 1;
    while (end < this.#text.length && this.#text[end] !== '"') end += this.#text[end] === '\\' ? 2 : 1;
    const literal = this.#text.slice(first, end + 1);
    this.#at = end + 1;
    let value: string;
    try {
      value = JSON.parse(literal) as string;
    } catch {
      throw new HeaderFault(`the header has a damaged string at character ${first}`);
    }
    if (/\p{Surrogate}/u.test(value)) throw new HeaderFault(`the header has half a character at character ${first}`);
    return value;
  }

  #accept(character: string): boolean {
    this.#skipSpace();
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #expect(character: string): void {
    if (!this.#accept(character)) this.#unexpected();
  }

  #skipSpace(): void {
    while (' \t\n\r'.includes(this.#text[this.#at] ?? '.')) this.#at++;
  }

  #unexpected(): never {
    throw new HeaderFault(`the header is not the JSON that the format prescribes, at character ${this.#at}`);
  }
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

function isDtype(name: string): name is Dtype {
  return Object.hasOwn(DTYPE_BITS, name);
}
