/**
 * Append-only JSON Lines. A line counts once its line feed is there: readers ignore a last line that a crash cut short, and a writer
 * removes it before it appends. Every number must be finite, because JSON would silently turn NaN and infinity into null.
 */
import { LatroError } from './errors.ts';
import { type FileSystem, isMissing, type WriteHandle } from './file_system.ts';
import { TimeSlice } from './time_slice.ts';

const LINE_FEED = 10;

/** JSON text of `value`. @throws LatroError `non-finite` naming the field that is NaN or infinite. */
export function finiteJson(value: unknown, indent?: number): string {
  return JSON.stringify(
    value,
    (key, field: unknown) => {
      if (typeof field === 'number' && !Number.isFinite(field)) {
        throw new LatroError('non-finite', `The field "${key}" is ${field} and was not written.`);
      }
      return field;
    },
    indent,
  );
}

/** Checks that a JSON value is a record; throws otherwise. */
export type ParseRecord<T> = (value: unknown) => T;

export interface JsonLines<T> {
  readonly records: T[];
  /** Offset of the first byte after the last whole line; read on from here. */
  readonly end: number;
}

/**
 * The records from byte `start` (the beginning of a line) to the end; none when there is no such file. Read in slices: an editor that
 * shows a file of some megabytes must not stand still meanwhile.
 * @throws LatroError `run-damaged` naming the first line that is not a record, unless it is the last one and cut short.
 */
export async function readJsonLines<T>(
  files: FileSystem,
  path: string,
  parse: ParseRecord<T>,
  start = 0,
): Promise<JsonLines<T>> {
  const bytes = await readOrEmpty(files, path, start);
  const records: T[] = [];
  const whole = wholeBytes(bytes);
  const decoder = new TextDecoder();
  const slice = new TimeSlice();
  for (let at = 0; at < whole; ) {
    const end = bytes.indexOf(LINE_FEED, at);
    const where = `${path}, line ${records.length + 1}${start === 0 ? '' : ` after byte ${start}`}`;
    records.push(parseLine(decoder.decode(bytes.subarray(at, end)), where, parse));
    at = end + 1;
    if (slice.isOver) await slice.next();
  }
  return { records, end: start + whole };
}

function parseLine<T>(line: string, where: string, parse: ParseRecord<T>): T {
  try {
    return parse(JSON.parse(line));
  } catch (error) {
    throw damaged(where, (error as Error).message);
  }
}

function damaged(where: string, why: string): LatroError {
  return new LatroError(
    'run-damaged',
    `${where} is not a valid record: ${why}.`,
    'Restore the file, or roll the run back to a checkpoint.',
  );
}

/** Bytes up to the last whole line. A last line with a line feed but no JSON is what a power cut leaves of one. */
function wholeBytes(bytes: Uint8Array): number {
  const end = bytes.lastIndexOf(LINE_FEED) + 1;
  if (end === 0) return 0;
  const lineStart = end < 2 ? 0 : bytes.lastIndexOf(LINE_FEED, end - 2) + 1;
  try {
    JSON.parse(new TextDecoder().decode(bytes.subarray(lineStart, end)));
    return end;
  } catch {
    return lineStart;
  }
}

async function readOrEmpty(files: FileSystem, path: string, start: number): Promise<Uint8Array> {
  try {
    return await files.read(path, start);
  } catch (error) {
    if (isMissing(error)) return new Uint8Array();
    throw error;
  }
}

/** Appends records to one file. The only writer of that file. */
export class JsonLinesWriter<T> {
  readonly path: string;
  readonly #files: FileSystem;
  readonly #parse: ParseRecord<T>;
  readonly #handle: WriteHandle;
  #bytes: number;
  /** A failed write may have left part of a line behind. */
  #torn = false;
  #last: Promise<void> = Promise.resolve();

  private constructor(files: FileSystem, path: string, parse: ParseRecord<T>, handle: WriteHandle, bytes: number) {
    this.#files = files;
    this.path = path;
    this.#parse = parse;
    this.#handle = handle;
    this.#bytes = bytes;
  }

  /** Opens or creates the file and removes a last line that a crash cut short. */
  static async open<T>(files: FileSystem, path: string, parse: ParseRecord<T>): Promise<JsonLinesWriter<T>> {
    const bytes = await readOrEmpty(files, path, 0);
    const whole = wholeBytes(bytes);
    if (whole < bytes.length) await files.truncate(path, whole);
    return new JsonLinesWriter(files, path, parse, await files.open(path, 'append'), whole);
  }

  /** Size of the file in bytes: every whole line so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Hands one line to the operating system: it survives the end of this process; `flush` makes it survive a power cut. */
  append(record: T): Promise<void> {
    const line = new TextEncoder().encode(`${finiteJson(this.#parse(record))}\n`);
    return this.#next(async () => {
      if (this.#torn) await this.#files.truncate(this.path, this.#bytes);
      this.#torn = true;
      await this.#handle.write(line);
      this.#torn = false;
      this.#bytes += line.length;
    });
  }

  /** Drops everything after the first `bytes` bytes, which must end a line. */
  truncate(bytes: number): Promise<void> {
    return this.#next(async () => {
      if (bytes > this.#bytes) throw new Error(`${this.path} has ${this.#bytes} bytes, fewer than ${bytes}`);
      await this.#files.truncate(this.path, bytes);
      this.#bytes = bytes;
      this.#torn = false;
    });
  }

  flush(): Promise<void> {
    return this.#next(() => this.#handle.flush());
  }

  close(): Promise<void> {
    return this.#next(() => this.#handle.close());
  }

  /** Calls take effect in the order they were made; one that fails does not stop the next. */
  #next(action: () => Promise<void>): Promise<void> {
    const result = this.#last.then(action);
    this.#last = result.catch(() => {});
    return result;
  }
}
