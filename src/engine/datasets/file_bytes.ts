import { LatroError } from '../common/errors.ts';

/** JSON and Parquet are read whole; JSONL, which is streamed, has no such limit. */
export const LARGEST_WHOLE_FILE = 400 * 2 ** 20;

/** The whole file. */
export async function readWhole(path: string, chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    parts.push(new Uint8Array(chunk));
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
 * The lines of a file, without their line feeds, each good until the next is asked for. A line of more than `longest` bytes comes as
 * null and was not kept: no line takes more memory than that.
 */
export async function* readLines(chunks: AsyncIterable<Uint8Array>, longest: number): AsyncGenerator<Buffer | null> {
  /** The beginning of a line whose end is in a later chunk. */
  let parts: Uint8Array[] = [];
  let length = 0;
  const line = (end: Uint8Array): Buffer | null => {
    const bytes = length + end.length;
    const whole =
      parts.length === 0 ? Buffer.from(end.buffer, end.byteOffset, end.length) : Buffer.concat([...parts, end]);
    parts = [];
    length = 0;
    return bytes > longest ? null : whole;
  };
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(0x0a); end !== -1; end = chunk.indexOf(0x0a, start)) {
      yield line(chunk.subarray(start, end));
      start = end + 1;
    }
    length += chunk.length - start;
    if (length > longest) parts = [];
    else if (start < chunk.length) parts.push(new Uint8Array(chunk.subarray(start)));
  }
  if (length > 0) yield line(new Uint8Array());
}
