import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { parquetReadObjects } from 'hyparquet';
import { LatroError } from '../common/errors.ts';
import type { JsonRecord } from './fields.ts';

const exactly = (inflate: (input: Uint8Array) => Buffer) => (input: Uint8Array) => new Uint8Array(inflate(input));

/** Snappy, which nearly every dataset on the hub uses, is built into the reader; Node inflates two more. */
const COMPRESSORS = { GZIP: exactly(gunzipSync), BROTLI: exactly(brotliDecompressSync) };

/** All rows of a Parquet file held in memory. */
export async function readParquet(path: string, bytes: Buffer): Promise<JsonRecord[]> {
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
  try {
    return await parquetReadObjects({ file, compressors: COMPRESSORS });
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause);
    throw new LatroError(
      'dataset-format',
      `${path} cannot be read as Parquet (${detail}).`,
      'Download it again, or convert it to JSONL.',
      { cause },
    );
  }
}
