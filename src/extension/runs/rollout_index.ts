/**
 * Where a run's rollouts of each question lie on disk. A run writes one file per update, a line per question; a line is found by its
 * row key without parsing it, and only the lines asked for are read.
 */
import { createHash } from 'node:crypto';
import { open, stat } from 'node:fs/promises';
import * as v from 'valibot';
import { isMissing } from '../../engine/common/file_system.ts';
import type { RunDirectory } from '../../engine/runs/run_directory.ts';
import { Limit } from '../common/limit.ts';

interface Line {
  readonly start: number;
  readonly length: number;
}

interface IndexedFile {
  /** When it was written, and its size. */
  readonly stamp: string;
  readonly lines: ReadonlyMap<string, Line>;
  /** Digest of its bytes. */
  readonly content: string;
}

const LINE_FEED = 10;
const CHUNK_BYTES = 1 << 20;
/** The key stands near the beginning of its line, before any text of the model. */
const ROW_KEY = /"rowKey":"([^"\\]+)"/;
const HEAD_BYTES = 200;
/** Of all runs: however many rows are asked for, the window's other parts need files too. */
const openFiles = new Limit(8);

export class RolloutIndex {
  readonly #directory: RunDirectory;
  readonly #files = new Map<number, IndexedFile>();
  /** When the folder last changed, as of the last look. */
  #folder: number | undefined;
  #updating: Promise<void> | undefined;

  constructor(directory: RunDirectory) {
    this.#directory = directory;
  }

  /** Looks at the folder: a file that is there as it was is not read again. */
  async refresh(): Promise<void> {
    this.#updating ??= this.#update().finally(() => {
      this.#updating = undefined;
    });
    await this.#updating;
  }

  /** The updates at which rationales of the question were sampled, rising; reads no rationale. */
  async steps(rowKey: string): Promise<number[]> {
    await this.refresh();
    const steps: number[] = [];
    for (const [step, { lines }] of this.#files) if (lines.has(rowKey)) steps.push(step);
    return steps.sort((a, b) => a - b);
  }

  /** Tells the rollouts of an update from those it had before the run was rolled back; undefined without any. As of the last look. */
  stamp(step: number): string | undefined {
    return this.#files.get(step)?.stamp;
  }

  /** The same by what is in the file: a run that resumes exactly writes the same bytes again. */
  content(step: number): string | undefined {
    return this.#files.get(step)?.content;
  }

  /**
   * The rollout of a question at one of its `steps`, or that part of it which `schema` asks for; undefined when it is gone, or another
   * since.
   */
  async read<T>(rowKey: string, step: number, schema: v.GenericSchema<unknown, T>): Promise<T | undefined> {
    const file = this.#files.get(step);
    const line = file?.lines.get(rowKey);
    if (file === undefined || line === undefined) return undefined;
    const text = await openFiles.run(() => this.#text(step, file.stamp, line));
    return text === undefined ? undefined : v.parse(schema, JSON.parse(text));
  }

  /**
   * Indexes what is new; files of updates that were rolled back are dropped. Rollout files come and go whole, so the folder tells; and a
   * run writes them in order and takes them back from the newest on, so that below one that is the same all are.
   */
  async #update(): Promise<void> {
    const folder = (await stat(this.#directory.rolloutsFolder).catch(() => undefined))?.mtimeMs;
    if (folder === this.#folder) return;
    const steps = await this.#directory.rolloutSteps();
    const there = new Set(steps);
    for (const step of this.#files.keys()) if (!there.has(step)) this.#files.delete(step);
    const changed: { readonly step: number; readonly stamp: string }[] = [];
    for (const step of steps.reverse()) {
      const status = await ifThere(stat(this.#directory.rolloutFile(step)));
      if (status === undefined) continue;
      const stamp = stampOf(status);
      if (this.#files.get(step)?.stamp === stamp) break;
      changed.push({ step, stamp });
    }
    const chunk = Buffer.allocUnsafe(changed.length === 0 ? 0 : CHUNK_BYTES);
    for (const { step, stamp } of changed.reverse()) {
      const indexed = await ifThere(indexLines(this.#directory.rolloutFile(step), chunk));
      if (indexed !== undefined) this.#files.set(step, { stamp, ...indexed });
    }
    // Only now: what could not be read is tried again.
    this.#folder = folder;
  }

  async #text(step: number, stamp: string, { start, length }: Line): Promise<string | undefined> {
    const bytes = Buffer.alloc(length);
    const handle = await ifThere(open(this.#directory.rolloutFile(step)));
    if (handle === undefined) return undefined;
    try {
      if (stampOf(await handle.stat()) !== stamp) return undefined;
      await handle.read(bytes, 0, length, start);
    } finally {
      await handle.close();
    }
    return bytes.toString('utf8');
  }
}

/** Keys of the rows that the newest update sampled rationales of; none before the first. Reads that file alone. */
export async function newestRowKeys(directory: RunDirectory): Promise<ReadonlySet<string>> {
  const newest = (await directory.rolloutSteps()).at(-1);
  if (newest === undefined) return new Set();
  const file = await ifThere(indexLines(directory.rolloutFile(newest), Buffer.allocUnsafe(CHUNK_BYTES)));
  return new Set(file?.lines.keys());
}

/** Undefined where a file was removed since it was listed. */
async function ifThere<T>(found: Promise<T>): Promise<T | undefined> {
  return await found.catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw error;
  });
}

const stampOf = ({ mtimeMs, size }: { readonly mtimeMs: number; readonly size: number }): string =>
  `${mtimeMs} ${size}`;

/** `chunk` is room to read into: a new one for each of thousands of files keeps the garbage collector busy. */
async function indexLines(file: string, chunk: Buffer): Promise<Omit<IndexedFile, 'stamp'>> {
  const lines = new Map<string, Line>();
  const digest = createHash('sha1');
  const handle = await open(file);
  try {
    let head = Buffer.alloc(0);
    let start = 0;
    for (let position = 0; ; ) {
      const { bytesRead } = await handle.read(chunk, 0, chunk.length, position);
      if (bytesRead === 0) return { lines, content: digest.digest('base64') };
      digest.update(chunk.subarray(0, bytesRead));
      for (let at = 0; at < bytesRead; ) {
        const found = chunk.subarray(0, bytesRead).indexOf(LINE_FEED, at);
        const end = found === -1 ? bytesRead : found;
        if (head.length < HEAD_BYTES) head = Buffer.concat([head, chunk.subarray(at, Math.min(end, at + HEAD_BYTES))]);
        at = end + 1;
        if (found === -1) break;
        const key = ROW_KEY.exec(head.toString('utf8'))?.[1];
        const next = position + at;
        if (key !== undefined) lines.set(key, { start, length: next - 1 - start });
        start = next;
        head = Buffer.alloc(0);
      }
      position += bytesRead;
    }
  } finally {
    await handle.close();
  }
}
