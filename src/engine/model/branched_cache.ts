/**
 * Keys and values of rows that share prompts: each prompt once, and behind it every row's own tokens. What rows would hold and read
 * K times, K rows of a question hold and read once.
 */
import type { HostTensor } from '../runtime/session.ts';
import type { ModelConfig } from './config.ts';
import { promptName } from './decode_program.ts';
import { pastName } from './extend_program.ts';
import { KeyValueCache } from './kv_cache.ts';

export class BranchedCache {
  readonly #layers: number;
  readonly #prompts: KeyValueCache;
  readonly #own: KeyValueCache;
  #promptOf: readonly number[];

  /**
   * @param prompts borrowed, and to be left as they are; disposed of with this
   * @param promptOf which of them each row follows
   */
  constructor(config: ModelConfig, prompts: KeyValueCache, promptOf: readonly number[]) {
    this.#layers = config.layers;
    this.#prompts = prompts;
    this.#own = new KeyValueCache(config, promptOf.length);
    this.#promptOf = promptOf;
  }

  get rows(): number {
    return this.#promptOf.length;
  }

  /** Positions of each row, its prompt included. */
  get lengths(): readonly number[] {
    return this.#own.lengths.map((length, row) => length + this.promptLength(row));
  }

  promptLength(row: number): number {
    return this.#prompts.lengths[this.#promptOf[row]!]!;
  }

  /** Positions that the program reads: of prompts, and of a row's own. */
  get capacity(): { readonly prompt: number; readonly own: number } {
    return { prompt: this.#prompts.capacity, own: this.#own.capacity };
  }

  /** Inputs of `decode`, borrowed until the next change. */
  get inputs(): Record<string, HostTensor> {
    const prompts = this.#prompts.inputs;
    const inputs: Record<string, HostTensor> = { ...this.#own.inputs, ...this.#places() };
    for (let layer = 0; layer < this.#layers; layer++) {
      for (const kind of ['key', 'value'] as const) inputs[promptName(kind, layer)] = prompts[pastName(kind, layer)]!;
    }
    return inputs;
  }

  /** grid (Q·S) and place (B) of `decode`: the rows of a prompt side by side, as many places as the prompt with the most rows has. */
  #places(): { readonly grid: HostTensor; readonly place: HostTensor } {
    const next = new Array<number>(this.#prompts.rows).fill(0);
    const column = this.#promptOf.map((prompt) => next[prompt]!++);
    const perPrompt = Math.max(1, ...next);
    const grid = new BigInt64Array(this.#prompts.rows * perPrompt);
    const place = BigInt64Array.from(this.#promptOf, (prompt, row) => BigInt(prompt * perPrompt + column[row]!));
    place.forEach((at, row) => {
      grid[Number(at)] = BigInt(row);
    });
    return { grid: { shape: [grid.length], data: grid }, place: { shape: [place.length], data: place } };
  }

  /** Appends the new position that a run returned for each row: fresh_key.l and fresh_value.l, (rows, Hkv·d). */
  append(outputs: Readonly<Record<string, Float32Array>>): void {
    this.#own.append(
      outputs,
      1,
      this.#promptOf.map(() => 1),
    );
  }

  /** Forgets the rows listed. @returns for each remaining row the place it had before */
  drop(rows: readonly number[]): number[] {
    const order = this.#own.drop(rows);
    this.#promptOf = order.map((from) => this.#promptOf[from]!);
    return order;
  }

  /** A plain cache of some rows, each prompt and what follows it in one. */
  extract(rows: readonly number[]): KeyValueCache {
    const prompts = this.#prompts.extract(rows.map((row) => this.#promptOf[row]!));
    prompts.extendWith(this.#own, rows);
    return prompts;
  }

  dispose(): void {
    this.#prompts.dispose();
    this.#own.dispose();
  }
}
