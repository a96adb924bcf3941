/**
 * The key/value cache of a device: what kv_cache.ts is on the host, in tensors that never leave the device. Programs write new
 * columns in place; here only lengths are kept. Columns at and beyond a row's length hold numbers nobody attends to.
 */
import type { DeviceTensor } from '../runtime/device_tensor.ts';
import type { HostTensor } from '../runtime/session.ts';
import type { ModelConfig } from './config.ts';
import { cacheNames, presentName } from './device_extend_program.ts';
import { pastName } from './extend_program.ts';

const BLOCK = 32;

/** What a cache needs of the device. Tensors are listed key, value, key, … layer by layer. */
export interface CacheDevice {
  /** A tensor of the type that its programs keep keys and values in. */
  emptyCache(name: string, shape: readonly number[]): Promise<DeviceTensor>;
  /** Copies of the listed columns of the listed rows. */
  rearrange(
    tensors: readonly DeviceTensor[],
    rows: readonly number[],
    columns: readonly number[],
  ): Promise<readonly DeviceTensor[]>;
}

type CacheShape = Pick<ModelConfig, 'layers' | 'keyValueHeads' | 'headDim'>;

export class DeviceKeyValueCache {
  readonly #config: CacheShape;
  readonly #device: CacheDevice;
  #capacity = 0;
  #lengths: number[];
  /** (rows, Hkv, capacity, d) each; none while the capacity is 0, because the device has no tensors without elements. */
  #tensors: readonly DeviceTensor[] = [];

  constructor(config: CacheShape, rows: number, device: CacheDevice) {
    this.#config = config;
    this.#device = device;
    this.#lengths = new Array<number>(rows).fill(0);
  }

  get rows(): number {
    return this.#lengths.length;
  }

  get capacity(): number {
    return this.#capacity;
  }

  get lengths(): readonly number[] {
    return this.#lengths;
  }

  /** Program inputs past_key.l and past_value.l. */
  get inputs(): Record<string, DeviceTensor> {
    return this.#named(pastName);
  }

  /** Where the outputs present_key.l and present_value.l of the same run go: back to where they came from. */
  get outputs(): Record<string, DeviceTensor> {
    return this.#named(presentName);
  }

  /** int64 (rows, Hkv, width, 3): where the next `width` tokens of each row go. */
  places(width: number): HostTensor<BigInt64Array> {
    const heads = this.#config.keyValueHeads;
    const shape = [this.rows, heads, width, 3];
    const data = new BigInt64Array(this.rows * heads * width * 3);
    let next = 0;
    for (let row = 0; row < this.rows; row++) {
      for (let head = 0; head < heads; head++) {
        for (let t = 0; t < width; t++) {
          data[next++] = BigInt(row);
          data[next++] = BigInt(head);
          data[next++] = BigInt(this.#lengths[row]! + t);
        }
      }
    }
    return { shape, data };
  }

  /** Counts the first `counts[row]` of the columns that a run has just written as part of each sequence. */
  append(_outputs: unknown, _width: number, counts: readonly number[]): void {
    this.#lengths = this.#lengths.map((length, row) => length + counts[row]!);
  }

  /** Forgets every position of `row` from `length` on. */
  truncate(row: number, length: number): void {
    this.#lengths[row] = Math.min(this.#lengths[row]!, length);
  }

  async reserve(length: number): Promise<void> {
    if (length > this.#capacity) await this.#rebuild([...this.#lengths.keys()], Math.ceil(length / BLOCK) * BLOCK);
  }

  /** Keeps, repeats and orders rows as listed. */
  async select(rows: readonly number[]): Promise<void> {
    if (rows.length === this.rows && rows.every((row, i) => row === i)) return;
    await this.#rebuild(rows, this.#capacity);
  }

  /** Forgets the rows listed. @returns for each remaining row the place it had before */
  async drop(rows: readonly number[]): Promise<number[]> {
    const gone = new Set(rows);
    const kept = [...this.#lengths.keys()].filter((row) => !gone.has(row));
    await this.select(kept);
    return kept;
  }

  /** A new cache with copies of some rows, no wider than they need; the caller disposes it. */
  async extract(rows: readonly number[]): Promise<DeviceKeyValueCache> {
    const clone = new DeviceKeyValueCache(this.#config, rows.length, this.#device);
    clone.#lengths = rows.map((row) => this.#lengths[row]!);
    const capacity = Math.ceil(Math.max(0, ...clone.#lengths) / BLOCK) * BLOCK;
    clone.#tensors = await this.#copy(rows, capacity);
    clone.#capacity = capacity;
    return clone;
  }

  async #rebuild(rows: readonly number[], capacity: number): Promise<void> {
    const tensors = await this.#copy(rows, capacity);
    this.dispose();
    this.#tensors = tensors;
    this.#lengths = rows.map((row) => this.#lengths[row]!);
    this.#capacity = capacity;
  }

  async #copy(rows: readonly number[], capacity: number): Promise<readonly DeviceTensor[]> {
    if (rows.length === 0 || capacity === 0) return [];
    if (this.#tensors.length > 0) {
      // Columns that were not there before repeat the first one until they are written: any finite number will do.
      const columns = Array.from({ length: capacity }, (_, column) => (column < this.#capacity ? column : 0));
      return this.#device.rearrange(this.#tensors, rows, columns);
    }
    const { layers, keyValueHeads, headDim } = this.#config;
    const shape = [rows.length, keyValueHeads, capacity, headDim];
    const tensors: DeviceTensor[] = [];
    for (const name of cacheNames(layers, pastName)) tensors.push(await this.#device.emptyCache(name, shape));
    return tensors;
  }

  #named(name: typeof pastName): Record<string, DeviceTensor> {
    const names = cacheNames(this.#config.layers, name);
    return Object.fromEntries(this.#tensors.map((tensor, i) => [names[i]!, tensor]));
  }

  dispose(): void {
    for (const tensor of this.#tensors) tensor.dispose();
    this.#tensors = [];
  }
}
