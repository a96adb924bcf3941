/**
 * safetensors files. Reading validates the whole header against the file's size before anything is allocated; writing goes to a
 * temporary name, is flushed to disk and renamed, so that a file under its final name is always whole.
 */

import { type FileHandle, open } from 'node:fs/promises';
import { type ErrorCode, LatroError } from '../common/errors.ts';
import { writeDurably } from './durable_file.ts';
import { MAGIC_BYTES, refuseForeign } from './foreign_formats.ts';
import { type FileCodes, isMissing } from './json_file.ts';
import { narrowToBfloat16, narrowToFloat16, widenBfloat16, widenFloat16 } from './number_formats.ts';
import {
  type Dtype,
  type Header,
  HeaderFault,
  MAX_HEADER_BYTES,
  parseHeader,
  show,
  type TensorInfo,
} from './safetensors_header.ts';

const CHUNK_BYTES = 16 * 1024 * 1024;
const WRITTEN_BYTES = { F32: 4, F16: 2, BF16: 2 } as const;

/** An open file; close it. Concurrent reads are allowed. */
export class SafetensorsFile {
  readonly path: string;
  readonly metadata: ReadonlyMap<string, string>;
  readonly #handle: FileHandle;
  readonly #tensors: ReadonlyMap<string, TensorInfo>;
  readonly #dataStart: number;
  readonly #damaged: ErrorCode;

  private constructor(path: string, handle: FileHandle, header: Header, dataStart: number, damaged: ErrorCode) {
    this.path = path;
    this.metadata = header.metadata;
    this.#handle = handle;
    this.#tensors = header.tensors;
    this.#dataStart = dataStart;
    this.#damaged = damaged;
  }

