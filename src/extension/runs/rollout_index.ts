/**
 * Where a run's rollouts of each question lie on disk. A run writes one file per update, a line per question; a line is found by its
 * row key without parsing it, and only the lines asked for are read.
 */
import { open, stat } from 'node:fs/promises';
import * as v from 'valibot';
import type { RunDirectory } from '../../engine/runs/run_directory.ts';
import { QuestionRollout } from '../../protocol/records.ts';

interface Line {
  readonly start: number;
  readonly length: number;
}

interface IndexedFile {
  readonly stamp: string;
  readonly lines: ReadonlyMap<string, Line>;
}

const LINE_FEED = 10;
const CHUNK_BYTES = 1 << 20;
/** The key stands near the beginning of its line, before any text of the model. */
const ROW_KEY = /"rowKey":"([^"\\]+)"/;
const HEAD_BYTES = 200;

export class RolloutIndex {
  readonly #directory: RunDirectory;
  readonly #files = new Map<number, IndexedFile>();
  /** When the folder last changed, as of the last look. */
  #folder: number | undefined;
  #updating: Promise<void> | undefined;

  constructor(directory: RunDirectory) {
    this.#directory = directory;
  }

  /** All rollouts of a question, in rising order of their updates. */
  async find(rowKey: string): Promise<QuestionRollout[]> {
    const steps = await this.steps(rowKey);
    const rollouts = await Promise.all(steps.map((step) => this.read(rowKey, step, QuestionRollout)));
    return rollouts.filter((rollout) => rollout !== undefined);
  }

  /** The updates at which rationales of the question were sampled, rising. */
  async steps(rowKey: string): Promise<number[]> {
    this.#updating ??= this.#update().finally(() => {
      this.#updating = undefined;
    });
    await this.#updating;
    const steps = [...this.#files].flatMap(([step, { lines }]) => (lines.has(rowKey) ? [step] : []));
    return steps.sort((a, b) => a - b);
  }

  /** The rollout of a question at one of its `steps`, or that part of it which `schema` asks for; undefined when it is gone. */
  async read<T>(rowKey: string, step: number, schema: v.GenericSchema<unknown, T>): Promise<T | undefined> {
    const line = this.#files.get(step)?.lines.get(rowKey);
    return line === undefined ? undefined : v.parse(schema, JSON.parse(await this.#text(step, line)));
  }

  /** Indexes what is new; files of updates that were rolled back are dropped. Rollout files come and go whole, so the folder tells. */
  async #update(): Promise<void> {
    const folder = (await stat(this.#directory.rolloutsFolder).catch(() => undefined))?.mtimeMs;
    if (folder === this.#folder) return;
    this.#folder = folder;
    const steps = await this.#directory.rolloutSteps();
    for (const step of this.#files.keys()) if (!steps.includes(step)) this.#files.delete(step);
    for (const step of steps) {
      const file = this.#directory.rolloutFile(step);
      const { mtimeMs, size } = await stat(file);
      const stamp = `${mtimeMs} ${size}`;
      if (this.#files.get(step)?.stamp !== stamp) this.#files.set(step, { stamp, lines: await indexLines(file) });
    }
  }

  async #text(step: number, { start, length }: Line): Promise<string> {
    const bytes = Buffer.alloc(length);
    const handle = await open(this.#directory.rolloutFile(step));
    try {
      await handle.read(bytes, 0, length, start);
    } finally {
      await handle.close();
    }
    return bytes.toString('utf8');
  }
}

async function indexLines(file: string): Promise<Map<string, Line>> {
  const lines = new Map<string, Line>();
  const handle = await open(file);
  try {
    const chunk = Buffer.alloc(CHUNK_BYTES);
    let head = Buffer.alloc(0);
    let start = 0;
    for (let position = 0; ; ) {
      const { bytesRead } = await handle.read(chunk, 0, CHUNK_BYTES, position);
      if (bytesRead === 0) return lines;
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
