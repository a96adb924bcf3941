/** A run's `events.jsonl` as far as it was read: a panel that was hidden and comes back reads only what was written meanwhile. */
import { open, stat } from 'node:fs/promises';
import type { RunDirectory } from '../../engine/runs/run_directory.ts';
import type { RunEvent } from '../../protocol/records.ts';

/**
 * The end of what was read. A step's line ends with the seconds it took, so that after a roll back hardly another line has the same bytes at
 * the same place.
 */
const TAIL_BYTES = 512;

export class EventLog {
  #events: RunEvent[] = [];
  #end = 0;
  #tail = '';

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
      (await stat(path).catch(() => ({ size: 0 }))).size >= this.#end && (await this.#tailOf(path)) === this.#tail;
    if (!isSame) {
      this.#events = [];
      this.#end = 0;
    }
    const { records, end } = await directory.events(this.#end);
    for (const record of records) this.#events.push(record);
    this.#end = end;
    this.#tail = await this.#tailOf(path);
    return isSame;
  }

  async #tailOf(path: string): Promise<string> {
    const length = Math.min(TAIL_BYTES, this.#end);
    if (length === 0) return '';
    const handle = await open(path);
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, this.#end - length);
      return buffer.toString('latin1', 0, bytesRead);
    } finally {
      await handle.close();
    }
  }
}