  /**
   * Opens and validates. Errors: `codes.missing`, `codes.damaged`, and pickle-refused when the content, whatever the name says,
   * is a Python pickle or a PyTorch archive.
   */
  static async open(
    path: string,
    codes: FileCodes = { missing: 'model-not-found', damaged: 'model-damaged' },
  ): Promise<SafetensorsFile> {
    let handle: FileHandle;
    try {
      handle = await open(path, 'r');
    } catch (error) {
      if (!isMissing(error)) throw error;
      throw new LatroError(
        codes.missing,
        `There is no file ${path}.`,
        'Check the folder, or download the model again.',
      );
    }
    try {
      const { header, dataStart } = await readHeader(path, handle, codes.damaged);
      return new SafetensorsFile(path, handle, header, dataStart, codes.damaged);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** In the order of their data. */
  get names(): readonly string[] {
    return [...this.#tensors.keys()];
  }

  has(name: string): boolean {
    return this.#tensors.has(name);
  }

  /** Errors: the code for damaged files when there is no such tensor. */
  info(name: string): { readonly dtype: Dtype; readonly shape: readonly number[] } {
    const { dtype, shape } = this.#find(name);
    return { dtype, shape };
  }

  /** Size of the tensor as stored. Errors: as of `info`. */
  byteLength(name: string): number {
    const { start, end } = this.#find(name);
    return end - start;
  }

  /** F32, F16, BF16 (exactly) and F64 (rounded). Errors: model-unsupported for other dtypes. */
  async readFloat32(name: string): Promise<Float32Array> {
    const info = this.#find(name);
    switch (info.dtype) {
      case 'F32': {
        const out = new Float32Array((info.end - info.start) / 4);
        await this.#fill(new Uint8Array(out.buffer), this.#dataStart + info.start);
        return out;
      }
      case 'F16':
      case 'BF16': {
        const widen = info.dtype === 'F16' ? widenFloat16 : widenBfloat16;
        const out = new Float32Array((info.end - info.start) / 2);
        const chunk = new Uint16Array(Math.min(out.length, CHUNK_BYTES / 2));
        for (let at = 0; at < out.length; at += chunk.length) {
          const part = chunk.subarray(0, Math.min(chunk.length, out.length - at));
          await this.#fill(new Uint8Array(part.buffer, 0, part.byteLength), this.#dataStart + info.start + 2 * at);
          widen(part, out, at);
        }
        return out;
      }
      case 'F64':
        return Float32Array.from(new Float64Array((await this.readBytes(name)).buffer));
      default:
        throw this.#wrongType(name, info.dtype, 'F32, F16, BF16 or F64');
    }
  }

  /** I64 and I32. Errors: model-unsupported for other dtypes. */
  async readInt64(name: string): Promise<BigInt64Array> {
    const { dtype } = this.#find(name);
    if (dtype !== 'I64' && dtype !== 'I32') throw this.#wrongType(name, dtype, 'I64 or I32');
    const { buffer } = await this.readBytes(name);
    return dtype === 'I64' ? new BigInt64Array(buffer) : BigInt64Array.from(new Int32Array(buffer), BigInt);
  }

  /** The tensor as stored, little-endian, in an array of its own. */
  async readBytes(name: string): Promise<Uint8Array<ArrayBuffer>> {
    const info = this.#find(name);
    const out = new Uint8Array(info.end - info.start);
    await this.#fill(out, this.#dataStart + info.start);
    return out;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  #find(name: string): TensorInfo {
    const info = this.#tensors.get(name);
    if (info === undefined) throw damaged(this.#damaged, this.path, `there is no tensor ${show(name)}`);
    return info;
  }

  #wrongType(name: string, dtype: Dtype, wanted: string): LatroError {
    return new LatroError(
      'model-unsupported',
      `${this.path}: tensor ${show(name)} is stored as ${dtype}, not as ${wanted}.`,
      'Use a version of the model with F32, F16 or BF16 weights.',
    );
  }

  async #fill(target: Uint8Array, position: number): Promise<void> {
    await fill(this.#handle, target, position, this.path, this.#damaged);
  }
}

async function fill(
  handle: FileHandle,
  target: Uint8Array,
  position: number,
  path: string,
  code: ErrorCode,
): Promise<void> {
  for (let done = 0; done < target.length; ) {
    const length = Math.min(CHUNK_BYTES, target.length - done);
    const { bytesRead } = await handle.read(target, done, length, position + done);
    if (bytesRead === 0) throw damaged(code, path, 'the file became shorter while it was read');
    done += bytesRead;
  }
}

async function readHeader(
  path: string,
  handle: FileHandle,
  code: ErrorCode,
): Promise<{ header: Header; dataStart: number }> {
  const stat = await handle.stat();
  if (!stat.isFile()) throw damaged(code, path, 'it is not a file');
  const beginning = new Uint8Array(Math.min(stat.size, MAGIC_BYTES));
  await fill(handle, beginning, 0, path, code);
  const headerBytes = beginning.length < 8 ? 0n : new DataView(beginning.buffer).getBigUint64(0, true);

  // A length may spell a magic number, so only what cannot be a safetensors file is asked what else it is.
  if (headerBytes > MAX_HEADER_BYTES || beginning[8] !== 0x7b) refuseForeign(path, beginning);
  if (stat.size < 8) throw damaged(code, path, `it has only ${stat.size} bytes`);
  if (headerBytes > MAX_HEADER_BYTES) {
    throw damaged(code, path, `its header claims ${headerBytes} bytes, more than the ${MAX_HEADER_BYTES} allowed`);
  }
  const dataStart = 8 + Number(headerBytes);
  if (dataStart > stat.size) {
    throw damaged(code, path, `its header claims ${headerBytes} bytes, but the file has ${stat.size}: it is cut short`);
  }
  const bytes = new Uint8Array(Number(headerBytes));
  await fill(handle, bytes, 8, path, code);
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    return { header: parseHeader(text, stat.size - dataStart), dataStart };
  } catch (error) {
    if (error instanceof HeaderFault) throw damaged(code, path, error.message);
    if (error instanceof TypeError) throw damaged(code, path, 'its header is not UTF-8 text');
    throw error;
  }
}

function damaged(code: ErrorCode, path: string, what: string): LatroError {
  return new LatroError(code, `${path} is not a sound safetensors file: ${what}.`, 'Download or copy it again.');
}

export interface TensorToWrite {
  readonly name: string;
  readonly shape: readonly number[];
  /** Row-major; its length is the product of `shape`. */
  readonly data: Float32Array;
  /** Storage format, F32 by default; narrowing rounds to nearest, ties to even. */
  readonly dtype?: 'F32' | 'F16' | 'BF16';
}

/**
 * Writes a file that the reader above and the reference library accept. Tensors are laid out as the reference does, by dtype and
 * then by name, so the bytes do not depend on the order given.
 */
export async function writeSafetensors(
  path: string,
  tensors: Iterable<TensorToWrite>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  await writeDurably(path, serializeSafetensors(tensors, metadata));
}

/** The bytes of a file in pieces, for writers that have their own way to the disk. */
export function* serializeSafetensors(
  tensors: Iterable<TensorToWrite>,
  metadata: Readonly<Record<string, string>> = {},
): Generator<Uint8Array> {
  const rank = { F32: 0, BF16: 1, F16: 2 };
  const ordered = [...tensors].sort(
    (a, b) => rank[a.dtype ?? 'F32'] - rank[b.dtype ?? 'F32'] || (a.name < b.name ? -1 : 1),
  );
  const entries: [string, unknown][] = [];
  if (Object.keys(metadata).length > 0) entries.push(['__metadata__', metadata]);
  let end = 0;
  for (const { name, shape, data, dtype = 'F32' } of ordered) {
    const start = end;
    end += data.length * WRITTEN_BYTES[dtype];
    entries.push([name, { dtype, shape, data_offsets: [start, end] }]);
  }
  const json = `{${entries.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(',')}}`;
  const unpadded = Buffer.byteLength(json);
  const header = json + ' '.repeat((8 - (unpadded % 8)) % 8);
  parseHeader(header, end);

  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(Buffer.byteLength(header)), true);
  yield length;
  yield Buffer.from(header);
  for (const { data, dtype = 'F32' } of ordered) {
    const stored = dtype === 'F32' ? data : dtype === 'F16' ? narrowToFloat16(data) : narrowToBfloat16(data);
    yield new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength);
  }
}
