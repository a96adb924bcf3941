/** A run's `events.jsonl` as far as it was read: a panel that was hidden and comes back reads only what was written meanwhile. */
import { open, stat } from 'node:fs/promises';
import type { RunDirectory } from '../../engine/runs/run_directory.ts';
import type { RunEvent } from '../../protocol/records.ts';

/** What the last line is looked for in first; an evaluation with strategies is longer. */
const SHORT_LINE_BYTES = 4096;

export class EventLog {
  #events: RunEvent[] = [];
  #end = 0;
  /** The last line read, whole: it holds its time, so that after a roll back no other has the same bytes at the same place. */
  #last = '';

  get all(): readonly RunEvent[] {
    return this.#events;
  }

  /**
   * Reads on. `false` where what was read before is no longer what the file says, as after a roll back: then everything was read again.
   * Callers take turns.
   */
  async follow(directory: RunDirectory): Promise<boolean> {
    const path = directory.eventsFile;
    const isSame =
      (await stat(path).catch(() => ({ size: 0 }))).size >= this.#end &&
      (await textBefore(path, this.#end, this.#last.length)) === this.#last;
    if (!isSame) {
      this.#events = [];
      this.#end = 0;
    }
    const { records, end } = await directory.events(this.#end);
    for (const record of records) this.#events.push(record);
    this.#end = end;
    this.#last = await lineBefore(path, end);
    return isSame;
  }
}

/** The line that ends at byte `end`, its line feed included. */
async function lineBefore(path: string, end: number): Promise<string> {
  for (let length = SHORT_LINE_BYTES; ; length *= 4) {
    const text = await textBefore(path, end, Math.min(length, end));
    const start = text.lastIndexOf('\n', text.length - 2) + 1;
    if (start > 0 || length >= end) return text.slice(start);
  }
}

/** One character per byte. */
async function textBefore(path: string, end: number, length: number): Promise<string> {
  if (length === 0) return '';
  const handle = await open(path);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, end - length);
    return buffer.toString('latin1', 0, bytesRead);
  } finally {
    await handle.close();
  }
}
