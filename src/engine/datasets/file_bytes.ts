import { LatroError } from '../common/errors.ts';

/** JSON and Parquet are read whole; JSONL, which is streamed, has no such limit. */
export const LARGEST_WHOLE_FILE = 400 * 2 ** 20;

/** The whole file. */
export async function readWhole(path: string, chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    parts.push(chunk);
    size += chunk.length;
    if (size > LARGEST_WHOLE_FILE) {
      throw new LatroError(
        'dataset-format',
        `${path} is larger than ${LARGEST_WHOLE_FILE / 2 ** 20} MiB.`,
        'Convert it to JSONL, which is read line by line.',
      );
    }
  }
  return Buffer.concat(parts);
}

/**
 * The lines of a file, without their line feeds. A line of more than `longest` bytes comes as null and was not kept: no line takes
 * more memory than that.
 */
export async function* readLines(chunks: AsyncIterable<Uint8Array>, longest: number): AsyncGenerator<Buffer | null> {
  let parts: Uint8Array[] = [];
  let length = 0;
  const append = (part: Uint8Array): void => {
    length += part.length;
    if (length <= longest) parts.push(part);
    else parts = [];
  };
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(0x0a); end !== -1; end = chunk.indexOf(0x0a, start)) {
      append(chunk.subarray(start, end));
      yield length > longest ? null : Buffer.concat(parts);
      parts = [];
      length = 0;
      start = end + 1;
    }
    append(chunk.subarray(start));
  }
  if (length > 0) yield length > longest ? null : Buffer.concat(parts);
}
