/**
 * Keys and values of the tokens seen so far, one row per sequence: the one owner of these buffers. Rows have their own lengths
 * and are packed to the left; capacity grows in blocks so that the programs see few distinct shapes.
 */
import type { HostTensor } from '../runtime/session.ts';
import type { ModelConfig } from './config.ts';
import { freshName, pastName } from './extend_program.ts';

const BLOCK = 32;

/** What every run that extends a cache returns for it. */
export function freshOutputs({ layers }: Pick<ModelConfig, 'layers'>): string[] {
  return Array.from({ length: layers }, (_, layer) => [freshName('key', layer), freshName('value', layer)]).flat();
}

export class KeyValueCache {
  readonly #layers: number;
  readonly #heads: number;
  readonly #dim: number;
  #capacity: number;
  #lengths: number[];
  /** Per layer (rows, Hkv, capacity, d). */
  #keys: Float32Array[];
  #values: Float32Array[];

  constructor(config: Pick<ModelConfig, 'layers' | 'keyValueHeads' | 'headDim'>, rows: number, capacity = 0) {
    this.#layers = config.layers;
    this.#heads = config.keyValueHeads;
    this.#dim = config.headDim;
    this.#capacity = Math.ceil(capacity / BLOCK) * BLOCK;
    this.#lengths = new Array<number>(rows).fill(0);
    const size = rows * this.#heads * this.#capacity * this.#dim;
    this.#keys = Array.from({ length: this.#layers }, () => new Float32Array(size));
    this.#values = Array.from({ length: this.#layers }, () => new Float32Array(size));
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

  /** Program inputs past_key.l and past_value.l, borrowed until the next change. */
  get inputs(): Record<string, HostTensor> {
    const shape = [this.rows, this.#heads, this.#capacity, this.#dim];
    const inputs: Record<string, HostTensor> = {};
    for (let layer = 0; layer < this.#layers; layer++) {
      inputs[pastName('key', layer)] = { shape, data: this.#keys[layer]! };
      inputs[pastName('value', layer)] = { shape, data: this.#values[layer]! };
    }
    return inputs;
  }

  /**
   * Appends the first `counts[row]` of the `width` new positions that a run returned for each row.
   * @param outputs fresh_key.l and fresh_value.l, (rows, Hkv, width, d)
   */
  append(outputs: Readonly<Record<string, Float32Array>>, width: number, counts: readonly number[]): void {
    this.reserve(Math.max(0, ...this.#lengths.map((length, row) => length + counts[row]!)));
    for (let layer = 0; layer < this.#layers; layer++) {
      this.#copyFresh(outputs[freshName('key', layer)]!, this.#keys[layer]!, width, counts);
      this.#copyFresh(outputs[freshName('value', layer)]!, this.#values[layer]!, width, counts);
    }
    this.#lengths = this.#lengths.map((length, row) => length + counts[row]!);
  }

  #copyFresh(from: Float32Array, to: Float32Array, width: number, counts: readonly number[]): void {
    const dim = this.#dim;
    for (let row = 0; row < this.rows; row++) {
      const count = counts[row]! * dim;
      for (let head = 0; head < this.#heads; head++) {
        const source = (row * this.#heads + head) * width * dim;
        const target = ((row * this.#heads + head) * this.#capacity + this.#lengths[row]!) * dim;
        if (count === dim) for (let i = 0; i < dim; i++) to[target + i] = from[source + i]!;
        else to.set(from.subarray(source, source + count), target);
      }
    }
  }

  /** Forgets every position of `row` from `length` on. */
  truncate(row: number, length: number): void {
    this.#lengths[row] = Math.min(this.#lengths[row]!, length);
  }

  reserve(length: number): void {
    if (length > this.#capacity) this.#rebuild([...this.#lengths.keys()], Math.ceil(length / BLOCK) * BLOCK);
  }

  /** Keeps, repeats and orders rows as listed. */
  select(rows: readonly number[]): void {
    if (rows.length === this.rows && rows.every((row, i) => row === i)) return;
    this.#rebuild(rows, this.#capacity);
  }

  /**
   * Forgets the rows listed. What is left moves together by as few rows as there are gaps; nothing else is copied.
   * @returns for each remaining row the place it had before
   */
  drop(rows: readonly number[]): number[] {
    const gone = new Set(rows);
    const order: number[] = [];
    let end = this.rows;
    for (let row = 0; row < end; row++) {
      let from = row;
      if (gone.has(row)) {
        do end--;
        while (end > row && gone.has(end));
        if (end === row) break;
        from = end;
      }
      order.push(from);
    }
    const stride = this.#heads * this.#capacity * this.#dim;
    const move = (data: Float32Array): Float32Array => {
      order.forEach((from, to) => {
        if (from !== to) data.copyWithin(to * stride, from * stride, (from + 1) * stride);
      });
      return data.subarray(0, order.length * stride);
    };
    this.#keys = this.#keys.map(move);
    this.#values = this.#values.map(move);
    this.#lengths = order.map((from) => this.#lengths[from]!);
    return order;
  }

  /** A new cache with copies of some rows, no wider than they need. */
  extract(rows: readonly number[]): KeyValueCache {
    const clone = new KeyValueCache(
      { layers: this.#layers, keyValueHeads: this.#heads, headDim: this.#dim },
      rows.length,
      Math.max(0, ...rows.map((row) => this.#lengths[row]!)),
    );
    clone.#lengths = rows.map((row) => this.#lengths[row]!);
    for (let layer = 0; layer < this.#layers; layer++) {
      clone.#keys[layer] = this.#gather(this.#keys[layer]!, rows, clone.#capacity);
      clone.#values[layer] = this.#gather(this.#values[layer]!, rows, clone.#capacity);
    }
    return clone;
  }

  /** Appends to each row i all positions of row `rows[i]` of another cache. */
  extendWith(other: KeyValueCache, rows: readonly number[]): void {
    this.reserve(Math.max(0, ...rows.map((row, i) => this.#lengths[i]! + other.#lengths[row]!)));
    const dim = this.#dim;
    const copy = (from: Float32Array, to: Float32Array): void => {
      rows.forEach((row, i) => {
        for (let head = 0; head < this.#heads; head++) {
          const source = (row * this.#heads + head) * other.#capacity * dim;
          const target = ((i * this.#heads + head) * this.#capacity + this.#lengths[i]!) * dim;
          to.set(from.subarray(source, source + other.#lengths[row]! * dim), target);
        }
      });
    };
    for (let layer = 0; layer < this.#layers; layer++) {
      copy(other.#keys[layer]!, this.#keys[layer]!);
      copy(other.#values[layer]!, this.#values[layer]!);
    }
    this.#lengths = this.#lengths.map((length, i) => length + other.#lengths[rows[i]!]!);
  }

  /** Rows of several caches one after the other. */
  static join(parts: readonly KeyValueCache[]): KeyValueCache {
    const first = parts[0]!;
    const capacity = Math.max(...parts.map((part) => part.#capacity));
    const joined = first.extract([]);
    joined.#capacity = capacity;
    joined.#lengths = parts.flatMap((part) => part.#lengths);
    const stack = (pick: (part: KeyValueCache) => Float32Array): Float32Array => {
      const out = new Float32Array(joined.rows * first.#heads * capacity * first.#dim);
      let offset = 0;
      for (const part of parts) {
        const block =
          part.#capacity === capacity ? pick(part) : part.#gather(pick(part), [...part.#lengths.keys()], capacity);
        out.set(block, offset);
        offset += block.length;
      }
      return out;
    };
    for (let layer = 0; layer < first.#layers; layer++) {
      joined.#keys[layer] = stack((part) => part.#keys[layer]!);
      joined.#values[layer] = stack((part) => part.#values[layer]!);
    }
    return joined;
  }

  /** Becomes the rows of these caches one after the other; they are not to be used afterwards. */
  take(parts: readonly KeyValueCache[]): void {
    const joined = parts.length === 1 ? parts[0]! : KeyValueCache.join(parts);
    this.#capacity = joined.#capacity;
    this.#lengths = joined.#lengths;
    this.#keys = joined.#keys;
    this.#values = joined.#values;
  }

  #rebuild(rows: readonly number[], capacity: number): void {
    for (let layer = 0; layer < this.#layers; layer++) {
      this.#keys[layer] = this.#gather(this.#keys[layer]!, rows, capacity);
      this.#values[layer] = this.#gather(this.#values[layer]!, rows, capacity);
    }
    this.#lengths = rows.map((row) => this.#lengths[row]!);
    this.#capacity = capacity;
  }

  /** The garbage collector takes what it owns; a device's cache has to be told. */
  dispose(): void {
    this.#keys = [];
    this.#values = [];
  }

  #gather(from: Float32Array, rows: readonly number[], capacity: number): Float32Array {
    const dim = this.#dim;
    const out = new Float32Array(rows.length * this.#heads * capacity * dim);
    rows.forEach((row, target) => {
      const used = this.#lengths[row]! * dim;
      for (let head = 0; head < this.#heads; head++) {
        const source = (row * this.#heads + head) * this.#capacity * dim;
        out.set(from.subarray(source, source + used), (target * this.#heads + head) * capacity * dim);
      }
    });
    return out;
  }
}
