import * as zlib from 'node:zlib';
import { parquetReadObjects } from 'hyparquet';
import { LatroError } from '../common/errors.ts';
import type { JsonRecord } from './fields.ts';

type Inflate = (input: Uint8Array) => Buffer;
const exactly = (inflate: Inflate) => (input: Uint8Array) => new Uint8Array(inflate(input));
/** Node has it since 22.15. */
const { zstdDecompressSync } = zlib as { readonly zstdDecompressSync?: Inflate };
/** Snappy, which nearly every dataset on the hub uses, is built into the reader; Node inflates two more, or three. */
const COMPRESSORS = {
  GZIP: exactly(zlib.gunzipSync),
  BROTLI: exactly(zlib.brotliDecompressSync),
  ...(zstdDecompressSync === undefined ? {} : { ZSTD: exactly(zstdDecompressSync) }),
};

/** All rows of a Parquet file held in memory. */
export async function readParquet(path: string, bytes: Buffer): Promise<JsonRecord[]> {
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
  try {
    return await parquetReadObjects({ file, compressors: COMPRESSORS });
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause);
    const codec = /unsupported compression codec: (\w+)/.exec(detail)?.[1];
    if (codec !== undefined) {
      throw new LatroError(
        'dataset-format',
        `${path} is compressed by ${codec}, which is not read here.`,
        'Write it with Snappy, gzip or Brotli, or convert it to JSONL.',
        { cause },
      );
    }
    throw new LatroError(
      'dataset-format',
      `${path} cannot be read as Parquet (${detail}).`,
      'Download it again, or convert it to JSONL.',
      { cause },
    );
  }
}
